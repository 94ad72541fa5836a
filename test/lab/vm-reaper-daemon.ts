import { join } from "node:path";
import { systemClock } from "../../src/host/clock.ts";
import { createLog } from "../../src/host/log.ts";
import { systemTimers } from "../../src/host/timers.ts";
import { Journal } from "../../src/store/index.ts";
import { ReaperKeeper } from "../../src/vm/reaper/reaper-keeper.ts";
import { makeBelongings, PLACES, placesOrder } from "./vm-reaper-world.ts";

/**
 * A daemon of the lab, to be killed: sweeps, keeps a reaper, makes what leases have, and waits. It says `swept`,
 * `watched PID` for each reaper, and `made`.
 * Environment: LEASES, ids with blanks between.
 */
const say = (what: string) => void process.stdout.write(`${what}\n`);
const destination = { write: (line: string) => void process.stderr.write(line) };
const journal = new Journal(join(PLACES.state, "journal.sqlite"), systemClock, 100_000);
journal.open();
const keeper = new ReaperKeeper({
  order: placesOrder(),
  command: [process.execPath, join(import.meta.dir, "vm-reaper-process.ts")],
  live: () => [],
  timers: systemTimers,
  journal,
  log: createLog({ level: "error", destination }),
});
process.on("SIGTERM", () => void keeper.stop().then(() => process.exit(0)));
await keeper.start();
say("swept");
let watched: number | undefined;
setInterval(() => {
  const pid = keeper.isWatching ? keeper.pid : undefined;
  if (pid !== undefined && pid !== watched) say(`watched ${pid}`);
  watched = pid;
}, 5);
for (const [index, lease] of (process.env.LEASES ?? "").split(" ").filter(Boolean).entries())
  await makeBelongings(lease, index % 2 === 0);
say("made");
