// One box's mesh as a process of its own, without the rest of the box: what the mesh's labs and benchmarks start.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { MeshPart } from "../../src/mesh/index.ts";

const [folder = "", boxName = "", overrides = "{}"] = process.argv.slice(2);
mkdirSync(`${folder}/run`, { recursive: true });
const log = createLog({ level: process.env.MESH_LOG === "debug" ? "debug" : "info", human: false });
const told = (message: string) => log.error(message);
const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
const part = new MeshPart({
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
await part.start();
const stop = async () => {
  await part.stop();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
