// One box's mesh and its updates as a process of their own, on a machine that has no other slot: what is fetched is checked
// by the real RAUC, and kept.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { MeshPart } from "../../src/mesh/index.ts";
import { bundleFacts } from "../../src/update/bundle/rauc-bundle.ts";
import { type Machine, UpdatePart } from "../../src/update/index.ts";
import type { UpdateBoxOptions } from "./update-box.ts";

const [folder = "", boxName = "", overrides = "{}"] = process.argv.slice(2);
mkdirSync(`${folder}/run`, { recursive: true });
const options = JSON.parse(readFileSync(`${folder}/update-options.json`, "utf8")) as UpdateBoxOptions;
const log = createLog({ level: process.env.MESH_LOG === "debug" ? "debug" : "info", human: false });
const told = (message: string) => log.error(message);
const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
const mesh = new MeshPart({
  config: { ...defaultConfig().mesh, ...(JSON.parse(overrides) as object) },
  boxName,
  exclude: [],
  memberships,
  stateFolder: folder,
  runFolder: `${folder}/run`,
  loopback: false,
  forbidden: [],
  traffic: undefined,
  links: [],
  uplinks: undefined,
  mayTunnel: true,
  lora: undefined,
  services: () => [],
  capability: () => undefined,
  timers: systemTimers,
  random: Math.random,
  randomBytes,
  journal: { append: async () => {} },
  log,
});
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
