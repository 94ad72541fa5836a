import type { Database } from "bun:sqlite";
import type { Logger } from "../../host/log.ts";
import { verify } from "../../identity/index.ts";
import { KeptDatabase, StoreAge, type StoreClocks } from "../../store/index.ts";
import { type Bundle, BundleError, type BundleId, PRIORITIES, type Priority } from "../bundle/bundle.ts";
import { isSigned, verifyBundle } from "../bundle/bundle-codec.ts";
import { BundleQueries } from "./bundle-queries.ts";
import { rowById } from "./bundle-rows.ts";
import type { Custody, Held, Outline, RefusalReason, Source, Taken } from "./custody.ts";
import { spare, sweep } from "./expiry.ts";
import { isToBeNoted, noteHandedOver, type OtherBox, unconfirmedOf } from "./handed-over.ts";
import { Listeners } from "./listeners.ts";
import { RefusedError, usedByAll } from "./make-room.ts";
import { Moderation } from "./moderation.ts";
import { hex, type ReadBundle, readBundle } from "./opened-bundle.ts";
import { reconsider } from "./removing.ts";
import { type Limits, SHARES, type Shares, sum } from "./room.ts";
import { type Shelf, takeOff } from "./shelf.ts";
import { MESSAGE_MIGRATIONS, ROW_BYTES } from "./store-schema.ts";
import { hasNoRoomFor, isKnown, takeIn } from "./taking-in.ts";
import { needsOperator } from "./urgency.ts";

export interface BundleStoreOptions extends StoreClocks {
  path: string;
  /** What all bundles may take; see `messages.max_mib` of the configuration. */
  maxBytes: number;
  /** Default 250,000: each has its place in the memory of those that compare. */
  maxBundles?: number;
  shares?: Shares;
  log: Logger;
  /** @returns why a bundle's sender may not say it, or undefined: a notice that no member's box signed */
  mayTake?: (bundle: Bundle) => string | undefined;
  /** Whether what a box's key signs counts as an operator's word, as removals and receipts of an SOS are. Default: none does. */
  speaksFor?: (key: Uint8Array) => boolean;
}

const MAX_BUNDLES = 250_000;
/** Offered to each neighbour that comes: older ones were seen by many by then. */
const MAX_UNCONFIRMED = 1_000;
/** Where the medium cannot be written, all is in memory. */
const MAX_BYTES_IN_MEMORY = 32 * 1024 * 1024;
/** The age is written down as often at least. */
const LONGEST_SLEEP_MS = 60_000;
const SHORTEST_SLEEP_MS = 1_000;
/** With each commit, and no more often. */
const KEEP_AGE_EVERY_MS = 1_000;

/**
 * Custody on the medium: a bundle that was taken survives SIGKILL and power cuts, and stays until it has expired, was
 * delivered, was taken away or had to give way.
 */
export class BundleStore implements Custody {
  /** What there is to read. */
  readonly queries: BundleQueries;
  readonly moderation: Moderation;
  private readonly database: KeptDatabase;
  /** Bundles that are on their way to the medium. */
  private readonly pending = new Map<BundleId, Promise<Taken>>();
  private readonly whoHearsNew: Listeners<Held>;
  private readonly whoHearsGone: Listeners<BundleId>;
  private age: StoreAge | undefined;
  private limits: Limits;
  private nextSeq = 1;
  private callOff: () => void = () => undefined;
  private hasFailed = false;

  constructor(private readonly options: BundleStoreOptions) {
    const { path, maxBytes, maxBundles = MAX_BUNDLES, shares = SHARES } = options;
    this.database = new KeptDatabase("message store", path, MESSAGE_MIGRATIONS);
    this.limits = { maxBytes, maxBundles, shares };
    const failed = (error: unknown) => options.log.error({ error }, "whoever hears of messages failed");
    this.whoHearsNew = new Listeners(failed);
    this.whoHearsGone = new Listeners(failed);
    const db = () => this.db;
    const nowMs = () => this.nowMs();
    this.queries = new BundleQueries({
      db,
      nowMs,
      speaksFor: (key) => this.speaksFor(key),
      damaged: (id, error) => this.dropDamaged(id, error),
    });
    this.moderation = new Moderation({
      db,
      nowMs,
      write: (change) => this.write((shelf) => change(shelf.db)),
    });
  }

