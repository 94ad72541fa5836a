import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { signingKey } from "../../src/identity/signing-key.ts";
import { systemBootClock } from "../../src/lora/index.ts";
import { Journal } from "../../src/store/index.ts";
import { policyOf } from "../../src/vm/admission/index.ts";
import { CheckpointShelf, Checkpoints, machineKind, USUAL_SHELF } from "../../src/vm/checkpoint/index.ts";
import { Egress } from "../../src/vm/egress/index.ts";
import { GuestAgent } from "../../src/vm/guest-agent/index.ts";
import { readVmImage } from "../../src/vm/image/index.ts";
import { LeaseStore } from "../../src/vm/leases/index.ts";
import { Lender } from "../../src/vm/lending/index.ts";
import { Libvirt } from "../../src/vm/libvirt/index.ts";
import { OverlayStore } from "../../src/vm/overlay/index.ts";
import { ReaperKeeper, SYSTEM_GROUNDS } from "../../src/vm/reaper/index.ts";
import { DEFAULT_PUNISHMENT, LeaseWatch } from "../../src/vm/watch/index.ts";
import { LeaseDesk, LeaseServer } from "../../src/vm/wire/index.ts";

/** As JSON, the process's one argument. */
export interface CheckpointBoxOrder {
  /** Its own. */
  folder: string;
  manifest: string;
  heardAt: string;
  port: number;
  /** The seed of its key, and the public keys of boxes that it believes, in hexadecimal digits. */
  seed: string;
  trusts: string[];
  /** Whom it lends to before others, 64 hexadecimal digits. */
  first: string;
  libvirt: {
    uri: string;
    owner: string;
    uid: number;
    partition?: string;
    isMemoryHeld: boolean;
    pidFolder: string;
    /** QEMU's user may read it. */
    folder: string;
  };
}

/*
 * A box that lends, saves machines and lets them go on, with a reaper, as the daemon has it. It has memory for one machine.
 * Prints "lending", and its journal by SIGTERM.
 */

const order = JSON.parse(process.argv[2] ?? "") as CheckpointBoxOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const { folder, libvirt: lab } = order;
for (const name of ["run", "disks", "shelf"]) mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
const agents = join(lab.folder, String(order.port));
const journal = new Journal(join(folder, "journal.db"), systemClock, 10_000);
journal.open();
const store = new LeaseStore({
  path: join(folder, "leases.db"),
  ...{ journal, clock: systemClock, timers: systemTimers, bootClock: systemBootClock() },
});
store.open();
const keeper = new ReaperKeeper({
  order: {
    runFolder: join(folder, "run"),
    grounds: {
      folders: [...SYSTEM_GROUNDS.folders, agents, join(folder, "disks")],
      pidFolders: [lab.pidFolder],
      cgroupParents: lab.partition ? [`${lab.partition.slice(1)}.partition`] : [],
      hasVolumes: false,
    },
    libvirtUri: lab.uri,
    graceMs: 0,
  },
  command: [process.execPath, join(import.meta.dir, "vm-reaper-process.ts")],
  live: () => lender.live().map(({ id }) => id),
  ...{ timers: systemTimers, journal, log },
});
const watch = new LeaseWatch({
  onRogue: (event) => void lender.onRogue(event),
  onFailure: (lease, error) => log.warn({ error }, `watch of ${lease}`),
  wallMs: Date.now,
});
const libvirt = await Libvirt.connect({ uri: lab.uri, onEvent: (event) => lender.onDomain(event) });
const image = readVmImage(order.manifest);
const qemu = (await libvirt.host()).hypervisorVersion;
const checkpoints = new Checkpoints({
  shelf: new CheckpointShelf({
    ...{ folder: join(folder, "shelf"), clock: systemClock, log },
    limits: { ...USUAL_SHELF, keptFreeBytes: 0 },
  }),
  key: signingKey(Uint8Array.from(Buffer.from(order.seed, "hex"))),
  trusts: (box) => order.trusts.includes(box),
  images: () => [image],
  machine: async () => machineKind("x64", "emulation", qemu, () => ""),
  refusalOf: (requester, source) => lender.refusalOfOffer(requester, source),
  randomBytes,
});
const policy = policyOf({ ...defaultConfig().vm, accept: "all" });
const lender: Lender = new Lender({
  ground: {
    ...{ libvirt, watch, checkpoints, egress: new Egress() },
    isSupervised: () => keeper.isWatching,
    overlays: new OverlayStore({
      folder: join(folder, "disks"),
      mediumFolder: undefined,
      ...{ memoryShareMiB: 4_096, keptMemoryMiB: 128, keptMediumMiB: 0, swapPolicy: "refuse" },
      ...{ randomBytes, log, owner: { uid: lab.uid, gid: lab.uid } },
    }),
    agentAt: (socket) => new GuestAgent(socket),
    folder: agents,
    ...{ architecture: "x64", accelerator: "emulation", partition: lab.partition },
    owner: { name: lab.owner, uid: lab.uid, gid: lab.uid },
    isMemoryHeld: lab.isMemoryHeld,
    punishment: DEFAULT_PUNISHMENT,
    forbidden: () => [],
    ...{ randomBytes, clock: systemClock },
  },
  policy: {
    ...policy,
    rules: [
      {
        ...{ requester: order.first, network: undefined, source: undefined },
        ...{ reputation: { least: 0, most: 100 }, verdict: "allow", priority: 90 },
      },
    ],
    counts: { ...policy.counts, perSource: 8 },
  },
  ...{ store, journal, log, timers: systemTimers },
  images: () => [image],
  capability: () => ({ cpus: 1, memoryMiB: 256, diskMiB: 1_024, images: [image.name] }),
  ports: { first: order.port + 1, last: order.port + 20 },
  heardAt: () => order.heardAt,
  self: undefined,
  localMinuteOfDay: () => 12 * 60,
});
await checkpoints.start();
await keeper.start();
await lender.start();
watch.start();
const desk = new LeaseDesk({
  ...{ lender, timers: systemTimers, randomBytes },
  memberships: { list: () => [] },
});
const listen = [{ address: order.heardAt, port: order.port }];
const server = new LeaseServer({ desk, checkpoints: () => checkpoints, listen, log });
server.start();
console.log("lending");
await new Promise((resolve) => process.once("SIGTERM", resolve));
await lender.stop();
await server.stop();
await watch.stop();
await keeper.stop();
await libvirt.close();
const entries = journal.tail(200).toReversed();
console.log(`journal ${JSON.stringify(entries.map(({ kind, detail }) => ({ kind, detail })))}`);
console.log(`shelf ${JSON.stringify(readdirSync(join(folder, "shelf")))}`);
store.close();
journal.close();
process.exit(0);
