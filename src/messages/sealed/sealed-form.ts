import { type Cbor, decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import { MAX_BODY_BYTES } from "../bundle/bundle.ts";
import { SealedError } from "./sealed-error.ts";

// Browsers run this too: no Buffer, nothing of Node's.

const KEY_BYTES = 32;
const TAG_BYTES = 16;
const MAX_UINT32 = 2 ** 32 - 1;
/** Beyond it no session begins: later ones count as begun at the same time. */
export const MAX_BEGUN_S = 2 ** 40;

/** By what the recipient begins the same session. It is in every message until something has come back in that session. */
export interface Beginning {
  /** Number of the recipient's prekey. */
  prekeyNumber: number;
  /** X25519 public key that the sender made for this session, 32 bytes. */
  ephemeral: Uint8Array;
  /** When it was begun, seconds since 1970 by the sender's device: of two sessions the later one is sent by. */
  begunS: number;
}

/** What of a sealed message everybody can read. */
export interface Header {
  /** The sender's present ratchet key, X25519, 32 bytes. */
  ratchetKey: Uint8Array;
  /** How many messages the sender sent under the ratchet key before. */
  previousLength: number;
  /** How many under this one, before this message. */
  number: number;
  beginning?: Beginning;
}

export interface SealedMessage {
  header: Header;
  /** XChaCha20-Poly1305. */
  box: Uint8Array;
}

/**
 * A sealed message as deterministic CBOR: `[ratchetKey, previousLength, number, box]`, and `prekeyNumber, ephemeral, begunS` behind it
 * in those that begin a session. Sender, recipient and time are in the bundle around it.
 */
export function encodeSealed({ header, box }: SealedMessage): Uint8Array {
  return encodeCbor([...leading(header), box, ...beginningOf(header)]);
}

/** @throws {SealedError} `malformed` */
export function decodeSealed(bytes: Uint8Array): SealedMessage {
  const fields = decodeCborArray(bytes, MAX_BODY_BYTES, "body", malformed);
  const ratchetKey = fields.bytes("ratchetKey", KEY_BYTES);
  const previousLength = fields.uint("previousLength", MAX_UINT32);
  const number = fields.uint("number", MAX_UINT32);
  const box = fields.bytes("box", TAG_BYTES, MAX_BODY_BYTES);
  const header = { ratchetKey, previousLength, number };
  if (fields.left === 0) return { header, box };
  const prekeyNumber = fields.uint("prekeyNumber", MAX_UINT32);
  const ephemeral = fields.bytes("ephemeral", KEY_BYTES);
  const begunS = fields.uint("begunS", MAX_BEGUN_S);
  fields.end();
  return { header: { ...header, beginning: { prekeyNumber, ephemeral, begunS } }, box };
}

/** The header alone, for what the box is bound to. */
export const encodeHeader = (header: Header): Uint8Array =>
  encodeCbor([...leading(header), ...beginningOf(header)]);

export const malformed = (field: string, why: string): SealedError =>
  new SealedError("malformed", `${field} ${why}`);

const leading = ({ ratchetKey, previousLength, number }: Header): Cbor[] => [
  ratchetKey,
  previousLength,
  number,
];

const beginningOf = ({ beginning }: Header): Cbor[] =>
  beginning === undefined ? [] : [beginning.prekeyNumber, beginning.ephemeral, beginning.begunS];