  /** @returns what is wrong with the medium, if something is */
  open(): ReturnType<KeptDatabase["open"]> {
    const found = this.database.open();
    const { maxBytes } = this.options;
    const most = found.volatile === undefined ? maxBytes : Math.min(maxBytes, MAX_BYTES_IN_MEMORY);
    this.limits = { ...this.limits, maxBytes: most };
    const age = new StoreAge(this.db, this.options);
    this.age = age;
    this.nextSeq = this.queries.newestOrder() + 1;
    this.db.transaction(() => {
      age.keep();
      spare(this.db, age.nowMs(), age.guessedMs);
      while (sweep(this.shelf()));
    })();
    this.sleep();
    return found;
  }

  /** What was handed over until now is on the medium then. */
  close(): void {
    this.callOff();
    if (this.age) {
      this.flush();
      try {
        this.age.keep();
      } catch (error) {
        this.options.log.error({ error }, "the age of the message store cannot be kept");
      }
    }
    this.age = undefined;
    this.database.close();
  }

  async take(encoded: Uint8Array, ageMs: number, source: Source): Promise<Taken> {
    let read: ReadBundle;
    try {
      read = readBundle(encoded);
    } catch (error) {
      if (error instanceof BundleError) return refused("malformed", error.message);
      throw error;
    }
    const { id } = read;
    const refusal = this.refusalOf(read, ageMs, source);
    if (refusal) return refusal;
    const pending = this.pending.get(id);
    if (pending) {
      const first = await pending;
      return first.state === "new" ? { state: "known", id } : first;
    }
    const taking = this.put(read, Math.max(0, ageMs), source).finally(() => this.pending.delete(id));
    this.pending.set(id, taking);
    return taking;
  }

  knows(id: BundleId): boolean {
    return isKnown(this.shelf(), id);
  }

  isShutOut(id: BundleId): boolean {
    return hasNoRoomFor(this.shelf(), id);
  }

  get(id: BundleId): Held | undefined {
    return this.queries.get(id);
  }

  ids(largestBytes = Number.MAX_SAFE_INTEGER - ROW_BYTES): readonly BundleId[] {
    return this.db
      .query<{ id: BundleId }, [number, number]>(
        "SELECT id FROM bundle WHERE cost > ? AND cost <= ? ORDER BY id",
      )
      .all(ROW_BYTES, ROW_BYTES + largestBytes)
      .map(({ id }) => id);
  }

  outline(): Iterable<Outline> {
    return this.db
      .query<{ id: BundleId; priority: number; cost: number }, [number]>(
        "SELECT id, priority, cost FROM bundle WHERE cost > ?",
      )
      .all(ROW_BYTES)
      .map(({ id, priority, cost }) => ({
        id,
        priority: PRIORITIES[priority] ?? "background",
        bytes: cost - ROW_BYTES,
      }));
  }

  onNew(listener: (held: Held) => void): () => void {
    return this.whoHearsNew.add(listener);
  }

  onGone(listener: (id: BundleId) => void): () => void {
    return this.whoHearsGone.add(listener);
  }

  /** Notes that another box has a bundle, where it is one that was written here. */
  async noteHandedOver(id: BundleId, to: OtherBox): Promise<void> {
    if (!isToBeNoted(rowById(this.db, id), to)) return;
    await this.write(({ db }) => {
      const row = rowById(db, id);
      if (row) noteHandedOver(db, row, to);
    });
  }

  /** What was written here and no other box is noted to have: it may have it all the same, where a kill came between. */
  unconfirmed(): BundleId[] {
    return unconfirmedOf(this.db, MAX_UNCONFIRMED);
  }

  /** To be called when members have come: what they had taken away before goes now. @returns how many bundles went */
  membersChanged(): Promise<number> {
    return this.write(reconsider);
  }

  /** What is held, by class. */
  usage(): { held: Record<Priority, number>; bytes: number; maxBytes: number } {
    const used = usedByAll(this.shelf());
    const held = { sos: 0, "check-in": 0, direct: 0, room: 0, background: 0 };
    for (const [rank, priority] of PRIORITIES.entries()) held[priority] = used[rank]?.bundles ?? 0;
    return { held, bytes: sum(used).bytes, maxBytes: this.limits.maxBytes };
  }

  /** Commits what waits for company, now. */
  flush(): void {
    this.database.opened.commit.flush();
  }

  /** Milliseconds of the store's age: grows by what passes, whatever the clock on the wall does. @throws Error when it is not open */
  nowMs(): number {
    if (!this.age) throw new Error("the message store is not open");
    return this.age.nowMs();
  }

  /** What is wrong, while something is. */
  trouble(): string | undefined {
    return this.hasFailed ? "messages cannot be written to the medium" : undefined;
  }

