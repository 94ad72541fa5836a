import { PRIORITIES, type Priority } from "../bundle/bundle.ts";
import type { Source } from "./custody.ts";

/** How much of the store may be whose, as shares of it. */
export interface Shares {
  /** Of one person, of one station of this box, of all guests of another box. */
  holder: number;
  /** Of all that one source handed over, by what it is. */
  source: Readonly<Record<Source["by"], number>>;
  /** Of a class; beyond it the class makes room in itself. */
  classes: Readonly<Record<Priority, number>>;
}

export const SHARES: Shares = {
  holder: 0.1,
  source: { guest: 0.1, box: 0.7, lora: 0.7, folder: 0.9, self: 1 },
  // A flood of the most urgent must not take the whole store, and photos not what people need it for.
  classes: { sos: 0.5, "check-in": 0.7, direct: 0.7, room: 0.6, background: 0.5 },
};

export interface Limits {
  maxBytes: number;
  /** What is in the store has its place in memory too. */
  maxBundles: number;
  shares: Shares;
}

export interface Used {
  bytes: number;
  bundles: number;
}

/** What is held, by class in the order of {@link PRIORITIES}. */
export interface Usage {
  all: readonly Used[];
  /** Of the new bundle's holder. */
  holder: readonly Used[];
  /** Of what its source handed over. */
  source: readonly Used[];
}

export interface Incoming {
  priority: Priority;
  by: Source["by"];
  bytes: number;
}

/** Whose bundles of a class are to give way: those of everybody, of the new one's holder, of its source. */
export type Whose = "all" | "holder" | "source";

export type Step =
  | { do: "take" }
  | { do: "evict"; priority: Priority; whose: Whose }
  | { do: "refuse"; reason: "quota" | "full"; detail: string };

/**
 * The next step on the way to room for a new bundle; taken again and again until it says `take` or `refuse`. Who has their share
 * loses their own less important bundles, and where there are none is refused. A class that has its share makes room in itself. A
 * full store loses the least important first, and never more important ones than the one that comes.
 */
export function nextStep(incoming: Incoming, usage: Usage, limits: Limits): Step {
  const { maxBytes, maxBundles, shares } = limits;
  const rank = PRIORITIES.indexOf(incoming.priority);
  for (const [whose, share] of [
    ["holder", shares.holder],
    ["source", shares.source[incoming.by]],
  ] as const) {
    if (sum(usage[whose]).bytes + incoming.bytes <= maxBytes * share) continue;
    const lower = leastImportant(usage[whose], rank + 1);
    if (lower) return { do: "evict", priority: lower, whose };
    return { do: "refuse", reason: "quota", detail: QUOTA[whose] };
  }
  const share = shares.classes[incoming.priority];
  const ofClass = usage.all[rank]?.bytes ?? 0;
  if (ofClass + incoming.bytes > maxBytes * share) {
    if (ofClass > 0) return { do: "evict", priority: incoming.priority, whose: "all" };
    return { do: "refuse", reason: "full", detail: `larger than all of ${incoming.priority} may be` };
  }
  const all = sum(usage.all);
  if (all.bytes + incoming.bytes <= maxBytes && all.bundles + 1 <= maxBundles) return { do: "take" };
  const least = leastImportant(usage.all, rank);
  if (least) return { do: "evict", priority: least, whose: "all" };
  return { do: "refuse", reason: "full", detail: "all that is here is more important" };
}

const QUOTA = {
  holder: "its sender has as much here as one may",
  source: "whoever handed it over has as much here as one may",
};

/** Below this share of a limit there is room again for what had to go. */
const ROOM_AGAIN = 0.9;

/** Whether what had to give way in a class would soon have to again. */
export function isTight(priority: Priority, all: readonly Used[], limits: Limits): boolean {
  const { maxBytes, maxBundles, shares } = limits;
  const { bytes, bundles } = sum(all);
  const ofClass = all[PRIORITIES.indexOf(priority)]?.bytes ?? 0;
  return (
    bytes > ROOM_AGAIN * maxBytes ||
    bundles > ROOM_AGAIN * maxBundles ||
    ofClass > ROOM_AGAIN * maxBytes * shares.classes[priority]
  );
}

export function sum(used: readonly Used[]): Used {
  return used.reduce(
    (total, { bytes, bundles }) => ({ bytes: total.bytes + bytes, bundles: total.bundles + bundles }),
    { bytes: 0, bundles: 0 },
  );
}

/** The least important class that holds anything, none more important than `from`. */
function leastImportant(used: readonly Used[], from: number): Priority | undefined {
  for (let rank = PRIORITIES.length - 1; rank >= from; rank -= 1) {
    if ((used[rank]?.bundles ?? 0) > 0) return PRIORITIES[rank];
  }
  return undefined;
}
