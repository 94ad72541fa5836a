import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processTable } from "../../../src/host/process-table.ts";
import { run } from "../../../src/host/run.ts";
import { sshBanner } from "../../../src/requester/ssh-banner.ts";
import { domainXml, machinePlan } from "../../../src/vm/domain/index.ts";
import { GuestAgent, hostKeyFrom } from "../../../src/vm/guest-agent/index.ts";
import { GUEST_LINK } from "../../../src/vm/guest-link.ts";
import { type LabProcess, until } from "../../lab/lab.ts";
import { withNetworkOf } from "../../lab/network-namespace.ts";
import type { LenderOrder } from "../../lab/vm-lender-process.ts";
import { HOST, REQUESTER } from "../../lab/vm-requester.ts";
import type { BenchContext } from "../bench.ts";
import { type BenchRow, benchRow } from "../report.ts";
import { residentKiB } from "../resident-memory.ts";
import { median } from "../samples.ts";
import type { VmStand } from "./stand.ts";

const PATIENCE_MS = 240_000;
const LAB = join(import.meta.dir, "../../lab");
/** As leases that are asked for here. */
const MEMORY_MIB = 256;

interface Starts {
  /** From the request, or from the command, to SSH's first line at who asked; s. */
  readyS: number[];
  /** QEMU and what serves its tunnel, when SSH answered; MiB. */
  memoryMiB: number[];
}

/** How soon a machine is there, and what memory it takes. */
export async function startRows(stand: VmStand, context: BenchContext): Promise<BenchRow[]> {
  const { quick, progress } = context;
  const rounds = quick ? 1 : 5;
  progress("plain boots");
  const plain = await plainBoots(stand, rounds);
  progress("leases that boot");
  const cold = await lent(stand, context, rounds, undefined);
  progress("leases that are made of a file");
  const restored = await lent(stand, context, rounds, 0);
  progress("leases from the pool");
  const pool = await lent(stand, context, quick ? 2 : 10, 2);
  const about = { unit: "s", reference: median(plain.readyS), referenceName: "virsh start, no isolation" };
  const memory = {
    unit: "MiB",
    reference: median(plain.memoryMiB),
    referenceName: "virsh start, no isolation",
  };
  return [
    benchRow({ ...about, name: "request to SSH's banner, cold, median", ours: median(cold.readyS) }),
    benchRow({ ...about, name: "the same, made of a saved machine", ours: median(restored.readyS) }),
    benchRow({
      ...about,
      ...{ name: "the same, from the pool", ours: median(pool.readyS), goal: { of: "ours", atMost: 0.6 } },
    }),
    benchRow({
      ...about,
      ...{
        name: "the same, beside a plain boot",
        ours: median(pool.readyS),
        goal: { of: "ratio", below: 0.2 },
      },
    }),
    benchRow({
      ...about,
      name: `the slowest of ${pool.readyS.length} from the pool`,
      ours: Math.max(...pool.readyS),
    }),
    benchRow({ ...memory, name: "memory of a lease that has booted, ready", ours: median(cold.memoryMiB) }),
    benchRow({ ...memory, name: "memory of a lease from the pool, ready", ours: median(pool.memoryMiB) }),
  ];
}

/** The same guest with the same devices, its link in the box's own namespace, with no rules and no tunnel. */
async function plainBoots(stand: VmStand, rounds: number): Promise<Starts> {
  const starts: Starts = { readyS: [], memoryMiB: [] };
  const { libvirtOrder, box, image, sshKey } = stand;
  const virsh = (...words: string[]) =>
    run(["virsh", "-q", "-c", libvirtOrder.uri, ...words], { timeoutMs: 60_000 });
  const folder = join(libvirtOrder.folder, "plain");
  mkdirSync(folder, { recursive: true });
  await run(["chown", `${libvirtOrder.uid}:${libvirtOrder.uid}`, folder]);
  const { guestAddress, gatewayAddress, gatewayMacAddress, prefixLength, mtu } = GUEST_LINK;
  await box.run(["sh", "-e"], {
    input: [
      "ip tuntap add dev plain0 mode tap vnet_hdr",
      `ip link set plain0 address ${gatewayMacAddress} mtu ${mtu} up`,
      `ip addr add ${gatewayAddress}/${prefixLength} dev plain0`,
    ].join("\n"),
  });
  const plan = machinePlan(
    {
      ...{ architecture: "x64", accelerator: "emulation", partition: undefined },
      ...{ owner: { name: libvirtOrder.owner }, isMemoryHeld: libvirtOrder.isMemoryHeld },
    },
    image,
    { cpus: 1, memoryMiB: MEMORY_MIB },
    {
      ...{ name: "plain", uuid: crypto.randomUUID(), tap: "plain0", disk: undefined },
      ...{ agentSocket: join(folder, "agent"), consoleSocket: undefined },
    },
  );
  writeFileSync(join(folder, "plain.xml"), domainXml(plan));
  await virsh("define", join(folder, "plain.xml"));
  for (let round = 0; round < rounds; round += 1) {
    const beganMs = performance.now();
    await virsh("start", "plain");
    const agent = new GuestAgent(plan.agentSocket);
    await agent.hello(PATIENCE_MS);
    await agent.prepare(
      {
        ...{ seed: crypto.getRandomValues(new Uint8Array(64)), timeMs: Date.now(), dns: undefined, sshKey },
        hostKey: hostKeyFrom(crypto.getRandomValues(new Uint8Array(32))),
      },
      PATIENCE_MS,
    );
    agent.close();
    await until(
      "SSH",
      () => withNetworkOf(box, () => sshBanner(guestAddress, 22, undefined, 2_000)),
      PATIENCE_MS,
    );
    starts.readyS.push((performance.now() - beganMs) / 1_000);
    starts.memoryMiB.push(memoryOf((words) => words.includes("guest=plain,")));
    await virsh("destroy", "plain");
  }
  await virsh("undefine", "plain");
  await box.run(["ip", "link", "del", "plain0"]);
  rmSync(folder, { recursive: true });
  return starts;
}

