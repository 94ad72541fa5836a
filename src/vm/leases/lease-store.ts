import { type Journal, KeptDatabase, StoreAge, type StoreClocks } from "../../store/index.ts";
import { type SeenOfOne, SeenRequests } from "../admission/index.ts";
import { type LeaseRequest, parseLeaseRequest } from "../request/index.ts";
import { LEASE_ID } from "../request/lease-request.ts";
import { type EndRow, journalledSince, lastEntry, noteEnd } from "./lease-end-note.ts";
import { type LeaseStatistics, leaseStateText, parseLeaseState, parseLeaseStatistics } from "./lease-row.ts";
import { LEASE_MIGRATIONS } from "./lease-schema.ts";
import type { LeaseOutcome, LeaseState } from "./lease-state.ts";

export interface LeaseStoreOptions extends StoreClocks {
  path: string;
  journal: Pick<Journal, "append" | "tail">;
  /** How many leases that are over are remembered; the journal has them as well. */
  mostEnded?: number;
  /** Of whom requests are remembered so that none is let in twice. */
  mostSeen?: { requesters: number; each: number };
}

/** A lease as an earlier daemon left it. */
export interface KeptLease {
  state: LeaseState;
  request: LeaseRequest;
  /** What has passed since `state`, as far as known, for the event `restarted`. */
  awayMs: number;
  statistics: LeaseStatistics;
}

export interface EndedLease {
  id: string;
  requester: string;
  activity: string;
  outcome: LeaseOutcome;
  why: string;
  usedMs: number;
  statistics: LeaseStatistics;
}

type LiveRow = { id: string; state: string; request: string; age_ms: number; statistics: string };

const MOST_ENDED = 1_000;
const MOST_SEEN = { requesters: 2_048, each: 32 };
const KEEP_AGE_EVERY_MS = 10_000;

/**
 * The leases on the medium, before anything is made for them and until their end is in the journal: there each is found exactly
 * once, whenever a daemon is killed.
 */
export class LeaseStore {
  private readonly database: KeptDatabase;
  private held: { age: StoreAge; seen: SeenRequests } | undefined;
  /** Leases whose end is on its way into the journal. */
  private readonly ending = new Set<string>();

  constructor(private readonly options: LeaseStoreOptions) {
    this.database = new KeptDatabase("lease store", options.path, LEASE_MIGRATIONS);
  }

  /** The journal must be open. @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    const found = this.database.open();
    const { db } = this.database.opened;
    const age = new StoreAge(db, this.options);
    age.keep();
    const rows = db
      .query<{ requester: string; before: number; later: string }, []>("SELECT * FROM seen ORDER BY turn")
      .all();
    const kept: SeenOfOne[] = rows.map(({ later, ...row }) => ({ ...row, later: JSON.parse(later) }));
    this.held = { age, seen: new SeenRequests(kept, this.mostSeen) };
    return found;
  }

  close(): void {
    this.held?.age.keep();
    this.held = undefined;
    this.database.close();
  }

  /** Which requests were let in. Add to it by {@link see} alone. */
  get seen(): Pick<SeenRequests, "has"> {
    return this.opened.seen;
  }

  /** Lets a request in. At once it is no second time; kept when that is on the medium. */
  see(request: Pick<LeaseRequest, "id" | "requester" | "createdAt">): Promise<void> {
    const { seen } = this.opened;
    seen.add(request);
    const one = seen.kept().find(({ requester }) => requester === request.requester);
    return this.database.opened.commit.write(() => {
      const { db } = this.database.opened;
      // With a new turn: it is the one that asked last.
      db.query("DELETE FROM seen WHERE requester = ?").run(request.requester);
      if (one)
        db.query("INSERT INTO seen (requester, before, later) VALUES (?, ?, ?)").run(
          ...[one.requester, one.before, JSON.stringify(one.later)],
        );
      db.query(
        "DELETE FROM seen WHERE turn <= (SELECT turn FROM seen ORDER BY turn DESC LIMIT 1 OFFSET ?)",
      ).run(this.mostSeen.requesters);
    });
  }

  /** A new lease. Kept when it is on the medium: nothing may be made for it before. */
  begin(state: LeaseState, request: LeaseRequest): Promise<void> {
    const { id, requester, network, activity } = request;
    return this.write(
      "INSERT INTO lease (id, requester, network, activity, request, state, age_ms, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      ...[id, requester, network ?? null, activity, JSON.stringify(request)],
      ...[leaseStateText(state), this.opened.age.nowMs(), Math.round(state.usedMs)],
    );
  }

  /** What has become of it. To be kept at every other phase; what passes between is known without. */
  keep(state: LeaseState): Promise<void> {
    return this.write(
      "UPDATE lease SET state = ?, age_ms = ?, used_ms = ? WHERE id = ? AND outcome IS NULL",
      ...[leaseStateText(state), this.opened.age.nowMs(), Math.round(state.usedMs), state.id],
    );
  }

  count(lease: string, statistics: LeaseStatistics): Promise<void> {
    return this.write("UPDATE lease SET statistics = ? WHERE id = ?", JSON.stringify(statistics), lease);
  }

  /** To be called every some seconds, so that a next daemon knows what has passed. */
  tick(): void {
    this.opened.age.keep(KEEP_AGE_EVERY_MS);
  }

