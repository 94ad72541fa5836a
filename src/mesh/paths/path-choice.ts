import type { PathKind, PathStatus } from "./paths-interface.ts";
import { PATH_KINDS } from "./paths-interface.ts";
import { MOST_KBIT } from "./train.ts";

/**
 * How an operator wants ways to be chosen: all that is measured or known of a way is turned into milliseconds of round trip
 * and added up. Each weight says how many milliseconds its thing is worth; 0 leaves it out. What is not known counts nothing.
 */
export interface PathPolicy {
  /** The kinds, the preferred first; kinds that are missing come last. */
  order: readonly PathKind[];
  weights: {
    /** One place further back in the order. */
    place: number;
    /** One unit for a megabyte, as the offer of the way says. */
    cost: number;
    /** A metered path: that its volume is paid for, where nobody said how much. */
    metered: number;
    /** All lost, against none. */
    loss: number;
    /** One millisecond of round trip. */
    rtt: number;
    /** Each halving of what trains say passes, below 100 Mbit/s: little by default, messages are small. */
    throughput: number;
    /** One joule for a megabyte, by the estimate of {@link ENERGY_JOULE_PER_MB}: for a box on a battery more. */
    energy: number;
  };
}

export const DEFAULT_POLICY: PathPolicy = {
  order: PATH_KINDS,
  weights: { place: 50, cost: 100, metered: 200, loss: 2_000, rtt: 1, throughput: 5, energy: 5 },
};

/** What the choice is made from. */
export interface PathView {
  id: string;
  kind: PathKind;
  state: PathStatus["state"];
  cost: number;
  metered: boolean;
  rttMs?: number;
  loss: number;
  /** Of how many proofs. */
  lossOf: number;
  /** What trains told, where they did: that little has passed so far does not mean that little can. */
  capacityKbit?: number;
  energyJoulePerMb?: number;
  /** The interface or box that it depends on, where known: a second path had better depend on another. */
  dependsOn?: string;
  /** It has been good for as long as its past asks for; see {@link stableAfterMs}. */
  isStable: boolean;
}

export interface PathChoice {
  /** What control traffic takes; undefined where no path was ever proven. */
  chosen?: string;
  /** What it takes as well while in doubt. */
  second?: string;
  /** The chosen path is not proven now: everything goes on both. */
  inDoubt: boolean;
}

/** A better path is left alone unless it is better by so much, relative to the score and at least in ms. */
const MARGIN_SHARE = 0.2;
const MARGIN_MS = 10;
/** Loss counts only as far as it is more than chance. */
const MARGIN_DEVIATIONS = 2;
/** LoRa's airtime is for when there is nothing else: no weight outdoes that. */
const LAST_RESORT: PathKind = "lora";

const FIRST_STABLE_MS = 3_000;
const LONGEST_STABLE_MS = 300_000;

/** How long a path must have been good before it is preferred again: doubled by each time that it lately died. */
export const stableAfterMs = (deaths: number): number =>
  Math.min(LONGEST_STABLE_MS, FIRST_STABLE_MS * 2 ** Math.min(20, Math.max(0, deaths)));

/** The lower the better, in milliseconds. */
export function scoreOf(path: PathView, { order, weights }: PathPolicy): number {
  const place = order.indexOf(path.kind);
  return (
    (place < 0 ? order.length : place) * weights.place +
    path.cost * weights.cost +
    (path.metered ? weights.metered : 0) +
    path.loss * weights.loss +
    (path.rttMs ?? 1_000) * weights.rtt +
    halvings(path.capacityKbit) * weights.throughput +
    (path.energyJoulePerMb ?? 0) * weights.energy
  );
}

/** Below what trains can tell at most. */
const halvings = (kbit: number = MOST_KBIT): number => Math.max(0, Math.log2(MOST_KBIT / Math.max(1, kbit)));

const STATE_RANK = { good: 0, doubtful: 1, untried: 2, dead: 3 } as const;

/**
 * Which path control traffic takes. A path that works is kept until another is clearly better and has been stable for a
 * while; one that is dead is left at once. Pure.
 * @param current what was chosen so far
 */
export function choosePath(
  paths: readonly PathView[],
  policy: PathPolicy,
  current: string | undefined,
): PathChoice {
  const ranked = [...paths].sort((a, b) => compare(a, b, policy));
  const usable = ranked.filter(isUsable);
  const chosen = chosenOf(usable, policy, current);
  if (!chosen) return { inDoubt: true };
  const others = usable.filter(
    (path) => path !== chosen && (path.kind !== LAST_RESORT || chosen.state !== "good"),
  );
  const isApart = (path: PathView) => path.dependsOn === undefined || path.dependsOn !== chosen.dependsOn;
  const good = others.filter(({ state }) => state === "good");
  const second = good.find(isApart) ?? good[0] ?? others.find(isApart) ?? others[0];
  return {
    chosen: chosen.id,
    ...(second ? { second: second.id } : {}),
    inDoubt: chosen.state !== "good",
  };
}

/** Proven, be it a moment ago. LoRa's airtime is too dear for proofs before it is needed. */
export const isUsable = ({ state, kind }: Pick<PathView, "state" | "kind">): boolean =>
  state === "good" || state === "doubtful" || (state === "untried" && kind === LAST_RESORT);

/** In the order: state, LoRa last, the stable first, score. */
function compare(a: PathView, b: PathView, policy: PathPolicy): number {
  return (
    STATE_RANK[a.state] - STATE_RANK[b.state] ||
    Number(a.kind === LAST_RESORT) - Number(b.kind === LAST_RESORT) ||
    Number(b.isStable) - Number(a.isStable) ||
    scoreOf(a, policy) - scoreOf(b, policy)
  );
}

function chosenOf(
  usable: readonly PathView[],
  policy: PathPolicy,
  current: string | undefined,
): PathView | undefined {
  const [best] = usable;
  const now = usable.find(({ id }) => id === current);
  if (!now || !best || now === best) return best;
  if (now.kind === LAST_RESORT && best.kind !== LAST_RESORT) return best;
  // In doubt both are used, so nothing is lost by waiting until it is certain.
  if (now.state === "doubtful") return now;
  if (!best.isStable) return now;
  const [has, could] = [scoreOf(now, policy), scoreOf(best, policy)];
  const chance = policy.weights.loss * lossDeviation(now, best);
  return has - could > Math.max(MARGIN_MS, has * MARGIN_SHARE, MARGIN_DEVIATIONS * chance) ? best : now;
}

/** How far apart the losses of two equal paths come out by chance, of as many proofs as each has had lately (binomial). */
const lossDeviation = (a: PathView, b: PathView): number => Math.sqrt(lossVariance(a) + lossVariance(b));

const lossVariance = ({ loss, lossOf }: PathView): number => (loss * (1 - loss)) / Math.max(1, lossOf);
