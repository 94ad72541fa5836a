import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { BundleId, Kind } from "../bundle/bundle.ts";
import { type BundleRow, heldOf, isTrace, rowById } from "./bundle-rows.ts";
import type { Held } from "./custody.ts";
import { hex } from "./opened-bundle.ts";
import { type Progress, progressOf, type Receipt, receiptsOf, stateOf } from "./progress.ts";
import { bounded, type Page, pageOf } from "./row-pages.ts";
import { gramsToFind, searchWords } from "./search-name.ts";
import type { Removed } from "./shelf.ts";
import { ROW_BYTES } from "./store-schema.ts";

/** What is left of a bundle that was taken away. */
export interface Trace {
  id: BundleId;
  kind: string;
  /** Its room, where it was a post. */
  room: string;
  /** Hex of the key that had signed it. */
  sender: string;
  ageMs: number;
  order: number;
  removed: Removed;
}

/** A bundle in a list, or what is left of it. */
export type Listed = Held | Trace;

export const isRemoved = (listed: Listed): listed is Trace => "removed" in listed;

/** An SOS with what members' boxes have said of it. */
export interface SosEntry {
  held: Held;
  /** undefined: nobody has said anything yet. */
  state: Progress["state"] | undefined;
  /** The newest first. */
  receipts: Receipt[];
}

export interface BundleQueriesOptions {
  db: () => Database;
  /** Of the store's age. */
  nowMs: () => number;
  speaksFor: (key: Uint8Array) => boolean;
  /** Told of a row that holds no whole bundle any more. */
  damaged: (id: BundleId, error: unknown) => void;
}

const PAGE = 20;
/** Calls for help that are looked through for the board. */
const MAX_CALLS = 10_000;

/** What the store is asked for. Lists are pages, the newest first by when it was made; what has expired is in none. */
export class BundleQueries {
  constructor(private readonly options: BundleQueriesOptions) {}

  get(id: BundleId): Held | undefined {
    const row = rowById(this.options.db(), id);
    return row && !isTrace(row) && row.expires_ms > this.options.nowMs() ? this.held(row) : undefined;
  }

  /** A bundle that was taken away. */
  trace(id: BundleId): Trace | undefined {
    const row = rowById(this.options.db(), id);
    return row && isTrace(row) ? this.traceOf(row) : undefined;
  }

  /** Posts of a room, and the traces of those that were taken away. */
  posts(room: string, before?: string, limit = PAGE): Page<Listed> {
    return this.page("kind = 'post' AND to_value = ?", [room], before, limit, (row) => this.listed(row));
  }

  /** Rooms that have posts, by name; traces count. */
  rooms(): { room: string; posts: number }[] {
    return this.options
      .db()
      .query<{ room: string; posts: number }, []>(
        `SELECT to_value AS room, count(*) AS posts FROM bundle INDEXED BY bundle_by_room
         WHERE kind = 'post' GROUP BY to_value ORDER BY to_value`,
      )
      .all();
  }

  /**
   * The newest check-in of everybody, or of those in whose name each word of the query is, in any place of it.
   * @param query as somebody typed it; "": everybody
   */
  checkIns(query: string, before?: string, limit = PAGE): Page<Held> {
    const words = searchWords(query);
    if (words.length === 0) return this.heldPage("latest = 1", [], before, limit);
    return this.named("check_in_name", words, before, limit);
  }

  /** Cards of people in whose name each word is; none for no word. */
  cards(name: string, before?: string, limit = PAGE): Page<Held> {
    const words = searchWords(name);
    return words.length === 0 ? { items: [] } : this.named("card_name", words, before, limit);
  }

  /** The newest card of a key. */
  card(key: Uint8Array): Held | undefined {
    return this.all("kind = 'card' AND sender = ?", "version DESC", [hex(key)], 1)[0];
  }

  /** @param withClosed also those that an operator has closed */
  sosBoard(withClosed = false, before?: string, limit = PAGE): Page<SosEntry> {
    return this.page("kind = 'sos'", [], before, limit, (row) => {
      const held = this.held(row);
      const entry = held && this.sosEntry(held);
      return withClosed || entry?.state !== "closed" ? entry : undefined;
    });
  }

