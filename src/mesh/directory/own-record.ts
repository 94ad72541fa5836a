import type { SigningKey } from "../../identity/index.ts";
import { RENEW_EVERY_MS } from "./directory.ts";
import { encodeRecord, type PeerRecord } from "./peer-record.ts";

/** What a box says of itself, without what only its record has. */
export type SelfDescription = Omit<PeerRecord, "publicKey" | "sequence">;

/** Records of one start of the box: beyond, its sequence would run into the next start's. */
const RECORDS_A_START = 2 ** 24;
/** A load that changes all the time is no news. */
const LEAST_INTERVAL_MS = 5_000;

/** This box's own record in one network: signed anew when something has changed, and now and then so that it is not forgotten. */
export class OwnRecord {
  private count = 0;
  private signedAtMs = Number.NEGATIVE_INFINITY;
  private described = "";
  private kept: Uint8Array | undefined;

  /**
   * @param starts how many times the box has started, kept through restarts: no clock is needed for the newer record to
   * have the higher sequence
   */
  constructor(
    private readonly key: SigningKey,
    private readonly starts: number,
    private readonly monotonicMs: () => number,
  ) {}

  get encoded(): Uint8Array | undefined {
    return this.kept;
  }

  /** @returns the new record when there is one to be told to others */
  update(self: SelfDescription): Uint8Array | undefined {
    const nowMs = this.monotonicMs();
    const ageMs = nowMs - this.signedAtMs;
    const { load: _load, chain, capability, ...rest } = self;
    const described = JSON.stringify([rest, Buffer.from(chain).toString("base64"), capability?.leases]);
    const isDue = ageMs >= RENEW_EVERY_MS;
    if (!isDue && (described === this.described || ageMs < LEAST_INTERVAL_MS)) return undefined;
    this.count = Math.min(this.count + 1, RECORDS_A_START - 1);
    this.kept = encodeRecord({ ...self, sequence: this.starts * RECORDS_A_START + this.count }, this.key);
    this.described = described;
    this.signedAtMs = nowMs;
    return this.kept;
  }
}
