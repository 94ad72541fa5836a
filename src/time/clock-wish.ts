import { renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The file by which the daemon asks for the clock to be set. It may not set it itself: of all that faces other boxes nothing has
 * CAP_SYS_TIME. `omerta-clock.path` watches for the file, and `set-clock` (rootfs-overlay) does it and nothing else.
 */
export const CLOCK_WISH = "clock-wish";

/**
 * Asks for the clock to be set, by a file that is there as a whole or not at all.
 * @param toMs what it is to say now, in ms since 1970 @param bootMs the time since boot now, in ms: what passes until it is done is added
 */
export function wishForTime(runFolder: string, toMs: number, bootMs: number): void {
  const file = join(runFolder, CLOCK_WISH);
  writeFileSync(`${file}.new`, `${Math.round(toMs)} ${Math.round(bootMs)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** What was wished for and not done must not be done by a later start. */
export function withdrawWish(runFolder: string): void {
  rmSync(join(runFolder, CLOCK_WISH), { force: true });
}
