import { REAPER_COMMAND } from "../vm/reaper/reaper-order.ts";

const [, , command] = process.argv;
// These run all the time beside the daemon, and load nothing that they do not need.
if (command === REAPER_COMMAND) await (await import("./vm-reaper.ts")).reapWhenGone(process.argv);
else if (command === "board")
  await (await import("./first-boot-board.ts"))
    .boardCommand()
    .parseAsync(process.argv.slice(3), { from: "user" });
else await (await import("./command-line.ts")).runCommandLine(process.argv.slice(2));
