import type { JournalEntry } from "../../../../src/store/index.ts";
import { SeenRequests } from "../../../../src/vm/admission/index.ts";
import type { LeaseState, LeaseStatistics } from "../../../../src/vm/leases/index.ts";
import type { LenderStore } from "../../../../src/vm/lending/index.ts";

type Entry = Pick<JournalEntry, "kind" | "subject" | "detail">;

/** A store and a journal in memory, which keep what they are told at once: for courses of thousands of leases. */
export class PlayedStore implements LenderStore {
  readonly seen = new SeenRequests();
  readonly entries: Entry[] = [];
  /** Ids of leases that are kept and not over. */
  readonly live = new Set<string>();
  private readonly ends: { requester: string; state: LeaseState }[] = [];
  private readonly requesters = new Map<string, string>();

  readonly journal = {
    append: async (_: string, kind: string, subject: string, detail: Record<string, unknown>) =>
      void this.entries.push({ kind, subject, detail }),
  };

  async see(request: Parameters<LenderStore["see"]>[0]): Promise<void> {
    this.seen.add(request);
  }

  async begin(state: LeaseState): Promise<void> {
    if (this.requesters.has(state.id)) throw new Error(`${state.id} is there already`);
    this.live.add(state.id);
    this.requesters.set(state.id, state.requester);
  }

  async keep(): Promise<void> {}

  async count(_: string, __: LeaseStatistics): Promise<void> {}

  async end(state: Parameters<LenderStore["end"]>[0]): Promise<void> {
    if (!this.live.delete(state.id)) return;
    const requester = this.requesters.get(state.id) ?? "";
    this.ends.unshift({ requester, state: state as LeaseState });
    this.entries.push({ kind: "lease-ended", subject: state.id, detail: { outcome: state.outcome } });
  }

  async recover(): Promise<[]> {
    return [];
  }

  endedOf(requester: string, most: number): ReturnType<LenderStore["endedOf"]> {
    return this.ends
      .filter((one) => one.requester === requester)
      .slice(0, most)
      .map(({ state: { id, outcome = "swept", why, usedMs } }) => ({
        ...{ id, requester, activity: "", outcome, why, usedMs, statistics: {} },
      }));
  }

  tick(): void {}
}