/** Leases of the box's own lender, asked for by HTTP, each reached through its tunnel and released. @param keep machines that wait; undefined: no pool */
async function lent(
  stand: VmStand,
  { progress }: BenchContext,
  rounds: number,
  keep: number | undefined,
): Promise<Starts> {
  const starts: Starts = { readyS: [], memoryMiB: [] };
  const name = `lender-${keep ?? "cold"}`;
  const order: LenderOrder = {
    ...{ folder: stand.folder(name), manifest: stand.manifest, heardAt: HOST },
    libvirt: stand.libvirtOrder,
    ...(keep === undefined ? {} : { pool: { keep } }),
  };
  const lender = stand.lab.spawn([
    ...[...stand.enter, process.execPath, join(LAB, "vm-lender-process.ts"), JSON.stringify(order)],
  ]);
  await until("a box that lends", () => lender.output().includes("lending"), PATIENCE_MS).catch((error) => {
    throw new Error(`${error}: ${lender.output()}`);
  });
  try {
    for (let round = 0; round < rounds; round += 1) {
      if (keep !== undefined) await poolIsFull(lender, keep);
      const state = stand.folder(`${name}-${round}`);
      const requester = stand.requester.spawn([
        ...[process.execPath, join(LAB, "vm-requester-lease.ts"), state, HOST, stand.sshKey, REQUESTER],
      ]);
      await until("SSH", () => /^(ready|ended) /m.test(requester.output()), PATIENCE_MS);
      const ms = Number(/^step ssh (\d+)$/m.exec(requester.output())?.[1] ?? Number.NaN);
      if (!/^ready \S+ SSH-2\.0/m.test(requester.output()))
        throw new Error(`no lease: ${requester.output()}\n${lender.output().slice(-4_000)}`);
      starts.readyS.push(ms / 1_000);
      const steps = [...requester.output().matchAll(/^step (\S+) (\d+)$/gm)].map(
        ([, step, at]) => `${step} ${at}`,
      );
      progress(`ms since the request: ${steps.join(", ")}`);
      starts.memoryMiB.push(await runningMiB(stand));
      await requester.stop();
    }
  } finally {
    // Its last line is its journal.
    await lender.stop();
  }
  return starts;
}

/** Of the one machine that runs: those that wait are paused. */
async function runningMiB(stand: VmStand): Promise<number> {
  const listed = await run([
    "virsh",
    "-q",
    "-c",
    stand.libvirtOrder.uri,
    "list",
    "--state-running",
    "--name",
  ]);
  const tag = /^omvm-([0-9a-f]{10})$/m.exec(listed)?.[1];
  if (tag === undefined) throw new Error(`no machine runs: ${listed}`);
  return memoryOf((words) => words.includes(`guest=omvm-${tag},`) || words.endsWith(`omw${tag}`));
}

/** What it says of its pool last. */
async function poolIsFull(lender: LabProcess, keep: number): Promise<void> {
  const full = () =>
    lender
      .output()
      .match(/^pool .*$/gm)
      ?.at(-1) === `pool ${keep} of 1`;
  await until("the pool to be full", full, PATIENCE_MS).catch((error) => {
    throw new Error(`${error}: ${lender.output().slice(-4_000)}`);
  });
}

/** MiB of all processes whose command is such. */
export function memoryOf(isIts: (words: string) => boolean): number {
  const pids = processTable().flatMap(({ argv, pid }) => (isIts(argv.join(" ")) ? [pid] : []));
  return residentKiB(pids) / 1_024;
}
