import { randomBytes } from "node:crypto";
import { join, resolve } from "node:path";
import type { VmConfig } from "../../src/config/index.ts";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { systemBootClock } from "../../src/lora/index.ts";
import { Journal } from "../../src/store/index.ts";
import { LendingPart } from "../../src/vm/compose/index.ts";
import { BlockedRequesters } from "../../src/vm/operator/index.ts";

/** As JSON, the process's one argument. */
export interface WholeBoxOrder {
  stateFolder: string;
  runFolder: string;
  config: VmConfig;
}

/* The daemon as far as it lends: the product's own composition, with its reaper. Prints "lending" when it has begun, "lends" and "lends
 * not" and why as often as that changes, and ends by SIGTERM.
 */

const { stateFolder, runFolder, config } = JSON.parse(process.argv[2] ?? "") as WholeBoxOrder;
const log = createLog({ level: "debug", destination: { write: (line) => process.stderr.write(line) } });
const journal = new Journal(join(stateFolder, "journal.sqlite"), systemClock, 100_000);
journal.open();
const part = new LendingPart({
  ...{ config, stateFolder, runFolder, journal, randomBytes, log },
  command: [process.execPath, resolve(import.meta.dir, "../../src/cli/main.ts")],
  memberships: { list: () => [] },
  blocked: BlockedRequesters.open(join(stateFolder, "blocked-requesters.json")),
  names: { requester: () => undefined, network: () => undefined },
  forbidden: [],
  clock: systemClock,
  bootClock: systemBootClock(),
  timers: systemTimers,
});
await part.start();
const why = part.lendsNothing();
if (why !== undefined) throw new Error(why);
console.log("lending");
let told: string | undefined = "";
const telling = setInterval(() => {
  const now = part.lendsNothing();
  if (now !== told) console.log(now === undefined ? "lends" : `lends not: ${now}`);
  told = now;
}, 50);
await new Promise((resolve) => process.once("SIGTERM", resolve));
clearInterval(telling);
await part.stop();
journal.close();
process.exit(0);
