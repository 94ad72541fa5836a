import type { BundleId } from "../bundle/bundle.ts";
import type { IdIndex, UpperBound } from "../custody/id-index.ts";

/** What one side says of a range of ids: from where the range before it ended, to `upTo`, which is not in it. */
export type Range = { upTo: UpperBound } & (
  | { says: "same" }
  /** What is here has this digest. */
  | { says: "digest"; digest: Uint8Array }
  /** All that is here. */
  | { says: "all"; ids: readonly BundleId[] }
  /** Answers `all`: what of it is not here, and what is here and not in it. */
  | { says: "differs"; lacks: readonly BundleId[]; has: readonly BundleId[] }
);

/** What the side that began has learned. */
export interface Found {
  /** Ids that only the other side has. */
  theirs: BundleId[];
  /** Ids that only this side has. */
  ours: BundleId[];
}

export type Compared = Pick<IdIndex, "fingerprint" | "count" | "ids" | "splitAt" | "has">;

export interface ReconcileLimits {
  /** A range that differs is cut into so many. */
  parts: number;
  /** A range of no more ids than this is told by its ids. */
  listed: number;
  /** What a message may have at most, in bytes; it is {@link rangeBytes} that are counted. */
  messageBytes: number;
}

/**
 * Negentropy's numbers. 100 new ids of 100,000 take 64 kB and 3 round trips with them; with 8 parts 57 kB and 3, with 4 parts
 * 40 kB and 5. Longer messages would be fewer where much differs, and each would keep a small board from other work for longer.
 */
export const IP_LIMITS: ReconcileLimits = { parts: 16, listed: 32, messageBytes: 65_536 };

/** The other side has not answered what it was asked. */
export class ReconcileError extends Error {
  override readonly name = "ReconcileError";
}

const ID_CHARS = 24;
const DIGEST_BYTES = 16;
/** CBOR's, of one range. */
const RANGE_OVERHEAD_BYTES = 8;
/**
 * Range-based set reconciliation (A. Meyer, "Range-Based Set Reconciliation", SRDS 2023), as negentropy's protocol
 * version 1 does it: equal ranges are done with by one digest, those that differ are cut in parts, and short ones told by
 * their ids. The wire form is our own, and `differs` is ours too: it answers with what differs, not with all that is there.
 * Only the side that begins learns anything; the other keeps nothing between two messages, so a break costs nothing.
 */
export function opening(index: Compared): Range[] {
  return [{ upTo: undefined, says: "digest", digest: index.fingerprint().digest }];
}

/**
 * The next message of either side, to the one that came.
 * @param found what the side that began learns by it is added here; undefined on the other side
 * @returns nothing once all is done
 * @throws {ReconcileError} where the message is none that an honest side would send
 */
export function reply(
  index: Compared,
  ranges: readonly Range[],
  limits: ReconcileLimits,
  found?: Found,
): Range[] {
  const last = ranges.at(-1);
  if (!last) return [];
  const replying = new Replying(index, limits, found);
  let lo = "";
  for (const range of ranges) {
    const { upTo } = range;
    if (!isBefore(lo, upTo)) throw new ReconcileError(`the range up to ${upTo} ends before it begins`);
    if (!replying.to(lo, range, last.upTo) || upTo === undefined) break;
    lo = upTo;
  }
  return replying.message.ranges();
}

/** One reply that is being written. */
class Replying {
  readonly message: Message;

  constructor(
    private readonly index: Compared,
    private readonly limits: ReconcileLimits,
    private readonly found: Found | undefined,
  ) {
    this.message = new Message(limits.messageBytes);
  }

  /** @returns false when there is no more room: what is left up to `end` is then told by one digest, and the other side comes back to it */
  to(lo: string, range: Range, end: UpperBound): boolean {
    const { message } = this;
    const isWhole = this.answer(lo, range);
    if (isWhole && !message.isFull) return true;
    const from = isWhole ? range.upTo : message.upTo;
    if (from !== undefined && isBefore(from, end)) message.add(digestOf(this.index, from, end));
    return false;
  }

  /** @returns false when there was not room for all; `message.upTo` then says how far it came */
  private answer(lo: string, range: Range): boolean {
    const { index, found, message } = this;
    const { upTo } = range;
    switch (range.says) {
      case "same":
        message.add({ upTo, says: "same" });
        return true;
      case "digest":
        this.compare(lo, upTo, range.digest);
        return true;
      case "all":
        if (!found) return this.tellDifference(lo, upTo, range.ids);
        this.learn(lo, upTo, range.ids, found);
        return true;
      case "differs":
        if (!found) throw new ReconcileError("the side that began said what differs");
        // What is told is not believed beyond what it is about.
        found.ours.push(...range.lacks.filter((id) => index.has(id) && isWithin(id, lo, upTo)));
        found.theirs.push(...range.has.filter((id) => !index.has(id) && isWithin(id, lo, upTo)));
        message.add({ upTo, says: "same" });
        return true;
    }
  }

