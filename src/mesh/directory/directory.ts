import type { Member } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { peerIdOf } from "../engine/peer-id.ts";
import { decodeRecord, type PeerRecord, RecordError } from "./peer-record.ts";
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
  monotonicMs: () => number;
}

export const MAX_ENTRIES = 2_000;
/** A box says anew what it is within {@link RENEW_EVERY_MS}; one that was not heard of for this long has gone. */
export const FORGET_AFTER_MS = 2 * 3_600_000;
export const RENEW_EVERY_MS = 30 * 60_000;

/**
 * The members of one network as they describe themselves. Only its subject can sign a record, so nobody can say
 * where another is; a box that lies about itself is looked for in vain, at the few addresses that a record may hold.
 */
export class Directory {
  private readonly entries = new Map<PeerId, Entry>();

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

  /** By its peer id, the beginning of it (4 characters at least after the common "12D3KooW"), or its name. @returns undefined when none or several match */
  find(text: string): Entry | undefined {
    const exact = this.entries.get(text);
    if (exact) return exact;
    const matching = this.all().filter(
      ({ peer, record, member }) =>
        record.name === text || member.name === text || (text.length >= 4 && peer.slice(8).startsWith(text)),
    );
    return matching.length === 1 ? matching[0] : undefined;
  }

  /**
   * Takes a record in if it is news.
   * @returns the entry when it was; undefined when it was known, or is older than what is known
   * @throws {RecordError} when it is malformed or not its subject's; and what `check` throws
   */
  accept(encoded: Uint8Array): Entry | undefined {
    const tag = tagOf(encoded);
    const record = decodeRecord(encoded);
    const peer = peerIdOf(record.publicKey);
    if (peer === this.options.self) return undefined;
    const known = this.entries.get(peer);
    if (known && known.record.sequence >= record.sequence) return undefined;
    const member = this.options.check(record.chain, record.publicKey);
    const entry = { peer, member, record, encoded, tag, heardAtMs: this.options.monotonicMs() };
    if (!known && this.entries.size >= MAX_ENTRIES && !this.makeRoom())
      throw new RecordError(`directory: ${MAX_ENTRIES} members are known already`);
    this.entries.set(peer, entry);
    return entry;
  }

  /** Forgets who has not been heard of for long, and who is a member no more. @returns who was forgotten */
  sweep(isConnected: (peer: PeerId) => boolean): PeerId[] {
    const beforeMs = this.options.monotonicMs() - FORGET_AFTER_MS;
    const gone = this.all().filter(
      ({ peer, heardAtMs, member }) =>
        (heardAtMs < beforeMs && !isConnected(peer)) || !this.options.isStillMember(member.publicKey),
    );
    for (const { peer } of gone) this.entries.delete(peer);
    return gone.map(({ peer }) => peer);
  }

  /** One that has not been heard of for a renewal gives way; members that speak keep their place. */
  private makeRoom(): boolean {
    const oldest = this.all().reduce((a, b) => (a.heardAtMs <= b.heardAtMs ? a : b));
    if (oldest.heardAtMs > this.options.monotonicMs() - RENEW_EVERY_MS * 1.5) return false;
    return this.entries.delete(oldest.peer);
  }
}
