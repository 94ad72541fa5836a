/*
 * How often the ends of a tunnel send echoes through it while all is well, and how long they wait for one.
 *
 * An echo and its answer are 112 bytes each over IPv4, and both ends send their own: in an hour 4.0 MB for a tunnel in
 * use, 0.81 MB for one that has carried nothing for a while; over a metered link 0.32 MB in use and 0.08 MB else. The
 * slowest is still fast enough for the NATs in front, which forget a mapping after 30 s (RFC 4787, 4.3, asks for 2 min).
 */

/** Echoes while a way is doubted or searched for. */
export const FAST_MS = 100;
/** Echoes of a tunnel in use. */
export const STEADY_MS = 400;
const IDLE_MS = 2_000;
const METERED_MS = 5_000;
const METERED_IDLE_MS = 20_000;
/** A tunnel counts as in use for so long after it has carried something. */
const IDLE_AFTER_MS = 30_000;
/** An echo and its answer as WireGuard counts them: 64 bytes each, and 32 around them. */
const ECHO_BYTES = 192;
/** Handshakes, and an echo more or less between two looks. */
const MARGIN_BYTES = 700;
/** What an echo is waited for beyond its interval before the way is doubted, and before it is given up. */
const DOUBT_MS = 400;
const DEAD_MS = 800;

export interface PaceNeed {
  /** The way of either end leaves by a link whose volume is paid for. */
  metered: boolean;
  /** Since the tunnel has carried something that was no echo. */
  idleMs: number;
}

/** How often echoes go while the tunnel is up, in ms. */
export function paceMs({ metered, idleMs }: PaceNeed): number {
  const isIdle = idleMs >= IDLE_AFTER_MS;
  if (metered) return isIdle ? METERED_IDLE_MS : METERED_MS;
  return isIdle ? IDLE_MS : STEADY_MS;
}

/**
 * Whether what WireGuard has sent and received within `forMs` was more than echoes: own ones at the present pace, and
 * the other end's at the one of a tunnel in use. About 0.6 kB/s pass for nothing, since the other's pace is not known.
 */
export function carriesData(bytes: number, forMs: number, ownPaceMs: number): boolean {
  const echoes = (forMs / ownPaceMs + forMs / STEADY_MS) * ECHO_BYTES;
  return bytes > echoes + MARGIN_BYTES;
}

/** Without an echo for this long a way is doubted, and given up after as long as {@link deadAfterMs}. */
export const doubtAfterMs = (intervalMs: number, rttMs = 0): number =>
  intervalMs + Math.max(DOUBT_MS, 2 * rttMs);
export const deadAfterMs = (intervalMs: number, rttMs = 0): number =>
  intervalMs + Math.max(DEAD_MS, 4 * rttMs);
