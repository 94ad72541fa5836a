import { createHash } from "node:crypto";
import type { SigningKey } from "../../identity/index.ts";
import { RENEW_EVERY_MS } from "./directory.ts";
import { encodeRecord, type PeerRecord } from "./peer-record.ts";

/** What a box says of itself, without what only its record has. */
export type SelfDescription = Omit<PeerRecord, "publicKey" | "sequence">;

/** Records of one start of the box, years of them: then its sequence runs into the next start's. */
const RECORDS_A_START = 2 ** 24;
/**
 * A box counts from elsewhere in each of its networks, or the number of its starts would tell that two members are one
 * box. Added to all of a network's sequences, so that they only ever rise; half of what a number has, beside 2^24 starts.
 */
const OFFSET_BITS = 48;
const OFFSET_DOMAIN = new TextEncoder().encode("omerta record sequence 1\0");
/** Two boxes that run with the same keys would outdo each other without end. */
const SURPASS_EVERY_MS = 60_000;
/** Between two records of a box. */
const LEAST_INTERVAL_MS = 5_000;
/**
 * Each record goes to every member: a network that forms says ten a second in all, each box a few at once, lest those by whom
 * it is reached are told late, and one more every so often.
 */
const SHARE_MS = 100;
const LONGEST_SHARE_MS = 30_000;
const AT_ONCE = 3;

export interface OwnRecordOptions {
  /**
   * How many times the box has started, kept through restarts: no clock is needed for the newer record to have the higher
   * sequence. Where that was not kept, {@link OwnRecord.surpass} helps.
   */
  starts: number;
  /** How many others are known. */
  members: () => number;
  monotonicMs: () => number;
}

/** This box's own record in one network: signed anew when something has changed, and now and then so that it is not forgotten. */
export class OwnRecord {
  /** The last that was used, or is known to have been. */
  private sequence: number | undefined;
  private surpassedAtMs = Number.NEGATIVE_INFINITY;
  private signedAtMs = Number.NEGATIVE_INFINITY;
  /** Records that it may make for what is new, as of {@link creditAtMs}. */
  private credit = AT_ONCE;
  private creditAtMs = 0;
  private described = "";
  private kept: Uint8Array | undefined;

  constructor(
    private readonly key: SigningKey,
    private readonly options: OwnRecordOptions,
  ) {}

  get encoded(): Uint8Array | undefined {
    return this.kept;
  }

  /**
   * Others hold this record of this box. Another one than its own that is no older was signed before the box lost its
   * state, or its keys were moved here: it would hide all new ones, so the next goes beyond it, and is due.
   */
  surpass(encoded: Uint8Array, sequence: number): void {
    const nowMs = this.options.monotonicMs();
    if (sequence < this.lastSequence || (this.kept && Buffer.from(this.kept).equals(encoded))) return;
    if (nowMs - this.surpassedAtMs < SURPASS_EVERY_MS) return;
    this.surpassedAtMs = nowMs;
    this.sequence = sequence;
    this.signedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** @returns the new record when there is one to be told to others */
  update(self: SelfDescription): Uint8Array | undefined {
    const nowMs = this.options.monotonicMs();
    const ageMs = nowMs - this.signedAtMs;
    // A load that changes all the time is no news.
    const { load: _load, chain, capability, ...rest } = self;
    const described = JSON.stringify([rest, Buffer.from(chain).toString("base64"), capability?.leases]);
    const isDue = ageMs >= RENEW_EVERY_MS;
    const isNews = described !== this.described && ageMs >= LEAST_INTERVAL_MS && this.creditAt(nowMs) >= 1;
    if (!isDue && !isNews) return undefined;
    this.credit = Math.max(0, this.credit - 1);
    this.sequence = Math.min(this.lastSequence + 1, Number.MAX_SAFE_INTEGER);
    this.kept = encodeRecord({ ...self, sequence: this.sequence }, this.key);
    this.described = described;
    this.signedAtMs = nowMs;
    return this.kept;
  }

  private creditAt(nowMs: number): number {
    const shareMs = Math.min(
      LONGEST_SHARE_MS,
      Math.max(LEAST_INTERVAL_MS, this.options.members() * SHARE_MS),
    );
    this.credit = Math.min(AT_ONCE, this.credit + (nowMs - this.creditAtMs) / shareMs);
    this.creditAtMs = nowMs;
    return this.credit;
  }

  private get lastSequence(): number {
    return this.sequence ?? this.options.starts * RECORDS_A_START + offsetOf(this.key);
  }
}

/** Nobody without the private key can work it out, and so subtract it. Ed25519's signatures are the same each time. */
function offsetOf(key: SigningKey): number {
  const secret = createHash("sha256").update(key.sign(OFFSET_DOMAIN)).digest();
  return secret.readUIntBE(0, OFFSET_BITS / 8);
}
