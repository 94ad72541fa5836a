import { isInDoubt, isWorking, type UplinkHealth } from "./uplink-health.ts";

const DOUBT_MS = 500;
/** While what was just plugged in is not known to work. */
const NEW_MS = 2_000;
const STANDBY = 3;
const METERED = 10;
const METERED_IN_USE = 3;

/**
 * How long until an uplink is checked again, in ms. A check takes about 1 kB by the wire: at the default of ten seconds 360 kB
 * an hour for one in use, 120 kB beside it, on a metered one 120 kB in use and 36 kB else.
 */
export function checkAfterMs(
  health: UplinkHealth,
  inUse: boolean,
  metered: boolean,
  everyMs: number,
): number {
  if (isInDoubt(health)) return DOUBT_MS;
  if (health.state === "checking") return NEW_MS;
  if (metered) return everyMs * (inUse ? METERED_IN_USE : METERED);
  const isWell = isWorking(health) && health.state !== "no-names";
  return everyMs * (inUse || !isWell ? 1 : STANDBY);
}
