import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, Held } from "../custody/custody.ts";
import { IdIndex } from "../custody/id-index.ts";
import { RANKS, type Rank, rankOf } from "./rank.ts";

/** The rank of a held bundle. */
export const heldRank = ({ bundle, encoded }: Held): Rank =>
  rankOf({ priority: bundle.priority, bytes: encoded.length });

/** What is in custody, an index for each rank: boxes compare the most urgent first, and what is large only where it may go. */
export class RankedIndex {
  private readonly byRank = new Map<Rank, IdIndex>(RANKS.map((rank) => [rank, new IdIndex()]));
  private readonly ends: (() => void)[] = [];

  constructor(private readonly custody: Pick<Custody, "outline" | "onNew" | "onGone">) {}

  start(): void {
    const { custody } = this;
    this.ends.push(
      custody.onNew((held) => void this.of(heldRank(held)).add(held.id)),
      custody.onGone((id) => {
        for (const index of this.byRank.values()) if (index.remove(id)) return;
      }),
    );
    for (const outline of custody.outline()) this.of(rankOf(outline)).add(outline.id);
  }

  stop(): void {
    for (const end of this.ends.splice(0)) end();
    for (const rank of RANKS) this.byRank.set(rank, new IdIndex());
  }

  of(rank: Rank): IdIndex {
    const index = this.byRank.get(rank);
    if (!index) throw new RangeError(`rank: there is none called ${rank}`);
    return index;
  }

  /** undefined where it is not here for others. */
  rankOf(id: BundleId): Rank | undefined {
    return RANKS.find((rank) => this.of(rank).has(id));
  }
}
