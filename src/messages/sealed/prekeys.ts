import { x25519 } from "@noble/curves/ed25519.js";
import { decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import type { CardBody } from "../bundle/bodies.ts";
import { type KeyPair, newKeyPair } from "./agreement.ts";
import { SealedError } from "./sealed-error.ts";
import { malformed } from "./sealed-form.ts";

// Browsers run this too: no Buffer, nothing of Node's.

export interface Prekey extends KeyPair {
  number: number;
}

/** A person's own prekeys. They are random and not of the recovery words: once forgotten, nobody opens a first message again. */
export interface Prekeys {
  /** The newest first; it is on the card. The others are still good for what is on its way. */
  keys: readonly Prekey[];
  /** When the newest was made, seconds since 1970 by the person's own device. */
  madeS: number;
}

/** A prekey is on the card for so long: a week. */
const ROTATE_S = 7 * 86_400;
/**
 * How many are kept: with one a week, six weeks, which is longer than a bundle lives. They are forgotten by number, not by time: a clock
 * that jumps by years loses no message.
 */
const KEPT = 6;
const MAX_UINT32 = 2 ** 32 - 1;
const VERSION = 1;

/** @param after the number of the last prekey that anybody may know of, where one's own state was lost; see {@link CardBody} */
export function firstPrekeys(
  nowS: number,
  random: (bytes: number) => Uint8Array,
  after: number = 0,
): Prekeys {
  return { keys: [{ number: (after + 1) % MAX_UINT32, ...newKeyPair(random) }], madeS: nowS };
}

/** @returns with a new prekey, or the same where it is not yet time for one */
export function rotatedPrekeys(
  prekeys: Prekeys,
  nowS: number,
  random: (bytes: number) => Uint8Array,
): Prekeys {
  if (Math.abs(nowS - prekeys.madeS) < ROTATE_S) return prekeys;
  const { keys } = firstPrekeys(nowS, random, prekeys.keys[0]?.number);
  return { keys: [...keys, ...prekeys.keys].slice(0, KEPT), madeS: nowS };
}

/** What of them goes onto the person's card. */
export function prekeyOfCard({ keys: [newest] }: Prekeys): Pick<CardBody, "prekey" | "prekeyNumber"> {
  if (newest === undefined) throw new RangeError("prekeys: there are none");
  return { prekey: newest.public, prekeyNumber: newest.number };
}

/** For the person's own device and export: `[1, madeS, number, secret, …]`. */
export function encodePrekeys({ keys, madeS }: Prekeys): Uint8Array {
  return encodeCbor([VERSION, madeS, ...keys.flatMap(({ number, secret }) => [number, secret])]);
}

/** @throws {SealedError} `malformed` */
export function decodePrekeys(bytes: Uint8Array): Prekeys {
  const fields = decodeCborArray(bytes, 1_000, "prekeys", malformed);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const madeS = fields.uint("madeS");
  const keys: Prekey[] = [];
  while (fields.left > 0 && keys.length < KEPT) {
    const number = fields.uint("number", MAX_UINT32);
    const secret = fields.bytes("secret", 32);
    keys.push({ number, secret, public: x25519.getPublicKey(secret) });
  }
  fields.end();
  if (keys.length === 0) throw new SealedError("malformed", "there are no prekeys");
  return { keys, madeS };
}
