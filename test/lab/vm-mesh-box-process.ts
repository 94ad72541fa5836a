// One box's mesh and its lending as a process of its own: a real lender and a real journal, on a machine that makes nothing.
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { defaultConfig } from "../../src/config/index.ts";
import { systemTimers } from "../../src/host/timers.ts";
import type { Capability } from "../../src/mesh/index.ts";
import { LEASE_PORT } from "../../src/requester/index.ts";
import { policyOf } from "../../src/vm/admission/index.ts";
import { LeaseDesk, LeaseMesh, LeaseServer } from "../../src/vm/wire/index.ts";
import { lending } from "../unit/vm/lending/played-ground.ts";
import { openMesh } from "./mesh-here.ts";

/** In `lending.json` in the box's folder. Each decision is printed as a line: "decision " and what the journal keeps of it. */
export interface LendingOrder {
  accept: "members" | "nobody";
  address: string;
  capability: Capability | null;
}

const args = process.argv.slice(2);
const order = JSON.parse(readFileSync(`${args[0]}/lending.json`, "utf8")) as LendingOrder;
const { folder, log, memberships, mesh } = openMesh(args, {
  mayTunnel: false,
  capability: () => order.capability ?? undefined,
});
mkdirSync(`${folder}/lending`, { recursive: true });
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
