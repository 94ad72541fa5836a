// One box's mesh and its updates as a process of their own, on a machine that has no other slot: what is fetched is checked
// by the real RAUC, and kept.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { bundleFacts } from "../../src/update/bundle/rauc-bundle.ts";
import { type Machine, UpdatePart } from "../../src/update/index.ts";
import { openMesh } from "./mesh-here.ts";
import type { UpdateBoxOptions } from "./update-box.ts";

const { folder, log, mesh } = openMesh(process.argv.slice(2));
const options = JSON.parse(readFileSync(`${folder}/update-options.json`, "utf8")) as UpdateBoxOptions;
const noSlots = () => Promise.reject(new Error("this machine has no other slot"));
const machine: Machine = {
  compatible: "omerta-box-pc-amd64",
  running: async () => ({ slot: "A", version: options.version, start: "normal", bootId: "lab" }),
  unable: async () => undefined,
  isGood: async () => false,
  install: noSlots,
  try: noSlots,
  restart: noSlots,
  confirm: async () => {},
  watchSaid: () => undefined,
};
const update = new UpdatePart({
  config: { ...defaultConfig().update, neighbour_kbit: options.kbit },
  machine,
  stateFolder: folder,
  networks: mesh,
  vitals: async () => ({ parts: [], portalAnswers: true, storeWrites: true }),
  openSos: () => 0,
  power: () => undefined,
  isClockKnown: () => true,
  clock: systemClock,
  timers: systemTimers,
  check: (path) => bundleFacts(path, { conf: options.conf }),
  journal: { append: async () => {} },
  log,
});
await mesh.start();
await update.start();
const shown = setInterval(() => {
  writeFileSync(`${folder}/update-view.new`, JSON.stringify(update.view()));
  renameSync(`${folder}/update-view.new`, `${folder}/update-view.json`);
}, 100);
const stop = async () => {
  clearInterval(shown);
  await update.stop();
  await mesh.stop();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
