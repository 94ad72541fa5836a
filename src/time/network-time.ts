import { statSync } from "node:fs";
import type { Reading } from "./time-source.ts";

/** systemd-timesyncd(8) makes it when it has set the clock by the network, and touches it each time after that. It is gone after a boot. */
const SYNCHRONIZED = "/run/systemd/timesync/synchronized";
/** What SNTP over a bad line may be off by. */
const UNCERTAINTY_MS = 500;

/**
 * Whether the network has set the clock since the boot, as timesyncd says: the kernel's own word (adjtimex(2), STA_UNSYNC) is behind
 * a system call that the daemon's unit does not let it make.
 * @param wallMs what the clock says now, and so the network
 */
export function networkReading(wallMs: number, nowMs: number, file = SYNCHRONIZED): Reading | undefined {
  const touchedMs = touchedAt(file);
  if (touchedMs === undefined) return undefined;
  return {
    source: "network",
    epochMs: wallMs - nowMs,
    heardMs: nowMs - Math.max(0, wallMs - touchedMs),
    uncertaintyMs: UNCERTAINTY_MS,
  };
}

function touchedAt(file: string): number | undefined {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return undefined;
  }
}
