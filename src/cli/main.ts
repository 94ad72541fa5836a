import { REAPER_COMMAND } from "../vm/reaper/reaper-order.ts";

const [, , command] = process.argv;
// This one runs all the time beside the daemon, and loads nothing that it does not need.
if (command === REAPER_COMMAND) await (await import("./vm-reaper.ts")).reapWhenGone(process.argv);
else await (await import("./command-line.ts")).runCommandLine(process.argv.slice(2));
