import type { Timers } from "../../host/timers.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, Held, Outline } from "../custody/custody.ts";
import { IdIndex } from "../custody/id-index.ts";
import { RANKS, type Rank, rankOf } from "./rank.ts";

/** Bundles that are put in at a time: 100,000 at once would keep a small board from all else for seconds. */
const SLICE = 2_000;

/** The rank of a held bundle. */
export const heldRank = ({ bundle, encoded }: Held): Rank =>
  rankOf({ priority: bundle.priority, bytes: encoded.length });

/** What is in custody, an index for each rank: boxes compare the most urgent first, and what is large only where it may go. */
export class RankedIndex {
  private byRank = emptyIndices();
  private readonly ends: (() => void)[] = [];
  private callOff: () => void = () => {};

  constructor(
    private readonly custody: Pick<Custody, "outline" | "onNew" | "onGone">,
    private readonly timers: Timers,
  ) {}

  /** @param ready called once all that was there is in it; before this returns, where that is little */
  start(ready: () => void): void {
    const { custody } = this;
    const goneMeanwhile = new Set<BundleId>();
    let isFilling = true;
    this.ends.push(
      custody.onNew((held) => void this.of(heldRank(held)).add(held.id)),
      custody.onGone((id) => {
        if (isFilling) goneMeanwhile.add(id);
        for (const index of this.byRank.values()) if (index.remove(id)) return;
      }),
    );
    const outlines = custody.outline()[Symbol.iterator]();
    const fill = () => {
      isFilling = this.addSome(outlines, goneMeanwhile);
      if (isFilling) this.callOff = this.timers.after(0, fill);
      else ready();
    };
    fill();
  }

  stop(): void {
    this.callOff();
    for (const end of this.ends.splice(0)) end();
    this.byRank = emptyIndices();
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

  /** @returns whether there may be more */
  private addSome(outlines: Iterator<Outline>, gone: ReadonlySet<BundleId>): boolean {
    for (let count = 0; count < SLICE; count += 1) {
      const next = outlines.next();
      if (next.done) return false;
      if (!gone.has(next.value.id)) this.of(rankOf(next.value)).add(next.value.id);
    }
    return true;
  }
}

const emptyIndices = (): Map<Rank, IdIndex> => new Map(RANKS.map((rank) => [rank, new IdIndex()]));