  private get db(): Database {
    return this.database.opened.db;
  }

  private speaksFor(key: Uint8Array): boolean {
    return this.options.speaksFor?.(key) ?? false;
  }

  /** What can be said of a bundle without its neighbours in the store. */
  private refusalOf({ bundle }: ReadBundle, ageMs: number, source: Source): Taken | undefined {
    if (!Number.isFinite(ageMs)) return refused("malformed", "bundle.age: is no number");
    if (ageMs >= bundle.lifetimeS * 1_000) return refused("expired", "its lifetime is over");
    if (isSigned(bundle) && !verifyBundle(bundle, verify))
      return refused("malformed", "bundle.signature: does not hold");
    const senders = [hex(bundle.sender.key), ...(source.by === "guest" ? [source.station] : [])];
    if (senders.some((who) => this.moderation.isBlocked(who)))
      return refused("blocked", "its sender is blocked");
    if (needsOperator(bundle) && !this.speaksFor(bundle.sender.key))
      return refused("not-allowed", `is no operator's, and more urgent than a ${bundle.kind} is`);
    const reason = this.options.mayTake?.(bundle);
    return reason === undefined ? undefined : refused("not-allowed", reason);
  }

  private async put(read: ReadBundle, ageMs: number, source: Source): Promise<Taken> {
    try {
      const taken = await this.write((shelf) => {
        const outcome = takeIn(shelf, read, this.nextSeq, ageMs, source);
        this.nextSeq += 1;
        return outcome;
      });
      this.hasFailed = false;
      if (taken.state === "new") this.tellNew(taken.id);
      return taken;
    } catch (error) {
      if (error instanceof RefusedError) return refused(error.reason, error.detail);
      // Not acknowledged: whoever hands it over keeps it. The box goes on with what it has.
      if (!this.hasFailed) this.options.log.error({ error }, "messages cannot be written to the medium");
      this.hasFailed = true;
      return refused("full", "cannot be written to the medium");
    }
  }

  private tellNew(id: BundleId): void {
    if (!this.age || this.whoHearsNew.isEmpty) return;
    const held = this.get(id);
    // One that had to give way in the same commit is not told of.
    if (held) this.whoHearsNew.tell(held);
  }

  /** One write of its own; resolves when it is on the medium, and what it took away was told of. */
  private async write<T>(change: (shelf: Shelf) => T): Promise<T> {
    let made: { result: T; gone: readonly BundleId[] } | undefined;
    await this.database.opened.commit.write(() => {
      const shelf = this.shelf();
      this.age?.keep(KEEP_AGE_EVERY_MS);
      made = { result: change(shelf), gone: shelf.gone };
    });
    if (!made) throw new Error("a write that is on the medium was never made");
    const { result, gone } = made;
    for (const id of gone) this.whoHearsGone.tell(id);
    return result;
  }

  private shelf(): Shelf {
    const { db, limits } = this;
    return { db, limits, nowMs: this.nowMs(), speaksFor: (key) => this.speaksFor(key), gone: [] };
  }

  /** Without a trace, as another box may still have it whole. */
  private dropDamaged(id: BundleId, error: unknown): void {
    this.options.log.warn({ id, error }, "a message was damaged on the medium");
    void this.write((shelf) => {
      const row = rowById(shelf.db, id);
      if (row) takeOff(shelf, row);
    }).catch((failure: unknown) => this.options.log.error({ id, error: failure }, "a damaged message stays"));
  }

  /** Until the next bundle expires, and at most until the age is to be written down. */
  private sleep(): void {
    const next = this.db.query<{ ms: number | null }, []>("SELECT min(expires_ms) AS ms FROM bundle").get();
    const untilMs = (next?.ms ?? Number.POSITIVE_INFINITY) - this.nowMs();
    const sleepMs = Math.min(LONGEST_SLEEP_MS, Math.max(SHORTEST_SLEEP_MS, untilMs));
    this.callOff = this.options.timers.after(sleepMs, () => void this.wake());
  }

  private async wake(): Promise<void> {
    try {
      for (let isMore = true; isMore && this.age; ) {
        isMore = await this.write((shelf) => {
          this.age?.keep();
          return sweep(shelf);
        });
      }
    } catch (error) {
      this.options.log.error({ error }, "messages that have expired cannot be taken off the medium");
    }
    if (this.age) this.sleep();
  }
}

const refused = (reason: RefusalReason, detail: string): Taken => ({ state: "refused", reason, detail });
