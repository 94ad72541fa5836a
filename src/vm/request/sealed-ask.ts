import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdfSha256 } from "../../identity/signing-key.ts";
import { MAX_ASK_BYTES } from "./lease-ask.ts";

const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

export const MAX_SEALED_ASK_BYTES = NONCE_BYTES + MAX_ASK_BYTES + TAG_BYTES;

const NO_SALT = new Uint8Array(0);
const ASK = Buffer.from("omerta-box lease ask 1\0");
const ANSWER = Buffer.from("omerta-box lease answer 1\0");

/** Makes random bytes: other ones each time. */
export type RandomBytes = (count: number) => Uint8Array;

/** Both ends of one exchange: what was asked has been sealed, and what is answered will be. */
export interface SealedAsk {
  /** Nonce, and then what was sealed. */
  sealed: Uint8Array;
  answers: AnswerSeal;
}

/**
 * Seals an ask with a network's shared key (XChaCha20-Poly1305, keys by HKDF-SHA-256): who is no member of the network learns
 * from it neither which network it is nor who asks for what. Its length can be seen, and so can where it goes.
 */
export function sealLeaseAsk(ask: Uint8Array, sharedKey: Uint8Array, random: RandomBytes): SealedAsk {
  const nonce = Uint8Array.from(random(NONCE_BYTES));
  const cipher = xchacha20poly1305(askKey(sharedKey), nonce);
  return {
    sealed: Buffer.concat([nonce, cipher.encrypt(Uint8Array.from(ask))]),
    answers: new AnswerSeal(sharedKey, nonce, random),
  };
}

/**
 * @param sharedKeys of one network, all that hold
 * @returns undefined when none of them has sealed it, or it was changed
 */
export function openSealedAsk(
  sealed: Uint8Array,
  sharedKeys: readonly Uint8Array[],
  random: RandomBytes,
): { ask: Uint8Array; answers: AnswerSeal } | undefined {
  if (sealed.length <= NONCE_BYTES + TAG_BYTES || sealed.length > MAX_SEALED_ASK_BYTES) return undefined;
  const nonce = Uint8Array.from(sealed.subarray(0, NONCE_BYTES));
  for (const sharedKey of sharedKeys) {
    const ask = opened(askKey(sharedKey), nonce, sealed.subarray(NONCE_BYTES));
    if (ask !== undefined) return { ask, answers: new AnswerSeal(sharedKey, nonce, random) };
  }
  return undefined;
}

const askKey = (sharedKey: Uint8Array): Uint8Array => hkdfSha256(sharedKey, NO_SALT, ASK, KEY_BYTES);

/**
 * What is answered to one sealed ask, piece by piece: each is bound to the ask and to its place, so that nobody between can
 * make an answer, show an old one, or leave one out unnoticed. An ask that is shown again has the same key, so nonces are random.
 */
export class AnswerSeal {
  private readonly key: Uint8Array;
  private place = 0;

  constructor(
    sharedKey: Uint8Array,
    askNonce: Uint8Array,
    private readonly random: RandomBytes,
  ) {
    this.key = hkdfSha256(sharedKey, askNonce, ANSWER, KEY_BYTES);
  }

  /** The next piece: nonce, and then what was sealed. */
  seal(piece: Uint8Array): Uint8Array {
    const nonce = Uint8Array.from(this.random(NONCE_BYTES));
    const cipher = xchacha20poly1305(this.key, nonce, this.nextPlace());
    return Buffer.concat([nonce, cipher.encrypt(Uint8Array.from(piece))]);
  }

  /** The next piece; undefined when that is another one, or nobody's who has the shared key. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    if (sealed.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const nonce = Uint8Array.from(sealed.subarray(0, NONCE_BYTES));
    return opened(this.key, nonce, sealed.subarray(NONCE_BYTES), this.nextPlace());
  }

  private nextPlace(): Uint8Array {
    const place = Buffer.alloc(4);
    place.writeUInt32BE(this.place);
    this.place += 1;
    return Uint8Array.from(place);
  }
}

function opened(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated?: Uint8Array,
): Uint8Array | undefined {
  try {
    return xchacha20poly1305(key, nonce, associated).decrypt(Uint8Array.from(sealed));
  } catch {
    // The tag does not fit: another key, another place, or changed on the way.
    return undefined;
  }
}
