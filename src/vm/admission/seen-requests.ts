import type { LeaseRequest } from "../request/index.ts";

type Asked = Pick<LeaseRequest, "id" | "requester" | "createdAt">;

/** What is kept of one requester. */
export interface SeenOfOne {
  requester: string;
  /** Everything up to this time of theirs counts as seen. */
  before: number;
  /** Id and time of later ones. */
  later: readonly (readonly [id: string, createdAt: number])[];
}

/**
 * Requests that were let in (allowed, queued, shown to the operator), so that none is let in twice. Bounded: of each requester the latest
 * are known one by one, and of earlier ones only up to when they were made, by the requester's own clock. Who asked longest ago is
 * forgotten when there are too many: their requests could be shown again, for a lease that nobody keeps alive.
 */
export class SeenRequests {
  private readonly all = new Map<string, { before: number; later: Map<string, number> }>();

  constructor(
    /** Who asked first comes first. */
    kept: readonly SeenOfOne[] = [],
    private readonly most: { requesters: number; each: number } = { requesters: 2_048, each: 32 },
  ) {
    for (const { requester, before, later } of kept) {
      this.all.set(requester, { before, later: new Map(later) });
    }
  }

  has({ id, requester, createdAt }: Asked): boolean {
    const known = this.all.get(requester);
    return known !== undefined && (createdAt <= known.before || known.later.has(id));
  }

  add({ id, requester, createdAt }: Asked): void {
    const known = this.all.get(requester) ?? { before: -1, later: new Map<string, number>() };
    // Put behind the others: it is the one that asked last.
    this.all.delete(requester);
    this.all.set(requester, known);
    // One id may come with several times: it goes with the latest of them, or that one could be let in again.
    known.later.set(id, Math.max(createdAt, known.later.get(id) ?? createdAt));
    while (known.later.size > this.most.each) forgetEarliest(known);
    for (const first of this.all.keys()) {
      if (this.all.size <= this.most.requesters) return;
      this.all.delete(first);
    }
  }

  /** For a document: what another one is begun with. */
  kept(): SeenOfOne[] {
    return [...this.all].map(([requester, { before, later }]) => ({ requester, before, later: [...later] }));
  }
}

function forgetEarliest(known: { before: number; later: Map<string, number> }): void {
  known.before = Math.max(known.before, Math.min(...known.later.values()));
  for (const [id, createdAt] of known.later) if (createdAt <= known.before) known.later.delete(id);
}
