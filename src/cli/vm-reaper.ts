import { createLog } from "../host/log.ts";
import { orderOf, runReaper } from "../vm/reaper/index.ts";

/**
 * The process that ends virtual machines when the daemon is gone; started by `run`. Standard output is the daemon's: what it
 * says itself goes the other way.
 * @param argv of the process
 */
export async function reapWhenGone(argv: readonly string[]): Promise<void> {
  const order = orderOf(argv);
  if (!order) throw new Error("vm-reaper: --order: is none of this version");
  const destination = { write: (line: string) => void process.stderr.write(line) };
  await runReaper(order, createLog({ level: "info", destination }));
  process.exit(0);
}
