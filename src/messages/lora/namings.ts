import type { LinkAddress } from "../../lora/index.ts";
import type { LoraContext } from "./context.ts";
import { forgetOldest } from "./forget-oldest.ts";
import { type IdTag, MAX_IDS, type ShortId, tagOf } from "./items.ts";
import type { Carried } from "./stock.ts";

/**
 * What has come is named to the neighbours, in a frame of its own if nothing else has come since then for so long, and at the latest after
 * so long; each further time so much later.
 */
const QUIET_MS = 150_000;
const NAMED_AFTER_MS = 600_000;
const NAMED_AGAIN_MS = 300_000;
/** What has been named once is named early, beside what goes anyway, only so little before it is due again. */
const EARLY_MS = NAMED_AGAIN_MS / 3;
/** So many are named beside what goes anyway: two bytes each. */
const BESIDE = 3;
const MOST = 512;
/** So often something is named again while a neighbour is not known to have it who is the only way to others; else comparing finds it. */
const MOST_AGAIN = 8;
/** Where bundles wait for the air, so many times later. */
const LATER_WHERE_BUSY = 8;

interface Naming {
  /** In a frame of its own, at the latest. */
  dueMs: number;
  /** How often it has been named. */
  times: number;
}

/** What has come lately and is named to the neighbours: who lacks it asks for it. */
export class Namings {
  private readonly namings = new Map<ShortId, Naming>();
  /** When the last one came. */
  private lastMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: Pick<LoraContext, "nowMs" | "stock" | "neighbourhood">) {}

  /** It has come now. */
  add(short: ShortId): void {
    this.namings.delete(short);
    if (!this.makeRoom()) forgetOldest(this.namings);
    this.put(short);
  }

  /** As what has come, if there is room: one neighbour may lack it that no comparison finds. */
  addWhereRoom(short: ShortId): void {
    if (!this.namings.has(short) && this.makeRoom()) this.put(short);
  }

  forget(short: ShortId): void {
    this.namings.delete(short);
  }

  get isDue(): boolean {
    return this.nextMs <= this.context.nowMs;
  }

  /** When one is to be named in a frame of its own, in ms; Infinity: none is. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [short, naming] of this.namings)
      if (!this.goesItself(short)) next = Math.min(next, this.dueMs(naming));
    return next;
  }

  /**
   * What to name now; what is due and need not be named is forgotten.
   * @param isAlone nothing else is in the frame
   * @param goingOn what goes itself in the same frame
   * @param most so many at most; where one is due all go that were not named yet, or are due soon
   */
  next(isAlone: boolean, goingOn: ReadonlySet<ShortId>, most: number): ShortId[] {
    if (this.namings.size === 0) return [];
    const { nowMs } = this.context;
    const isNeedless = this.needless();
    // Until it is due somebody may come who lacks it.
    for (const [short, naming] of this.namings)
      if (this.dueMs(naming) <= nowMs && isNeedless(short, naming.times)) this.namings.delete(short);
    const count = Math.min(most, this.isDue ? MAX_IDS : isAlone ? 0 : BESIDE);
    const next: ShortId[] = [];
    for (const [short, { dueMs, times }] of this.namings) {
      if (next.length >= count) break;
      const isEarly = times > 0 && dueMs > nowMs + EARLY_MS;
      if (isEarly || goingOn.has(short) || this.goesItself(short)) continue;
      if (!isNeedless(short, times)) next.push(short);
    }
    return next;
  }

  /** They have been named. @param isBusy bundles have to wait for the air here */
  onNamed(tags: readonly IdTag[], isBusy: boolean): void {
    const isNeedless = this.needless();
    for (const [id, naming] of [...this.namings]) {
      if (!tags.includes(tagOf(id))) continue;
      this.namings.delete(id);
      const times = naming.times + 1;
      if (times > MOST_AGAIN || isNeedless(id, times)) continue;
      const afterMs = NAMED_AGAIN_MS * times * (isBusy ? LATER_WHERE_BUSY : 1);
      this.namings.set(id, { times, dueMs: this.context.nowMs + afterMs });
    }
  }

  /** It waits for the air to go from here to everyone: who asked for it would have it twice. */
  private goesItself(short: ShortId): boolean {
    const { stock, nowMs } = this.context;
    const carried = stock.byShortId(short);
    return carried?.dueMs !== undefined && carried.dueMs <= nowMs && carried.person === undefined;
  }

  /** Whether something need not be named that has been so often, by what is known now. */
  private needless(): (short: ShortId, times: number) => boolean {
    const { stock, neighbourhood } = this.context;
    const listeners = neighbourhood.listeners();
    // By its own word.
    const isKnownTo = (address: LinkAddress, { has, sinceMs }: Carried) =>
      has.has(address) || neighbourhood.hasHadSameSince(address, sinceMs);
    const areAllKnown = listeners.length > 0 && neighbourhood.isSettled;
    let soleWays: readonly LinkAddress[] | undefined;
    return (short, times) => {
      const carried = stock.byShortId(short);
      if (!carried) return true;
      // It is named again by whoever seeks its recipient, and no hello tells who has it.
      if (carried.person !== undefined) return times > 0 || carried.isHandedOn || !carried.isSought;
      if (times === 0) return areAllKnown && listeners.every((address) => isKnownTo(address, carried));
      soleWays ??= neighbourhood.soleWays();
      return soleWays.every((address) => isKnownTo(address, carried) || carried.refusedBy.has(address));
    };
  }

  private dueMs({ dueMs, times }: Naming): number {
    return times > 0 ? dueMs : Math.min(dueMs, this.lastMs + QUIET_MS);
  }

  private put(short: ShortId): void {
    this.lastMs = this.context.nowMs;
    this.namings.set(short, { dueMs: this.context.nowMs + NAMED_AFTER_MS, times: 0 });
  }

  /** What has been named gives way, to what has not. @returns whether there is room now */
  private makeRoom(): boolean {
    if (this.namings.size < MOST) return true;
    for (const [short, { times }] of this.namings) if (times > 0) return this.namings.delete(short);
    return false;
  }
}
