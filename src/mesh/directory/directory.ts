import type { Member } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { peerIdOf } from "../engine/peer-id.ts";
import { decodeRecord, type PeerRecord } from "./peer-record.ts";
import { tagOf } from "./set-sync.ts";

/** What is known of a member by its own word. */
export interface Entry {
  peer: PeerId;
  member: Member;
  record: PeerRecord;
  /** As it was signed, to be passed on. */
  encoded: Uint8Array;
  /** First 8 bytes of its SHA-256, in hex. */
  tag: string;
  /** When it came, on the monotonic clock. */
  heardAtMs: number;
}

export interface DirectoryOptions {
  /** This box, whose own record is never taken from others. */
  self: PeerId;
  /** Checks certificates. @throws when they do not hold */
  check: (chain: Uint8Array, publicKey: Uint8Array) => Member;
  isStillMember: (publicKey: Uint8Array) => boolean;
  /** Somebody has handed over a record that this box has signed, now or once. */
  ownCame: (encoded: Uint8Array, sequence: number) => void;
  monotonicMs: () => number;
}

/** There is no room: no fault of whoever passed the record on. */
export class DirectoryFullError extends Error {
  override readonly name = "DirectoryFullError";
}

export const MAX_ENTRIES = 2_000;
/** A box says anew what it is within {@link RENEW_EVERY_MS}; one that was not heard of for this long has gone. */
export const FORGET_AFTER_MS = 2 * 3_600_000;
export const RENEW_EVERY_MS = 30 * 60_000;
/** A box describes itself anew every five seconds at most (own-record.ts): what comes faster is left out, a few at once are let pass. */
const RECORDS_AT_ONCE = 6;
const RECORD_EVERY_MS = 4_000;
/** Every peer id of an Ed25519 key begins so. */
const COMMON_START = "12D3KooW";

interface Kept extends Entry {
  /** How many more records of its are taken at once. */
  credit: number;
}

/**
 * The members of one network as they describe themselves. Only its subject can sign a record, so nobody can say
 * where another is; a box that lies about itself is looked for in vain, at the few addresses that a record may hold.
 */
export class Directory {
  private readonly entries = new Map<PeerId, Kept>();

  constructor(private readonly options: DirectoryOptions) {}

  get size(): number {
    return this.entries.size;
  }

  get(peer: PeerId): Entry | undefined {
    return this.entries.get(peer);
  }

  /** All of them, in no order. */
  all(): readonly Entry[] {
    return [...this.entries.values()];
  }

  /**
   * By its peer id, the beginning of it (4 characters at least, with or without the common "12D3KooW"), or its name,
   * which can't be taken for a peer id.
   * @returns undefined when none or several match
   */
  find(text: string): Entry | undefined {
    const exact = this.entries.get(text);
    if (exact) return exact;
    const isId = text.startsWith(COMMON_START);
    const start = isId ? text.slice(COMMON_START.length) : text;
    const matching = this.all().filter(
      ({ peer, record, member }) =>
        (!isId && (record.name === text || member.name === text)) ||
        (start.length >= 4 && peer.slice(COMMON_START.length).startsWith(start)),
    );
    return matching.length === 1 ? matching[0] : undefined;
  }

  /**
   * Takes a record in if it is news.
   * @returns the entry when it was; undefined when it was known, is older than what is known, or comes too fast
   * @throws {RecordError} when it is malformed or not its subject's; {DirectoryFullError}; and what `check` throws
   */
  accept(encoded: Uint8Array): Entry | undefined {
    const tag = tagOf(encoded);
    // Gossip brings each record several times: what is here already need not be checked again.
    if (this.all().some((known) => known.tag === tag)) return undefined;
    const record = decodeRecord(encoded);
    const peer = peerIdOf(record.publicKey);
    if (peer === this.options.self) {
      this.options.ownCame(encoded, record.sequence);
      return undefined;
    }
    const known = this.entries.get(peer);
    if (known && known.record.sequence >= record.sequence) return undefined;
    const nowMs = this.options.monotonicMs();
    const credit = known
      ? Math.min(RECORDS_AT_ONCE, known.credit + (nowMs - known.heardAtMs) / RECORD_EVERY_MS)
      : RECORDS_AT_ONCE;
    if (credit < 1) return undefined;
    // Before the certificates: checking them costs time, and whoever checks remembers only so many.
    const leaving = known || this.entries.size < MAX_ENTRIES ? undefined : this.whoGivesWay();
    const member = this.options.check(record.chain, record.publicKey);
    if (leaving !== undefined) this.entries.delete(leaving);
    const entry = { peer, member, record, encoded, tag, heardAtMs: nowMs, credit: credit - 1 };
    this.entries.set(peer, entry);
    return entry;
  }

  /** Forgets who has not been heard of for long, and who is a member no more. @returns who was forgotten */
  sweep(isConnected: (peer: PeerId) => boolean): PeerId[] {
    const beforeMs = this.options.monotonicMs() - FORGET_AFTER_MS;
    const gone = this.all().filter(
      (entry) => (entry.heardAtMs < beforeMs && !isConnected(entry.peer)) || !this.isMember(entry),
    );
    for (const { peer } of gone) this.entries.delete(peer);
    return gone.map(({ peer }) => peer);
  }

  /**
   * One that has not been heard of for a renewal gives way; members that speak keep their place.
   * @throws {DirectoryFullError}
   */
  private whoGivesWay(): PeerId {
    const oldest = this.all().reduce((a, b) => (a.heardAtMs <= b.heardAtMs ? a : b));
    if (oldest.heardAtMs > this.options.monotonicMs() - RENEW_EVERY_MS * 1.5)
      throw new DirectoryFullError(`directory: ${MAX_ENTRIES} members are known already`);
    return oldest.peer;
  }

  private isMember({ member, record }: Entry): boolean {
    if (this.options.isStillMember(member.publicKey)) return true;
    try {
      // It may merely have been forgotten for others that were checked since.
      this.options.check(record.chain, record.publicKey);
      return true;
    } catch {
      return false;
    }
  }
}
