import type { LoraContext } from "./context.ts";
import { ARRIVED, type HaveItem, type HopTag, type Item, type ShortId } from "./items.ts";
import { beside } from "./said.ts";

/** Whoever has handed something over leaves the word to us for so long, in frames of the largest size. */
const WORD_FRAMES = 0.25;
/** How often it is said beside what goes anyway that something has come: an answer may be lost. */
const TIMES_REPEATED = 2;
/** So many at a time are repeated. */
const MOST_REPEATED = 6;
const MOST_HAVES = 20;
const MOST_OFFERED = 20;
/** More questions and answers than that do not wait: those who ask will ask again. */
const MOST_ASKS = 12;

/** What this box owes its neighbours: that it has what they handed over, and what they have asked for. */
export class Answers {
  /** What neighbours wait to hear that it is here, and when it is said at the latest. */
  private readonly owed = new Map<ShortId, number>();
  private readonly repeats = new Map<ShortId, number>();
  private readonly refusals = new Set<ShortId>();
  private asks: Item[] = [];
  /** Who handed these over has left us the word until then. */
  private readonly withWord = new Set<ShortId>();
  private wordUntilMs = 0;

  constructor(private readonly context: LoraContext) {}

  /** A frame was heard: an earlier word is no more ours. @param isForOne only one box has reason to answer it */
  onFrame(isForOne: boolean): void {
    this.withWord.clear();
    if (isForOne) this.wordUntilMs = this.context.nowMs + this.context.frames(WORD_FRAMES);
  }

  /** The next word about this is ours. */
  takeWord(short: ShortId): void {
    this.withWord.add(short);
  }

  /** Somebody has asked for just this: nobody else speaks now. */
  takeWordNow(short: ShortId): void {
    this.wordUntilMs = this.context.nowMs + this.context.frames(WORD_FRAMES);
    this.withWord.add(short);
  }

  hasWord(short: ShortId): boolean {
    return this.withWord.has(short) && this.context.nowMs < this.wordUntilMs;
  }

  /** Somebody waits to hear that this is here. */
  owe(short: ShortId, waitMs: number): void {
    const dueMs = this.context.nowMs + waitMs;
    this.owed.set(short, Math.min(dueMs, this.owed.get(short) ?? dueMs));
  }

  /** It had to give way here: whoever handed it over has to keep it. */
  forget(short: ShortId): void {
    this.owed.delete(short);
    this.repeats.delete(short);
  }

  repeat(short: ShortId): void {
    this.repeats.set(short, TIMES_REPEATED);
  }

  refuse(short: ShortId): void {
    this.refusals.add(short);
  }

  /** A neighbour is asked whether it has this; in one question with others of which the same is asked. */
  offer(of: HopTag, id: ShortId): void {
    const waiting = this.asks.find(
      (ask) => ask.kind === "offer" && ask.of === of && ask.ids.length < MOST_OFFERED,
    );
    if (waiting?.kind !== "offer") this.ask({ kind: "offer", of, ids: [id] });
    else if (!waiting.ids.includes(id))
      this.asks = this.asks.map((ask) => (ask === waiting ? { ...waiting, ids: [...waiting.ids, id] } : ask));
  }

  ask(item: Item): void {
    const isAsked = this.asks.some((other) => JSON.stringify(other) === JSON.stringify(item));
    if (!isAsked && this.asks.length < MOST_ASKS) this.asks.push(item);
  }

  /** Whether something is owed now to whoever has left us the word. */
  get mustSpeakNow(): boolean {
    return [...this.owed].some(([short, atMs]) => atMs <= this.context.nowMs && this.hasWord(short));
  }

  get isDue(): boolean {
    return this.areHavesDue || this.asks.length > 0 || this.refusals.size > 0;
  }

  /** When something is owed next, in ms; Infinity: nothing is. */
  get nextMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.owed.values());
  }

  /**
   * What is said of what is here, most due first.
   * @param goingOn what goes on in the same frame: that says it as well
   * @param isBeside there is a frame anyway, which nobody waits for
   */
  haves(goingOn: ReadonlySet<ShortId>, isBeside: boolean): HaveItem | undefined {
    const { nowMs, frameMs, stock } = this.context;
    const soonMs = this.areHavesDue ? Number.POSITIVE_INFINITY : nowMs + frameMs;
    const ids = new Set([...this.owed].filter(([, atMs]) => atMs < soonMs).map(([id]) => id));
    if (isBeside || ids.size > 0)
      for (const id of [...this.repeats.keys()].slice(0, MOST_REPEATED)) ids.add(id);
    for (const id of goingOn) ids.delete(id);
    const held = [...ids]
      .slice(0, MOST_HAVES)
      .map((id) => ({ id, hops: stock.byShortId(id)?.hops ?? ARRIVED }));
    return held.length > 0 ? { kind: "have", held } : undefined;
  }

  /** Questions, and answers that are no {@link haves}. */
  others(): Item[] {
    const ids = [...this.refusals].slice(0, MOST_HAVES);
    return ids.length > 0 ? [...this.asks, { kind: "refuse", ids }] : [...this.asks];
  }

  /** A frame has left with these, and what goes on in it. */
  onSaid(items: readonly Item[], goingOn: ReadonlySet<ShortId>): void {
    for (const id of goingOn) this.owed.delete(id);
    for (const item of items) {
      if (item.kind === "have") for (const { id } of item.held) this.onSaidHave(id);
      if (item.kind === "refuse") for (const id of item.ids) this.refusals.delete(id);
    }
    this.asks = this.asks.filter((ask) => items.every((item) => beside(ask, item) !== undefined));
  }

  private get areHavesDue(): boolean {
    return this.nextMs <= this.context.nowMs;
  }

  private onSaidHave(id: ShortId): void {
    this.owed.delete(id);
    const left = (this.repeats.get(id) ?? 0) - 1;
    if (left > 0) this.repeats.set(id, left);
    else this.repeats.delete(id);
  }
}
