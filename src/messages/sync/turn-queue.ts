import type { BundleId } from "../bundle/bundle.ts";
import { RANKS, type Rank } from "./rank.ts";

/** Bundles that wait for their turn: the most urgent rank first, within it in the order in which they came. */
export class TurnQueue {
  private readonly rankOf = new Map<BundleId, Rank>();
  private readonly byRank = new Map<Rank, Set<BundleId>>(RANKS.map((rank) => [rank, new Set()]));

  get size(): number {
    return this.rankOf.size;
  }

  has(id: BundleId): boolean {
    return this.rankOf.has(id);
  }

  count(rank: Rank): number {
    return this.of(rank).size;
  }

  /** One that waits already keeps its place. */
  add(id: BundleId, rank: Rank): void {
    if (this.rankOf.has(id)) return;
    this.rankOf.set(id, rank);
    this.of(rank).add(id);
  }

  /** @returns the rank that it waited with; undefined where it did not */
  remove(id: BundleId): Rank | undefined {
    const rank = this.rankOf.get(id);
    if (rank === undefined) return undefined;
    this.rankOf.delete(id);
    this.of(rank).delete(id);
    return rank;
  }

  /** Takes out the first of a rank. @param most how many */
  take(rank: Rank, most: number): BundleId[] {
    const taken: BundleId[] = [];
    for (const id of this.of(rank)) {
      if (taken.length >= most) break;
      taken.push(id);
    }
    for (const id of taken) this.remove(id);
    return taken;
  }

  /** Takes out all. */
  empty(): { id: BundleId; rank: Rank }[] {
    const all = [...this.rankOf].map(([id, rank]) => ({ id, rank }));
    this.rankOf.clear();
    for (const waiting of this.byRank.values()) waiting.clear();
    return all;
  }

  /** The first that waits. @param ranks of which it may be */
  first(ranks: readonly Rank[] = RANKS): { id: BundleId; rank: Rank } | undefined {
    for (const rank of ranks) for (const id of this.of(rank)) return { id, rank };
    return undefined;
  }

  private of(rank: Rank): Set<BundleId> {
    const waiting = this.byRank.get(rank);
    if (!waiting) throw new RangeError(`rank: there is none called ${rank}`);
    return waiting;
  }
}
