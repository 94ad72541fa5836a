import type { PathKind } from "./paths-interface.ts";

/** What decides how often a path that works is proven. */
export interface ProofNeed {
  kind: PathKind;
  metered: boolean;
  isChosen: boolean;
  /** Control traffic passed lately. */
  isBusy: boolean;
  /** There is another path to change to. */
  hasOther: boolean;
}

/** Between proofs of a path that carries traffic: with the confirmation below a black hole is certain within 1.2 s. */
const BUSY_MS = 500;
const BUSY_STANDBY_MS = 1_000;
/** Streams, and what is passed on for others, go by it and are no control traffic: they follow once it is dead. */
const IDLE_MS = 1_500;
/** Nothing goes by it. Once the chosen one is in doubt, the second is proven at once. */
const IDLE_STANDBY_MS = 15_000;
/** No NAT has a mapping for it of its own: the way to whoever passes it on is proven by itself. */
const IDLE_RELAYED_STANDBY_MS = 60_000;
/** Nothing could be done about a loss; a NAT forgets a mapping after 30 s at the earliest (RFC 4787 says 120 s, many keep less). */
const IDLE_ALONE_MS = 15_000;
const METERED_BUSY_MS = 2_000;
const METERED_IDLE_MS = 25_000;
const LORA_MS = 3_600_000;

/**
 * How long between two proofs of a path that works.
 *
 * A proof is a datagram of 36 bytes and its answer one of 42, with UDP over IPv4 64 and 70; both sides prove. So an idle
 * pair costs 70 kB an hour where it has one path, 770 kB where it has two (700 of the chosen, 70 of the other), and a path
 * that traffic keeps busy 2.1 MB an hour; a metered path costs 42 kB an hour. An address that
 * never answers costs 1 kB an hour, on a metered interface 0.1. Trains (see train.ts) add 37 kB an hour to
 * each path that is not metered.
 */
export function proofIntervalMs({ kind, metered, isChosen, isBusy, hasOther }: ProofNeed): number {
  if (kind === "lora") return LORA_MS;
  if (metered) return isBusy && isChosen ? METERED_BUSY_MS : METERED_IDLE_MS;
  if (isBusy) return isChosen ? BUSY_MS : BUSY_STANDBY_MS;
  if (kind === "relay" && !isChosen) return IDLE_RELAYED_STANDBY_MS;
  if (!hasOther) return IDLE_ALONE_MS;
  return isChosen ? IDLE_MS : IDLE_STANDBY_MS;
}

/** Times of a path, ms. */
export interface ProofPace {
  /** Between proofs once one is missing. */
  confirmMs: number;
  /** An answer that takes longer counts as missing, whatever the round trip was: bounds of the wait for it. */
  leastWaitMs: number;
  longestWaitMs: number;
  /** The wait for an answer before anything is known. */
  firstWaitMs: number;
  /** The first wait of a path that never answered or is dead; it grows. */
  firstRetryMs: number;
}

const PACE: ProofPace = {
  confirmMs: 120,
  leastWaitMs: 100,
  longestWaitMs: 1_500,
  firstWaitMs: 500,
  firstRetryMs: 120,
};
const LORA_PACE: ProofPace = {
  confirmMs: 180_000,
  leastWaitMs: 60_000,
  longestWaitMs: 300_000,
  firstWaitMs: 120_000,
  firstRetryMs: 600_000,
};
export const paceOf = (kind: PathKind): ProofPace => (kind === "lora" ? LORA_PACE : PACE);

/** How long an answer may take: the round trip and its deviation as in RFC 6298, within the bounds of the pace. */
export function answerWaitMs(
  pace: ProofPace,
  rttMs: number | undefined,
  jitterMs: number | undefined,
): number {
  if (rttMs === undefined || jitterMs === undefined) return pace.firstWaitMs;
  return Math.min(pace.longestWaitMs, Math.max(pace.leastWaitMs, rttMs + Math.max(60, 4 * jitterMs)));
}

const FEWEST_MISSES = 5;
const MOST_MISSES = 12;
/** How seldom a path that merely loses is to be taken for dead. */
const MISTAKE = 0.0005;

/** So many proofs must be missing one after the other before a path is dead: more where it loses some anyway. */
export function missesUntilDead(loss: number): number {
  if (loss <= 0) return FEWEST_MISSES;
  if (loss >= 1) return MOST_MISSES;
  return Math.min(MOST_MISSES, Math.max(FEWEST_MISSES, Math.ceil(Math.log(MISTAKE) / Math.log(loss))));
}

/** What decides how long a path that does not work waits for the next try. */
export interface RetryNeed {
  /** In vain, since it last worked or something spoke for it. */
  tries: number;
  /** How long the peer has not been reachable but by LoRa; undefined while it is. */
  lostForMs: number | undefined;
  wasProven: boolean;
  metered: boolean;
}

const RETRY_GROWTH = 1.5;
/** The longest wait between tries of a dead path: the peer is not reachable otherwise, or has not been for an hour, or is. */
const ALONE_RETRY_MS = 2_000;
const OTHERWISE_RETRY_MS = 10_000;
const METERED_ALONE_RETRY_MS = 10_000;
const METERED_OTHERWISE_RETRY_MS = 60_000;
const LONG_LOST_MS = 3_600_000;
/** Of what never answered, such as an address inside some other network: only something new gives it better prospects. */
const UNPROVEN_RETRY_MS = 300_000;
const METERED_UNPROVEN_RETRY_MS = 3_600_000;

export function retryWaitMs(pace: ProofPace, need: RetryNeed): number {
  const longest = Math.max(pace.firstRetryMs, longestRetryMs(need));
  return Math.min(longest, pace.firstRetryMs * RETRY_GROWTH ** Math.min(need.tries, 30));
}

function longestRetryMs({ lostForMs, wasProven, metered }: RetryNeed): number {
  if (!wasProven) return metered ? METERED_UNPROVEN_RETRY_MS : UNPROVEN_RETRY_MS;
  const isAlone = lostForMs !== undefined && lostForMs < LONG_LOST_MS;
  if (metered) return isAlone ? METERED_ALONE_RETRY_MS : METERED_OTHERWISE_RETRY_MS;
  return isAlone ? ALONE_RETRY_MS : OTHERWISE_RETRY_MS;
}
