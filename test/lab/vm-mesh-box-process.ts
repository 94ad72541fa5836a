// One box's mesh and its lending as a process of its own: a real lender and a real journal, on a machine that makes nothing.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Memberships, openDeviceKey } from "../../src/identity/index.ts";
import { type Capability, MeshPart } from "../../src/mesh/index.ts";
import { LEASE_PORT } from "../../src/requester/index.ts";
import { policyOf } from "../../src/vm/admission/index.ts";
import { LeaseDesk, LeaseMesh, LeaseServer } from "../../src/vm/wire/index.ts";
import { lending } from "../unit/vm/lending/played-ground.ts";

/** In `lending.json` in the box's folder. Each decision is printed as a line: "decision " and what the journal keeps of it. */
export interface LendingOrder {
  accept: "members" | "nobody";
  address: string;
  capability: Capability | null;
}

const [folder = "", boxName = "", overrides = "{}"] = process.argv.slice(2);
for (const name of ["run", "lending"]) mkdirSync(`${folder}/${name}`, { recursive: true });
const order = JSON.parse(readFileSync(`${folder}/lending.json`, "utf8")) as LendingOrder;
const log = createLog({ level: "info", human: false });
const told = (message: string) => log.error(message);
const memberships = new Memberships(folder, openDeviceKey(folder, told), systemClock, told).open();
const mesh = new MeshPart({
  config: { ...defaultConfig().mesh, ...(JSON.parse(overrides) as object) },
  boxName,
  memberships,
  stateFolder: folder,
  runFolder: `${folder}/run`,
  ...{ exclude: [], loopback: false, forbidden: [], traffic: undefined, links: [], uplinks: undefined },
  ...{ mayTunnel: false, lora: undefined, services: () => [] },
  capability: () => order.capability ?? undefined,
  timers: systemTimers,
  random: Math.random,
  randomBytes,
  journal: { append: async () => {} },
  log,
});
const { lender, store, journal } = lending(`${folder}/lending`, {
  policy: policyOf({ ...defaultConfig().vm, accept: order.accept }),
  timers: systemTimers,
  heardAt: () => order.address,
  log,
});
const desk = new LeaseDesk({ lender, memberships, timers: systemTimers, randomBytes });
const server = new LeaseServer({ desk, log, listen: [{ address: order.address, port: LEASE_PORT }] });
const byMesh = new LeaseMesh({ desk, networks: mesh, timers: systemTimers, log });

await lender.start();
server.start();
await byMesh.start();
await mesh.start();
let shown = 0;
const show = setInterval(() => {
  for (const { id, kind, detail } of journal.tail(50).toReversed()) {
    if (id <= shown || !kind.startsWith("lease-")) continue;
    shown = id;
    console.log(`decision ${JSON.stringify({ kind, ...detail })}`);
  }
}, 50);
const stop = async () => {
  clearInterval(show);
  await byMesh.stop();
  await mesh.stop();
  await server.stop();
  await lender.stop();
  store.close();
  journal.close();
  process.exit(0);
};
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());
