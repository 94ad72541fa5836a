import { cpus } from "node:os";
import { run } from "../../../src/host/run.ts";
import { leaseNames } from "../../../src/vm/guest-link.ts";
import { until } from "../../lab/lab.ts";
import type { BenchContext } from "../bench.ts";
import { type BenchRow, benchRow } from "../report.ts";
import { median } from "../samples.ts";
import type { VmStand } from "./stand.ts";
import { memoryOf } from "./start-rows.ts";
import { type Tunnelled, WAITING } from "./tunnelled.ts";

/** A second or two of one processor. */
const JOB =
  "let x = 1; for (let i = 0; i < 400_000_000; i += 1) x = Math.imul(x, i) ^ i; process.exit(x === 7 ? 1 : 0);";
const TIMEOUT_MS = 180_000;

/** What the box's own work loses to machines that are busy, and what a machine takes while it waits. */
export async function hostRows(
  stand: VmStand,
  tunnelled: Tunnelled,
  { quick, progress }: BenchContext,
): Promise<BenchRow[]> {
  const rounds = quick ? 2 : 8;
  progress("the host's own work");
  const machines = [await tunnelled.machine(), await tunnelled.machine()];
  const ids = machines.map(({ id }) => leaseNames(id).domain);
  for (const { address } of machines)
    await stand.ssh(
      address,
      "(while :; do :; done) >/dev/null 2>&1 </dev/null & (while :; do :; done) >/dev/null 2>&1 </dev/null &",
    );
  const means = stand.putLast();
  if (means === undefined) throw new Error("this kernel puts no machine behind the host's work");
  const virsh = (verb: string) =>
    Promise.all(ids.map((name) => run(["virsh", "-q", "-c", stand.libvirtOrder.uri, verb, name])));
  const [beside, alone]: [number[], number[]] = [[], []];
  // Between two that are alone, so that what else the machine does falls on both alike.
  for (let round = 0; round < rounds; round += 1) {
    await virsh("suspend");
    alone.push(await job());
    await virsh("resume");
    beside.push(await job());
    progress(
      `round ${round + 1}: ${alone.at(-1)?.toFixed(2)} s alone, ${beside.at(-1)?.toFixed(2)} s beside them`,
    );
  }
  for (const { id } of machines) await tunnelled.pool.call("discard", id);
  return [
    benchRow({
      ...{ name: `the host's work beside two busy machines (${means})`, unit: "s", ours: median(beside) },
      ...{
        reference: median(alone),
        referenceName: "with them suspended",
        goal: { of: "ratio", below: 1.03 },
      },
    }),
  ];
}

/** On each processor one at a time. @returns s until the last is done */
async function job(): Promise<number> {
  const beganMs = performance.now();
  await Promise.all(cpus().map(() => run([process.execPath, "-e", JOB], { timeoutMs: TIMEOUT_MS })));
  return (performance.now() - beganMs) / 1_000;
}

/** What a machine takes that waits, and the file that it was made of. */
export async function waitingRows(tunnelled: Tunnelled): Promise<BenchRow[]> {
  await until("all to wait", async () => (await tunnelled.pool.stock()).machines === WAITING, TIMEOUT_MS);
  const ids = await tunnelled.pool.call<string[]>("ids");
  const { fileMiB } = await tunnelled.pool.stock();
  const each = ids
    .map((id) => leaseNames(id))
    .map(({ domain, tunnel }) =>
      memoryOf((words) => words.includes(`guest=${domain},`) || words.endsWith(tunnel)),
    )
    // The file is named so as well, and has no process.
    .filter((mib) => mib > 0);
  return [
    benchRow({ name: "memory of a machine that waits", unit: "MiB", ours: median(each) }),
    benchRow({ name: "memory of the saved machine, once for all", unit: "MiB", ours: fileMiB }),
  ];
}
