import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { CHALLENGE_BYTES, type InboxChallenges } from "./inbox-challenges.ts";
import { verifyBy } from "./person-key.ts";

// Browsers run this too: no Buffer, nothing of Node's.

const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const DOMAIN = utf8ToBytes("omerta-box inbox 1\0");

/** A challenge, and the person's signature under it. */
export const PROOF_BYTES = CHALLENGE_BYTES + SIGNATURE_BYTES;

/** What a proof is about. */
export interface InboxRequest {
  /** Ed25519 public key of the box in its network, 32 bytes, as the page was told: a proof for one box is none for another. */
  box: Uint8Array;
  /** Whose messages, 32 bytes. */
  key: Uint8Array;
  /** From where on; see `GuestMessages.inbox`. */
  after: number;
}

/**
 * Proves to a box that the one who asks holds the person's key: without a clock, and once. The box gives a challenge that it takes
 * back once only (`InboxChallenges`); the person signs it together with the box's key and what is asked for.
 * @param challenge from the box, 24 bytes
 * @param sign Ed25519 by the person's key
 * @returns {@link PROOF_BYTES} bytes
 */
export function makeInboxProof(
  request: InboxRequest,
  challenge: Uint8Array,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  return concatBytes(challenge, sign(signedBytes(request, challenge)));
}

/**
 * Whether a proof holds. The challenge is used up by it only if the signature is the person's: nobody can use up another's.
 * The challenge is looked at first: a signature costs a small board a hundred times as much, and whoever asks has to fetch one for each.
 * @param challenges of this box
 */
export function checkInboxProof(
  request: InboxRequest,
  proof: Uint8Array,
  challenges: Pick<InboxChallenges, "isGood" | "takeBack">,
): boolean {
  if (proof.length !== PROOF_BYTES || request.key.length !== KEY_BYTES) return false;
  const challenge = proof.subarray(0, CHALLENGE_BYTES);
  const signature = proof.subarray(CHALLENGE_BYTES);
  return (
    challenges.isGood(challenge) &&
    verifyBy(request.key, signedBytes(request, challenge), signature) &&
    challenges.takeBack(challenge)
  );
}

function signedBytes({ box, key, after }: InboxRequest, challenge: Uint8Array): Uint8Array {
  const number = new Uint8Array(8);
  new DataView(number.buffer).setBigUint64(0, BigInt(after));
  return concatBytes(DOMAIN, box, key, challenge, number);
}
