import type { BundleId } from "../bundle/bundle.ts";
import { RANKS, type Rank } from "./rank.ts";
import type { RankedIndex } from "./ranked-index.ts";
import { IP_LIMITS, opening, type Range, ReconcileError, reply } from "./reconcile.ts";
import type { SyncFrame } from "./sync-frame.ts";

/** Of one rank in one comparison; then what was found is fetched first, and compared again. */
const MAX_ROUNDS = 64;
const MAX_FOUND = 16_384;
/** Five levels of sixteen parts lead to any id of the largest store; more rounds than that find something, or are no use. */
const MAX_FRUITLESS = 12;

export interface ComparingOptions {
  index: Pick<RankedIndex, "of">;
  /** What one side alone has, as it comes out. @returns whether something is to be done about it */
  found: (rank: Rank, theirs: readonly BundleId[], ours: readonly BundleId[]) => boolean;
  /** A comparison is over. `foundSomething`: there may be more; `complete`: all was compared. */
  ended: (result: { foundSomething: boolean; complete: boolean }) => void;
}

/** Compares what two boxes have, all ranks at once; the frames of the most urgent go first. */
export class Comparing {
  private readonly rounds = new Map<Rank, { rounds: number; fruitless: number; found: number }>();
  private readonly toSend = new Map<Rank, readonly Range[]>();
  private foundSomething = false;
  private complete = true;

  constructor(private readonly options: ComparingOptions) {}

  get isUnderWay(): boolean {
    return this.rounds.size > 0;
  }

  /** One that is under way goes on instead. */
  begin(ranks: readonly Rank[]): void {
    if (this.isUnderWay) return;
    this.foundSomething = false;
    this.complete = true;
    for (const rank of ranks) {
      this.rounds.set(rank, { rounds: 0, fruitless: 0, found: 0 });
      this.toSend.set(rank, opening(this.options.index.of(rank)));
    }
  }

  next(): SyncFrame | undefined {
    for (const rank of RANKS) {
      const ranges = this.toSend.get(rank);
      if (!ranges) continue;
      this.toSend.delete(rank);
      return { says: "compare", rank, ranges };
    }
    return undefined;
  }

  /** Answers the side that began. @throws {ReconcileError} */
  answer(rank: Rank, ranges: readonly Range[]): SyncFrame {
    return { says: "compared", rank, ranges: reply(this.options.index.of(rank), ranges, IP_LIMITS) };
  }

  /** Takes an answer in. @throws {ReconcileError} where nothing was asked */
  answered(rank: Rank, ranges: readonly Range[]): void {
    const state = this.rounds.get(rank);
    if (!state || this.toSend.has(rank)) throw new ReconcileError(`nothing was asked of ${rank}`);
    const found = { theirs: [], ours: [] };
    const next = reply(this.options.index.of(rank), ranges, IP_LIMITS, found);
    state.rounds += 1;
    const count = found.theirs.length + found.ours.length;
    state.found += count;
    state.fruitless = count > 0 ? 0 : state.fruitless + 1;
    if (this.options.found(rank, found.theirs, found.ours)) this.foundSomething = true;
    const isEnough =
      state.rounds >= MAX_ROUNDS || state.found >= MAX_FOUND || state.fruitless >= MAX_FRUITLESS;
    if (next.length > 0 && !isEnough) {
      this.toSend.set(rank, next);
      return;
    }
    if (next.length > 0) this.complete = false;
    this.rounds.delete(rank);
    const { foundSomething, complete } = this;
    if (this.rounds.size === 0) this.options.ended({ foundSomething, complete });
  }
}