  /**
   * Its end. Kept when it is in the journal, once, with what the lease was for; a second one changes nothing.
   * @param state with its outcome
   */
  async end({
    id,
    outcome,
    why,
    usedMs,
  }: Pick<LeaseState, "id" | "outcome" | "why" | "usedMs">): Promise<void> {
    if (outcome === undefined) throw new RangeError(`lease ${id}: it has no outcome`);
    await this.alone(id, () => this.finish(id, outcome, why, usedMs));
  }

  /**
   * For a daemon that starts: those that are still to be ended or taken up. Ends that were not journalled are now, and of what
   * cannot be read the end is `swept`.
   * @param tearDown takes away what there is of a lease whose row cannot be read; where it fails the row stays for the next time
   */
  async recover(
    tearDown: (lease: string) => Promise<void> = async () => undefined,
    failed: (lease: string, error: unknown) => void = () => undefined,
  ): Promise<KeptLease[]> {
    await this.settle();
    const rows = this.database.opened.db
      .query<LiveRow, []>(
        "SELECT id, state, request, age_ms, statistics FROM lease WHERE outcome IS NULL ORDER BY number",
      )
      .all();
    const kept: KeptLease[] = [];
    for (const row of rows) {
      const lease = keptLease(row, this.opened.age.nowMs());
      if (lease) kept.push(lease);
      else await this.sweepUnreadable(row.id, tearDown).catch((error: unknown) => failed(row.id, error));
    }
    return kept;
  }

  private async sweepUnreadable(id: string, tearDown: (lease: string) => Promise<void>): Promise<void> {
    // What is no id names nothing that a lease could have, and must become part of no path.
    if (LEASE_ID.test(id)) await tearDown(id);
    await this.alone(id, () => this.finish(id, "swept", "what was kept of it cannot be read"));
  }

  /** Journals ends that could not be journalled before. */
  async settle(): Promise<void> {
    const rows = this.endRows("outcome IS NOT NULL AND journalled = 0");
    for (const row of rows) await this.alone(row.id, () => this.journalEnd(row));
  }

  /** The last that ended, the latest begun first. */
  ended(most: number): EndedLease[] {
    return this.endRows("journalled = 1 ORDER BY number DESC LIMIT ?", most).map(endedLease);
  }

  /** Of one requester, in the same order. */
  endedOf(requester: string, most: number): EndedLease[] {
    const rows = this.endRows(
      "journalled = 1 AND requester = ? ORDER BY number DESC LIMIT ?",
      ...[requester, most],
    );
    return rows.map(endedLease);
  }

  /** An end that is on its way into the journal is not brought there a second time. */
  private async alone(id: string, task: () => Promise<void>): Promise<void> {
    if (this.ending.has(id)) return;
    this.ending.add(id);
    await task().finally(() => this.ending.delete(id));
  }

  private async finish(id: string, outcome: LeaseOutcome, why: string, usedMs?: number): Promise<void> {
    const { db, commit } = this.database.opened;
    const after = lastEntry(this.options.journal);
    let isFirst = false;
    await commit.write(() => {
      const { changes } = db
        .query(
          "UPDATE lease SET outcome = ?, why = ?, used_ms = coalesce(?, used_ms), journal_after = ? WHERE id = ? AND outcome IS NULL",
        )
        .run(outcome, why, usedMs === undefined ? null : Math.round(usedMs), after, id);
      isFirst = changes === 1;
    });
    const [row] = isFirst ? this.endRows("id = ?", id) : [];
    if (row) await this.journalEnd(row);
  }

  /** A daemon may have been killed between the journal and here: then it is there already. */
  private async journalEnd(row: EndRow): Promise<void> {
    const { journal } = this.options;
    const { db, commit } = this.database.opened;
    if (!journalledSince(journal, row)) await noteEnd(journal, row);
    await commit.write(() => {
      db.query("UPDATE lease SET journalled = 1 WHERE id = ?").run(row.id);
      db.query(
        "DELETE FROM lease WHERE journalled = 1 AND number <= (SELECT number FROM lease WHERE journalled = 1 ORDER BY number DESC LIMIT 1 OFFSET ?)",
      ).run(this.options.mostEnded ?? MOST_ENDED);
    });
  }

  private endRows(where: string, ...values: (string | number)[]): EndRow[] {
    return this.database.opened.db
      .query<EndRow, (string | number)[]>(
        `SELECT id, requester, network, activity, outcome, why, used_ms, journal_after, statistics FROM lease WHERE ${where}`,
      )
      .all(...values);
  }

  private write(sql: string, ...values: (string | number | null)[]): Promise<void> {
    const { db, commit } = this.database.opened;
    return commit.write(() => db.query(sql).run(...values));
  }

  private get mostSeen(): { requesters: number; each: number } {
    return this.options.mostSeen ?? MOST_SEEN;
  }

  /** @throws Error when it is not open */
  private get opened(): { age: StoreAge; seen: SeenRequests } {
    if (!this.held) throw new Error("the lease store is not open");
    return this.held;
  }
}

const endedLease = ({ network: _, used_ms, journal_after: __, statistics, ...row }: EndRow): EndedLease => ({
  ...row,
  usedMs: used_ms,
  statistics: parseLeaseStatistics(statistics),
});

function keptLease(row: LiveRow, nowMs: number): KeptLease | undefined {
  const state = parseLeaseState(row.state);
  if (!state || state.id !== row.id) return undefined;
  try {
    const request = parseLeaseRequest(JSON.parse(row.request));
    const awayMs = Math.max(0, nowMs - row.age_ms);
    return { state, request, awayMs, statistics: parseLeaseStatistics(row.statistics) };
  } catch {
    return undefined;
  }
}
