import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { run } from "../../src/host/run.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Journal } from "../../src/store/index.ts";
import { Egress, type EgressTunnel, inside, planEgress } from "../../src/vm/egress/index.ts";
import { GuestAgent } from "../../src/vm/guest-agent/index.ts";
import { readVmImage } from "../../src/vm/image/index.ts";
import { Libvirt } from "../../src/vm/libvirt/index.ts";
import { OverlayStore } from "../../src/vm/overlay/index.ts";
import { Pool, type PooledMachine, USUAL_POOL } from "../../src/vm/pool/index.ts";
import { ReaperKeeper, SYSTEM_GROUNDS } from "../../src/vm/reaper/index.ts";

/** As JSON, the process's one argument. */
export interface PoolBoxOrder {
  folder: string;
  manifest: string;
  diskMiB: number;
  keep: number;
  /** Whether a reaper ends what is left: only where nobody else has machines. */
  isReaped: boolean;
  libvirt: {
    uri: string;
    owner: string;
    uid: number;
    partition?: string;
    isMemoryHeld: boolean;
    folder: string;
    pidFolder: string;
  };
}

/** Who a machine is for. */
export interface ServeOrder {
  tunnel: EgressTunnel;
  sshKey: string;
  /** undefined: as much as there is. */
  kbit?: number;
}

/** A machine that was claimed and has become somebody's. */
export interface Served {
  id: string;
  hostKey: string;
  /** From the claim on, ms: until it was there, its egress stood, it was attached and looked at, ran, was prepared. */
  steps: Record<string, number>;
}

/*
 * A box with a pool as the daemon has it, and a reaper. Each line of standard input is {"call", "argument"}; each is
 * answered by a line {"result"} or {"error"}, in order.
 */

const order = JSON.parse(process.argv[2] ?? "") as PoolBoxOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const journal = new Journal(join(order.folder, "journal.db"), systemClock, 10_000);
journal.open();
const disks = join(order.folder, "disks");
const keeper = new ReaperKeeper({
  order: {
    runFolder: order.folder,
    grounds: {
      folders: [...SYSTEM_GROUNDS.folders, order.libvirt.folder, disks],
      pidFolders: [order.libvirt.pidFolder],
      cgroupParents: order.libvirt.partition ? [`${order.libvirt.partition.slice(1)}.partition`] : [],
      hasVolumes: false,
    },
    libvirtUri: order.libvirt.uri,
    graceMs: 0,
  },
  command: [process.execPath, join(import.meta.dir, "vm-reaper-process.ts")],
  live: () => [],
  ...{ timers: systemTimers, journal, log },
});
if (order.isReaped) await keeper.start();

const libvirt = await Libvirt.connect({
  uri: order.libvirt.uri,
  onEvent: (event) => pool.onDomain(event),
});
const egress = new Egress();
const image = readVmImage(order.manifest);
let causes: readonly "memory"[] = [];
const pool: Pool = new Pool({
  ground: {
    ...{ libvirt, egress, randomBytes },
    overlays: new OverlayStore({
      folder: disks,
      mediumFolder: undefined,
      ...{
        memoryShareMiB: 16_384,
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
    ...{ architecture: "x64", accelerator: "emulation", partition: order.libvirt.partition },
    owner: { name: order.libvirt.owner, uid: order.libvirt.uid, gid: order.libvirt.uid },
    isMemoryHeld: order.libvirt.isMemoryHeld,
  },
  policy: {
    ...USUAL_POOL,
    shapes: [{ image: image.name, cpus: 1, memoryMiB: 256, diskMiB: order.diskMiB }],
    keep: order.keep,
  },
  images: () => [image],
  causes: () => causes,
  ...{ log, timers: systemTimers },
});
pool.start();
const claimed = new Map<string, PooledMachine>();

const calls: Record<string, (argument: never) => unknown> = {
  stock: () => pool.stock(),
  ids: () => pool.ids,
  press: (is: readonly "memory"[]) => {
    causes = is;
  },
  /** What a machine that waits can send by: its namespace's interfaces, and what they have carried. */
  links: async () => {
    const namespaces = (await run(["ip", "netns", "list"])).match(/omvm-[0-9a-f]{10}/g) ?? [];
    const seen = namespaces.map((namespace) => run(inside(namespace, "ip", "-json", "-s", "link", "show")));
    return Promise.all(seen.map(async (text) => JSON.parse(await text) as unknown));
  },
  /** Does with a machine what a lease does, and lets it make its own key. */
  serve: async ({ tunnel, sshKey, kbit }: ServeOrder): Promise<Served> => {
    const beganMs = performance.now();
    const steps: Record<string, number> = {};
    const done = (step: string) => {
      steps[step] = Math.round(performance.now() - beganMs);
    };
    const machine = await pool.claim({
      image: image.name,
      resources: { cpus: 1, memoryMiB: 256, diskMiB: order.diskMiB },
    });
    if (!machine) throw new Error("the pool is empty");
    claimed.set(machine.id, machine);
    done("claimed");
    const plan = planEgress({
      ...{ lease: machine.id, names: machine.names, tunnel, punishment: { cutOn: [] } },
      limits: { upKbit: kbit, downKbit: kbit, newConnectionsPerS: 100 },
      forbidden: ["198.51.100.0/24"],
    });
    await egress.up(plan);
    done("up");
    await egress.attach(plan);
    done("attached");
    await libvirt.resume(machine.names.domain);
    done("resumed");
    const agent = new GuestAgent(join(order.libvirt.folder, machine.id, "agent"));
    await agent.hello(60_000);
    const { hostKey } = await agent.prepare(
      { seed: randomBytes(64), timeMs: Date.now(), dns: undefined, sshKey, hostKey: undefined },
      60_000,
    );
    agent.close();
    done("prepared");
    return { id: machine.id, hostKey, steps };
  },
  discard: async (id: string) => {
    const machine = claimed.get(id);
    if (machine) await pool.discard(machine, "a lab");
    claimed.delete(id);
  },
  stop: async () => {
    await pool.stop();
    if (order.isReaped) await keeper.stop();
  },
};

console.log(JSON.stringify({ result: "ready" }));
for await (const line of console) {
  const { call, argument } = JSON.parse(line) as { call: string; argument: never };
  try {
    console.log(JSON.stringify({ result: (await calls[call]?.(argument)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
process.exit(0);