  /**
   * Calls for help as they are to be dealt with: those that nobody has answered, the longest waiting first, and then those that
   * somebody has, likewise. Later ones, however many, push none off.
   */
  openCalls(limit: number): SosEntry[] {
    const waiting: SosEntry[] = [];
    const answered: SosEntry[] = [];
    let from = -1;
    for (let looked = 0; looked < MAX_CALLS && waiting.length < limit; looked += PAGE) {
      const rows = this.rows("kind = 'sos' AND rank > ? ORDER BY rank", [from], PAGE);
      for (const row of rows) {
        from = row.rank;
        const held = row.expires_ms > this.options.nowMs() ? this.held(row) : undefined;
        const entry = held && this.sosEntry(held);
        if (entry?.state === "acknowledged") answered.push(entry);
        else if (entry && entry.state !== "closed") waiting.push(entry);
      }
      if (rows.length < PAGE) break;
    }
    return [...waiting, ...answered].slice(0, limit);
  }

  sos(id: BundleId): SosEntry | undefined {
    const held = this.get(id);
    return held?.bundle.kind === "sos" ? this.sosEntry(held) : undefined;
  }

  notices(before?: string, limit = PAGE): Page<Held> {
    return this.heldPage("kind = 'notice'", [], before, limit);
  }

  /** Notices that count as an operator's word, the newest first, however many others there are. */
  noticesSpokenFor(limit: number): Held[] {
    const signers = this.options
      .db()
      .query<{ sender: string }, []>("SELECT DISTINCT sender FROM bundle WHERE kind = 'notice'")
      .all()
      .filter(({ sender }) => this.options.speaksFor(Buffer.from(sender, "hex")));
    return signers
      .flatMap(({ sender }) => this.all("kind = 'notice' AND sender = ?", "rank DESC", [sender], limit))
      .sort((a, b) => a.ageMs - b.ageMs || b.order - a.order)
      .slice(0, limit);
  }

  /** Ids of what is here and begins so. @param prefix hex digits */
  idsThatBegin(prefix: string, kinds: readonly Kind[], limit: number): BundleId[] {
    if (!/^[0-9a-f]+$/.test(prefix)) return [];
    return this.rows(
      `id >= ? AND id < ? AND +kind IN (${kinds.map(() => "?").join(", ")})
       AND +expires_ms > ? AND cost > ${ROW_BYTES} ORDER BY id`,
      // Above every digit.
      [prefix, `${prefix}g`, ...kinds, this.options.nowMs()],
      limit,
    ).map(({ id }) => id);
  }

  /** Bundles of one kind. */
  ofKind(kind: Kind, before?: string, limit = PAGE): Page<Held> {
    return this.heldPage("kind = ?", [kind], before, limit);
  }

  photosOf(id: BundleId, limit = PAGE): Held[] {
    return this.all("about = ? AND +kind = 'photo'", "rank", [id], limit);
  }

  /** What is for a person or a box, in the order in which it came. @param after the order of the last that was seen, 0 at first */
  inbox(key: Uint8Array, after: number, limit = 50): Held[] {
    // A store that was begun anew counts from less than what was seen before.
    const from = after > this.newestOrder() ? 0 : after;
    return this.all("to_kind = 'person' AND to_value = ? AND seq > ?", "seq", [hex(key), from], limit);
  }

  /** What is for somebody who has no box, in the order in which it came. */
  outside(after = 0, limit = 50): Held[] {
    return this.all("to_kind = 'outside' AND seq > ?", "seq", [after], limit);
  }

  /** What came after an order. */
  since(after: number, limit = 50): Held[] {
    return this.all("seq > ?", "seq", [after], limit);
  }

  /** The order of what came last; 0 where nothing ever came. */
  newestOrder(): number {
    return (
      this.options
        .db()
        .query<{ seq: number }, []>("SELECT seq FROM sqlite_sequence WHERE name = 'bundle'")
        .get()?.seq ?? 0
    );
  }

