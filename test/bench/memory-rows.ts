import { type BenchRow, benchRow } from "./report.ts";
import { residentKiB } from "./resident-memory.ts";
import { both, MOST_PHONES, type Pair, type Stand } from "./stand.ts";
import type { Subject } from "./subject.ts";

/** Memory of both with their phones joined and nothing asked yet. */
export async function restRows(pair: Pair<Stand>): Promise<BenchRow[]> {
  const kiB = await both(pair, restingKiB);
  const referenceName = pair.reference.subject.name;
  const name = `resident memory, ${MOST_PHONES} phones joined`;
  return [
    benchRow({ name, unit: "MiB", ours: kiB.ours / 1024, reference: kiB.reference / 1024, referenceName }),
  ];
}

async function restingKiB({ subject }: Stand): Promise<number> {
  return residentKiB(await subject.pids());
}

/** @returns also the most memory that the subject had meanwhile, in KiB. */
export async function withPeakMemory<T>(subject: Subject, action: () => Promise<T>): Promise<[T, number]> {
  let peak = 0;
  const timer = setInterval(async () => {
    peak = Math.max(peak, residentKiB(await subject.pids()));
  }, 1_000);
  try {
    return [await action(), peak];
  } finally {
    clearInterval(timer);
  }
}
