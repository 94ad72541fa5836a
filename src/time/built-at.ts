import { statSync } from "node:fs";

/** Before this day no box with this program can have run: 2026-07-01, as for founders (src/identity/founders-clock.ts). */
const BUILT_MS = Date.UTC(2026, 6, 1);
/** systemd begins no earlier than the time of this file (systemd(1)); the image's is when it was built. */
const CLOCK_EPOCH = "/usr/lib/clock-epoch";

/** Since when there can be this program, in ms since 1970. */
export function builtAt(file = CLOCK_EPOCH): number {
  try {
    return Math.max(BUILT_MS, statSync(file).mtimeMs);
  } catch {
    return BUILT_MS;
  }
}
