import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { systemBootClock } from "../../src/lora/index.ts";
import { LEASE_PORT } from "../../src/requester/index.ts";
import { Journal } from "../../src/store/index.ts";
import { policyOf } from "../../src/vm/admission/index.ts";
import { Egress } from "../../src/vm/egress/index.ts";
import { GuestAgent } from "../../src/vm/guest-agent/index.ts";
import { readVmImage } from "../../src/vm/image/index.ts";
import { LeaseStore } from "../../src/vm/leases/index.ts";
import { Lender, type MachineGround } from "../../src/vm/lending/index.ts";
import { Libvirt } from "../../src/vm/libvirt/index.ts";
import { OverlayStore } from "../../src/vm/overlay/index.ts";
import { Pool, USUAL_POOL } from "../../src/vm/pool/index.ts";
import { DEFAULT_PUNISHMENT, LeaseWatch, type PunishmentPolicy } from "../../src/vm/watch/index.ts";
import { LeaseDesk, LeaseServer } from "../../src/vm/wire/index.ts";

/** As JSON, the process's one argument. */
export interface LenderOrder {
  folder: string;
  manifest: string;
  heardAt: string;
  libvirt: {
    uri: string;
    owner: string;
    uid: number;
    partition?: string;
    isMemoryHeld: boolean;
    folder: string;
  };
  /** How many machines wait; undefined: each lease starts its own. */
  pool?: { keep: number };
  /** The box's own networks; undefined: that of its uplink. */
  forbidden?: string[];
  /** Until SIGUSR2; undefined: the usual one from the beginning. */
  punishment?: PunishmentPolicy;
}

/* A box that lends, as the daemon has it: prints "lending", and its journal's entries as they come. */

const order = JSON.parse(process.argv[2] ?? "") as LenderOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const journal = new Journal(join(order.folder, "journal.db"), systemClock, 10_000);
journal.open();
const store = new LeaseStore({
  path: join(order.folder, "leases.db"),
  ...{ journal, clock: systemClock, timers: systemTimers, bootClock: systemBootClock() },
});
store.open();
const watch = new LeaseWatch({
  onRogue: (event) => {
    appendFileSync(join(order.folder, "rogue.jsonl"), `${JSON.stringify(event)}\n`);
    void lender.onRogue(event);
  },
  onFailure: (lease, error) => log.warn({ error }, `watch of ${lease}`),
  wallMs: Date.now,
});
const libvirt = await Libvirt.connect({
  uri: order.libvirt.uri,
  onEvent: (event) => {
    pool?.onDomain(event);
    lender.onDomain(event);
  },
});
const image = readVmImage(order.manifest);
const config = defaultConfig().vm;
const ground = {
  ...{ libvirt, watch, egress: new Egress() },
  overlays: new OverlayStore({
    folder: join(order.folder, "disks"),
    mediumFolder: undefined,
    ...{
      memoryShareMiB: 1_024,
      keptMemoryMiB: 128,
      keptMediumMiB: 0,
      swapPolicy: "refuse",
      randomBytes,
      log,
    },
    owner: { uid: order.libvirt.uid, gid: order.libvirt.uid },
  }),
  agentAt: (socket) => new GuestAgent(socket),
  folder: order.libvirt.folder,
  architecture: "x64",
  accelerator: "emulation",
  partition: order.libvirt.partition,
  owner: { name: order.libvirt.owner, uid: order.libvirt.uid, gid: order.libvirt.uid },
  isMemoryHeld: order.libvirt.isMemoryHeld,
  punishment: order.punishment ?? DEFAULT_PUNISHMENT,
  forbidden: () => order.forbidden ?? ["198.51.100.0/24"],
  randomBytes,
  clock: systemClock,
} satisfies MachineGround;
const pool =
  order.pool &&
  new Pool({
    ground,
    policy: {
      ...USUAL_POOL,
      shapes: [{ image: image.name, cpus: 1, memoryMiB: 256, diskMiB: 0 }],
      keep: order.pool.keep,
    },
    images: () => [image],
    causes: () => [],
    ...{ log, timers: systemTimers },
  });
const lending = { ...ground, pool };
process.on("SIGUSR2", () => {
  lending.punishment = DEFAULT_PUNISHMENT;
});
const lender: Lender = new Lender({
  ground: lending,
  policy: policyOf({ ...config, accept: "all" }),
  ...{ store, journal, log, timers: systemTimers },
  images: () => [image],
  capability: () => ({ cpus: 2, memoryMiB: 2_048, diskMiB: 1_024, images: [image.name] }),
  ports: { first: 24_700, last: 24_799 },
  heardAt: () => order.heardAt,
  self: undefined,
  localMinuteOfDay: () => 12 * 60,
});
await lender.start();
watch.start();
pool?.start();
/** What waits, as often as it is another number: `pool 2 of 1` are two machines and one file. */
let told = "";
const telling = setInterval(() => {
  const stock = pool?.stock() ?? [];
  const waiting = stock.reduce((sum, { machines }) => sum + machines, 0);
  const text = `pool ${waiting} of ${stock.filter(({ hasFile }) => hasFile).length}`;
  if (pool && text !== told) console.log(text);
  told = text;
}, 100);

const listen = [{ address: order.heardAt, port: LEASE_PORT }];
const desk = new LeaseDesk({
  ...{ lender, timers: systemTimers, randomBytes },
  memberships: { list: () => [] },
});
const server = new LeaseServer({ desk, listen, log });
server.start();
console.log("lending");
await new Promise((resolve) => process.once("SIGTERM", resolve));
clearInterval(telling);
await lender.stop();
await pool?.stop();
await server.stop();
await watch.stop();
await libvirt.close();
console.log(
  JSON.stringify(
    journal
      .tail(100)
      .toReversed()
      .map(({ kind, subject, detail }) => ({ kind, subject, detail })),
  ),
);
store.close();
journal.close();
process.exit(0);