  receipts(id: BundleId): Receipt[] {
    return receiptsOf(this.context(), id);
  }

  /** How far these have come; those that were never here are left out. */
  progress(ids: readonly BundleId[]): Progress[] {
    return ids.flatMap((id) => progressOf(this.context(), id) ?? []);
  }

  private context() {
    const { db, speaksFor, nowMs } = this.options;
    return { db: db(), speaksFor, nowMs: nowMs() };
  }

  private sosEntry(held: Held): SosEntry {
    const receipts = receiptsOf(this.context(), held.id);
    return { held, receipts, state: stateOf(receipts) };
  }

  private heldPage(
    where: string,
    values: readonly SQLQueryBindings[],
    before: string | undefined,
    limit: number,
  ): Page<Held> {
    return this.page(where, values, before, limit, (row) => this.held(row));
  }

  /** @param where picks the rows of one index that goes by rank */
  private page<T>(
    where: string,
    values: readonly SQLQueryBindings[],
    before: string | undefined,
    limit: number,
    keep: (row: BundleRow) => T | undefined,
  ): Page<T> {
    const rows = (below: number, most: number) =>
      this.rows(`${where} AND rank < ? ORDER BY rank DESC`, [...values, below], most);
    return pageOf(before, limit, this.options.nowMs(), rows, keep);
  }

  /** Rows whose name has all the words. The index says a little too much: that all runs of a word are somewhere in the name. */
  private named(
    table: "check_in_name" | "card_name",
    words: readonly string[],
    before: string | undefined,
    limit: number,
  ): Page<Held> {
    const grams = gramsToFind(words);
    const rows = (below: number, most: number) =>
      this.options
        .db()
        .query<BundleRow, [string, number, number]>(
          `SELECT bundle.* FROM (SELECT rowid FROM ${table} WHERE ${table} MATCH ? AND rowid < ?
             ORDER BY rowid DESC LIMIT ?) AS found
           JOIN bundle ON bundle.rank = found.rowid ORDER BY bundle.rank DESC`,
        )
        .all(grams, below, most);
    return pageOf(before, limit, this.options.nowMs(), rows, (row) =>
      words.every((word) => row.name?.includes(word)) ? this.held(row) : undefined,
    );
  }

  private all(where: string, order: string, values: readonly SQLQueryBindings[], limit: number): Held[] {
    // A plus keeps SQLite from going by the index of a column that is the same in many rows.
    const alive = `+expires_ms > ? AND cost > ${ROW_BYTES}`;
    const nowMs = this.options.nowMs();
    return this.rows(`${where} AND ${alive} ORDER BY ${order}`, [...values, nowMs], bounded(limit)).flatMap(
      (row) => this.held(row) ?? [],
    );
  }

  private rows(where: string, values: readonly SQLQueryBindings[], limit: number): BundleRow[] {
    return this.options
      .db()
      .query<BundleRow, SQLQueryBindings[]>(`SELECT * FROM bundle WHERE ${where} LIMIT ?`)
      .all(...values, limit);
  }

  private listed(row: BundleRow): Listed | undefined {
    return isTrace(row) ? this.traceOf(row) : this.held(row);
  }

  /** A row's bundle, where it is whole: a medium that loses bits must not show others' words, nor end a list. */
  private held(row: BundleRow): Held | undefined {
    if (isTrace(row)) return undefined;
    try {
      return heldOf(row, this.options.nowMs());
    } catch (error) {
      this.options.damaged(row.id, error);
      return undefined;
    }
  }

  private traceOf(row: BundleRow): Trace {
    return {
      id: row.id,
      kind: row.kind,
      room: row.to_kind === "room" ? row.to_value : "",
      sender: row.sender,
      ageMs: Math.max(0, this.options.nowMs() - row.born_ms),
      order: row.seq,
      removed: {
        by: row.removed_by === "operator" ? "operator" : "sender",
        reason: row.removed_reason ?? "",
      },
    };
  }
}
