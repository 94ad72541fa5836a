import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes } from "@noble/hashes/utils.js";

const NUMBER_BYTES = 8;
const TAG_BYTES = 16;
export const CHALLENGE_BYTES = NUMBER_BYTES + TAG_BYTES;

/** How many challenges are good at a time: older ones are void. */
const WINDOW = 16_384;

/**
 * Challenges for inbox proofs: each is taken back once. They are numbered and carry a tag that only this box can make, so that those
 * that were given need not be kept: a flood of requests fills no memory. They end with the process, and by number, not by a clock.
 */
export class InboxChallenges {
  private given = 0;
  /** Numbers within the window that were taken back. */
  private readonly used = new Set<number>();

  /** @param secret that nobody can guess, 32 bytes; another one each time the box starts */
  constructor(private readonly secret: Uint8Array) {}

  /** @returns {@link CHALLENGE_BYTES} bytes */
  give(): Uint8Array {
    this.given += 1;
    this.used.delete(this.given - WINDOW);
    return this.challenge(this.given);
  }

  /** Whether it was given here, is among the last {@link WINDOW}, and was not taken back yet. */
  isGood(challenge: Uint8Array): boolean {
    if (challenge.length !== CHALLENGE_BYTES) return false;
    const number = numberOf(challenge);
    if (number > this.given || number <= this.given - WINDOW || this.used.has(number)) return false;
    const own = this.challenge(number);
    // All bytes are compared, so that the time tells nothing of the tag.
    return own.reduce((differ, byte, index) => differ | (byte ^ (challenge[index] ?? 0)), 0) === 0;
  }

  /** Uses a challenge up. @returns whether it was good until now */
  takeBack(challenge: Uint8Array): boolean {
    if (!this.isGood(challenge)) return false;
    this.used.add(numberOf(challenge));
    return true;
  }

  private challenge(number: number): Uint8Array {
    const bytes = new Uint8Array(NUMBER_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
    return concatBytes(bytes, hmac(sha256, this.secret, bytes).subarray(0, TAG_BYTES));
  }
}

const numberOf = ({ buffer, byteOffset }: Uint8Array): number =>
  Number(new DataView(buffer, byteOffset).getBigUint64(0));