  private compare(lo: string, upTo: UpperBound, digest: Uint8Array): void {
    const { index, message, limits } = this;
    if (isSame(index.fingerprint(lo, upTo).digest, digest)) {
      message.add({ upTo, says: "same" });
      return;
    }
    if (index.count(lo, upTo) > limits.listed) this.cut(lo, upTo);
    else message.add({ upTo, says: "all", ids: index.ids(lo, upTo) });
  }

  private cut(lo: string, upTo: UpperBound): void {
    const { index, message, limits } = this;
    let from = lo;
    for (const bound of [...shortened(index.splitAt(limits.parts, lo, upTo), lo), upTo]) {
      message.add(digestOf(index, from, bound));
      if (bound !== undefined) from = bound;
    }
  }

  /** The side that began has both lists. */
  private learn(lo: string, upTo: UpperBound, ids: readonly BundleId[], found: Found): void {
    const { index, message } = this;
    const theirs = new Set(ids);
    for (const id of theirs) if (!index.has(id) && isWithin(id, lo, upTo)) found.theirs.push(id);
    for (const id of index.ids(lo, upTo)) if (!theirs.has(id)) found.ours.push(id);
    message.add({ upTo, says: "same" });
  }

  private tellDifference(lo: string, upTo: UpperBound, ids: readonly BundleId[]): boolean {
    const { index, message } = this;
    const listed = new Set(ids);
    const room = message.roomForIds();
    const has = index.ids(lo, upTo, room + listed.size + 1).filter((id) => !listed.has(id));
    const isWhole = has.length <= room;
    // Up to the first that there was no room for.
    const to = isWhole ? upTo : has[room];
    const lacks = ids.filter((id) => isWithin(id, lo, to) && !index.has(id));
    message.add({ upTo: to, says: "differs", lacks, has: has.slice(0, room) });
    return isWhole;
  }
}

function digestOf(index: Compared, lo: string, upTo: UpperBound): Range {
  return { upTo, says: "digest", digest: index.fingerprint(lo, upTo).digest };
}

/**
 * Bounds as short as keeps them apart, in whole bytes. A part then begins a little before the id that it was to begin
 * with, which changes nothing: both sides take the bound that is said.
 */
function shortened(cuts: readonly BundleId[], lo: string): string[] {
  const bounds: string[] = [];
  let before = lo;
  for (const id of cuts) {
    const bound = shortestAfter(before, id);
    if (bound === undefined) continue;
    bounds.push(bound);
    before = bound;
  }
  return bounds;
}

/** The shortest beginning of an id, two bytes longer than it need be so that it is close to the id, that is after `before`. */
function shortestAfter(before: string, id: BundleId): string | undefined {
  for (let chars = 2; chars <= ID_CHARS; chars += 2) {
    const bound = id.slice(0, chars);
    if (bound > before) return id.slice(0, chars + 2);
  }
  return undefined;
}

const isBefore = (lo: string, upTo: UpperBound): boolean => upTo === undefined || lo < upTo;
const isWithin = (id: BundleId, lo: string, upTo: UpperBound): boolean => id >= lo && isBefore(id, upTo);
const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** What a range takes on the wire, at most. */
export function rangeBytes(range: Range): number {
  const bytes = RANGE_OVERHEAD_BYTES + (range.upTo?.length ?? 0) / 2;
  switch (range.says) {
    case "same":
      return bytes;
    case "digest":
      return bytes + DIGEST_BYTES;
    case "all":
      return bytes + (range.ids.length * ID_CHARS) / 2;
    case "differs":
      return bytes + ((range.lacks.length + range.has.length) * ID_CHARS) / 2;
  }
}

/** What is left for a last digest of the rest. */
const REST_BYTES = RANGE_OVERHEAD_BYTES + ID_CHARS / 2 + DIGEST_BYTES;

/** A message that is being written; ranges of which nothing more is to be said become one. */
class Message {
  private readonly written: Range[] = [];
  private bytes = 0;
  /** How far it says something. */
  upTo = "";

  constructor(private readonly mostBytes: number) {}

  get isFull(): boolean {
    return this.bytes + REST_BYTES >= this.mostBytes;
  }

  /** At least one, so that a message always gets on. */
  roomForIds(): number {
    const free = this.mostBytes - this.bytes - REST_BYTES - RANGE_OVERHEAD_BYTES - ID_CHARS;
    return Math.max(1, Math.floor(free / (ID_CHARS / 2)));
  }

  add(range: Range): void {
    this.upTo = range.upTo ?? this.upTo;
    const last = this.written.at(-1);
    if (range.says === "same" && last?.says === "same") {
      last.upTo = range.upTo;
      return;
    }
    this.written.push(range.says === "same" ? { ...range } : range);
    this.bytes += rangeBytes(range);
  }

  /** What is the same at the end need not be said. */
  ranges(): Range[] {
    return this.written.at(-1)?.says === "same" ? this.written.slice(0, -1) : this.written;
  }
}
