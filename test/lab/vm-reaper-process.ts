import { createLog } from "../../src/host/log.ts";
import { runReaper } from "../../src/vm/reaper/reaper.ts";
import { orderOf } from "../../src/vm/reaper/reaper-order.ts";

/** A reaper of the lab: what `omerta-box` does with the same words, without all that it loads beside. */
const order = orderOf(process.argv);
if (!order) throw new Error("no order for the reaper");
const destination = { write: (line: string) => void process.stderr.write(line) };
await runReaper(order, createLog({ level: "warn", destination }));
process.exit(0);
