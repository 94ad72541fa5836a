/**
 * How a way to the internet is. "associated": it has a router that answers, and nothing beyond; "captive": a page wants
 * something first; "no-names": addresses are reached and names do not resolve; "lossy" and "slow" still work.
 */
export type UplinkState =
  | "absent"
  | "unplugged"
  | "no-address"
  | "no-route"
  | "checking"
  | "router-silent"
  | "associated"
  | "captive"
  | "no-names"
  | "lossy"
  | "slow"
  | "online";

/** What an interface has of its own, before anything is asked. */
export type LinkState = "absent" | "unplugged" | "no-address" | "no-route" | "up";

/** What one check has found. */
export interface CheckResult {
  outcome: "reached" | "no-names" | "captive" | "associated" | "router-silent";
  /** From the first packet of the request to the whole answer. */
  rttMs?: number;
  /** The page of a captive uplink, as far as it has told. */
  portalUrl?: string;
}

export interface UplinkHealth {
  readonly state: UplinkState;
  /** When the state began. */
  readonly sinceMs: number;
  /** Since when it has worked without a break; undefined while it does not. */
  readonly workingSinceMs: number | undefined;
  /** Checks in a row that have failed. */
  readonly fails: number;
  /** The last checks, oldest first: whether each reached something. */
  readonly recent: readonly boolean[];
  /** Round trips of the last checks that did, oldest first. */
  readonly rtts: readonly number[];
  readonly portalUrl: string | undefined;
  /** How often it has failed lately: each time it must work longer until it is trusted again. */
  readonly falls: number;
}

/** One failure may be chance, on the air above all; two are none. */
const FAILS_TO_FALL = 2;
const REMEMBERED = 10;
const RTTS = 5;
/** Lossy from three in ten that fail; well again at one. */
const LOSSY_FROM = 0.3;
const WELL_AT = 0.1;
const LOSS_NEEDS = 5;
const SLOW_FROM_MS = 1_500;
const QUICK_AT_MS = 1_000;
const HOLD_MS = 20_000;
const LONGEST_HOLD_MS = 300_000;
/** After so long without a break what was before is forgotten. */
const FORGIVEN_MS = 600_000;

export const newHealth = (atMs: number): UplinkHealth => ({
  ...{ state: "absent", sinceMs: atMs, workingSinceMs: undefined, fails: 0 },
  ...{ recent: [], rtts: [], portalUrl: undefined, falls: 0 },
});

const WORKING: ReadonlySet<UplinkState> = new Set(["online", "slow", "lossy", "no-names"]);

/** What is sent by it arrives somewhere. */
export const isWorking = ({ state }: UplinkHealth): boolean => WORKING.has(state);

/** It has just failed for the first time: to be looked at again at once, and by every target. */
export const isInDoubt = ({ fails }: UplinkHealth): boolean => fails === 1;

/** It has worked for long enough to leave a worse one for it. One that never failed is trusted at once. */
export function isSteady({ workingSinceMs, falls }: UplinkHealth, atMs: number): boolean {
  if (workingSinceMs === undefined) return false;
  return atMs - workingSinceMs >= holdMs(falls);
}

const holdMs = (falls: number): number =>
  falls === 0 ? 0 : Math.min(HOLD_MS * 2 ** Math.min(falls - 1, 8), LONGEST_HOLD_MS);

/** What the interface has now. Without a carrier, an address or a route nothing needs to be asked. */
export function stepLink(health: UplinkHealth, link: LinkState, atMs: number): UplinkHealth {
  const isLinkState = ["absent", "unplugged", "no-address", "no-route"].includes(health.state);
  if (link === "up") return isLinkState ? into(health, "checking", atMs) : health;
  if (link === health.state) return health;
  return { ...into(fallen(health), link, atMs), fails: 0, recent: [], rtts: [], portalUrl: undefined };
}

/** What a check has found of an interface that is up. */
export function stepCheck(
  health: UplinkHealth,
  { outcome, ...found }: CheckResult,
  atMs: number,
): UplinkHealth {
  const isGood = outcome === "reached";
  // What failed while nothing worked says nothing of how well it works now.
  const isFresh = isGood && (!isWorking(health) || health.state === "no-names");
  const recent = isFresh ? [true] : [...health.recent, isGood].slice(-REMEMBERED);
  if (!isGood) {
    const fails = health.fails + 1;
    const next = { ...health, recent, fails };
    const isDoubt = isWorking(health) && health.state !== outcome && fails < FAILS_TO_FALL;
    if (isDoubt) return next;
    return { ...into(fallen(next), outcome, atMs), portalUrl: found.portalUrl };
  }
  const rtts = found.rttMs === undefined ? health.rtts : [...health.rtts, found.rttMs].slice(-RTTS);
  const workingSinceMs = health.workingSinceMs ?? atMs;
  const isForgiven = atMs - workingSinceMs >= FORGIVEN_MS;
  const next = {
    ...{ ...health, recent, rtts, workingSinceMs, fails: 0, portalUrl: undefined },
    falls: isForgiven ? 0 : health.falls,
  };
  return into(next, gradeOf(next), atMs);
}

function into(health: UplinkHealth, state: UplinkState, atMs: number): UplinkHealth {
  return state === health.state ? health : { ...health, state, sinceMs: atMs };
}

function fallen(health: UplinkHealth): UplinkHealth {
  return isWorking(health) && health.state !== "no-names"
    ? { ...health, workingSinceMs: undefined, falls: health.falls + 1 }
    : { ...health, workingSinceMs: undefined };
}

/** It takes more to become bad than to stay so. */
function gradeOf({ state, recent, rtts }: UplinkHealth): "online" | "slow" | "lossy" {
  const loss = lossOf(recent);
  const isLossy = state === "lossy" ? loss > WELL_AT : recent.length >= LOSS_NEEDS && loss >= LOSSY_FROM;
  if (isLossy) return "lossy";
  const rtt = medianMs(rtts);
  return rtt !== undefined && rtt >= (state === "slow" ? QUICK_AT_MS : SLOW_FROM_MS) ? "slow" : "online";
}

/** 0 to 1. */
export const lossOf = (recent: readonly boolean[]): number =>
  recent.length === 0 ? 0 : recent.filter((isGood) => !isGood).length / recent.length;

export function medianMs(rtts: readonly number[]): number | undefined {
  return [...rtts].sort((a, b) => a - b)[Math.floor(rtts.length / 2)];
}
