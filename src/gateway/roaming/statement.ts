import { decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import { type SigningKey, verify } from "../../identity/index.ts";

/** What a box says of one station: its owner has agreed, or that holds no more. */
export interface Statement {
  /** The box's Ed25519 key in the network, 32 bytes. */
  signer: Uint8Array;
  /** The station's name among the boxes; see `stationName`. */
  station: Uint8Array;
  /** One more than that of the statement that it replaces, as far as its box knew: the higher one holds. */
  serial: number;
  what: "agreed" | "left";
  /** How long it holds from when it was made, at most {@link MAX_LIFETIME_S}. */
  lifetimeS: number;
  /** Language of the page on which the owner agreed (BCP 47); "" when it has left. */
  language: string;
  /** Which `RISKS_VERSION` the owner agreed to. */
  risks: number;
  /** A random number: what is said again after it was over is another statement, with an age of its own. */
  nonce: number;
}

/** A statement on its way. */
export interface Told {
  /** As it was signed. */
  signed: Uint8Array;
  statement: Statement;
  /** Seconds since it was made, as far as the boxes that have had it could count: a box that is off counts none. */
  ageS: number;
}

/** A statement that is malformed, or not signed by whom it names. */
export class RoamingError extends Error {
  override readonly name = "RoamingError";
  constructor(
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

export const STATION_BYTES = 16;
/** The longest agreement that a box may be configured to give (`gateway.consent_minutes`). */
export const MAX_LIFETIME_S = 43_200 * 60;
export const MAX_SERIAL = 2 ** 31 - 1;
export const MAX_NONCE = 2 ** 32 - 1;
const MAX_LANGUAGE_CHARS = 35;
const VERSION = 2;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const AGE_BYTES = 4;
const MAX_BODY_BYTES = 128;
/** Of a frame that holds one. */
export const MAX_TOLD_BYTES = AGE_BYTES + MAX_BODY_BYTES + SIGNATURE_BYTES;

const DOMAIN = new TextEncoder().encode("omerta-box roaming 2\0");
const KINDS = ["agreed", "left"] as const;
const fieldError = (field: string, why: string) => new RoamingError(field, why);

/**
 * Deterministic CBOR array of version, signer, station, serial, what (0: agreed, 1: left), lifetime, language, risks and nonce;
 * behind it the Ed25519 signature (64 bytes, RFC 8032) over the domain `"omerta-box roaming 2" 0x00` and that array. The signer's key
 * is another one in each network, so what is said in one counts in no other.
 */
export function signStatement(statement: Omit<Statement, "signer">, key: SigningKey): Uint8Array {
  const { station, serial, what, lifetimeS, language, risks, nonce } = statement;
  const body = encodeCbor([
    VERSION,
    key.publicKey,
    station,
    serial,
    KINDS.indexOf(what),
    lifetimeS,
    language,
    risks,
    nonce,
  ]);
  return Buffer.concat([body, key.sign(Buffer.concat([DOMAIN, body]))]);
}

/** @throws {RoamingError} with the field; whether the signer is a member is still to be checked */
export function openStatement(signed: Uint8Array): Statement {
  if (signed.length <= SIGNATURE_BYTES) throw new RoamingError("statement", "too short");
  const body = signed.subarray(0, -SIGNATURE_BYTES);
  const fields = decodeCborArray(body, MAX_BODY_BYTES, "statement", fieldError);
  if (fields.uint("version", 255) !== VERSION) throw fields.fail("version", "is not known");
  const signer = fields.bytes("signer", KEY_BYTES);
  const station = fields.bytes("station", STATION_BYTES);
  const serial = fields.uint("serial", MAX_SERIAL);
  const what = KINDS[fields.uint("what", KINDS.length - 1)] ?? "left";
  const lifetimeS = fields.uint("lifetime", MAX_LIFETIME_S);
  const language = fields.text("language", MAX_LANGUAGE_CHARS);
  const risks = fields.uint("risks", 65_535);
  const nonce = fields.uint("nonce", MAX_NONCE);
  fields.end();
  if (!verify(signer, Buffer.concat([DOMAIN, body]), signed.subarray(-SIGNATURE_BYTES)))
    throw new RoamingError("statement", "the signature is not its box's");
  return { signer, station, serial, what, lifetimeS, language, risks, nonce };
}

/** A frame: the age in seconds (4 bytes, big endian), then the statement as it was signed. */
export function encodeTold({ signed, ageS }: Pick<Told, "signed" | "ageS">): Uint8Array {
  const frame = new Uint8Array(AGE_BYTES + signed.length);
  new DataView(frame.buffer).setUint32(0, ageS);
  frame.set(signed, AGE_BYTES);
  return frame;
}

/** @throws {RoamingError} */
export function decodeTold(frame: Uint8Array): Told {
  if (frame.length <= AGE_BYTES || frame.length > MAX_TOLD_BYTES)
    throw new RoamingError("frame", `${frame.length} bytes`);
  const ageS = new DataView(frame.buffer, frame.byteOffset).getUint32(0);
  const signed = Uint8Array.from(frame.subarray(AGE_BYTES));
  return { signed, statement: openStatement(signed), ageS };
}

/**
 * Whether `a` takes the place of `b`, both of one station: the same on every box, in whatever order they come. Where two boxes
 * spoke at once without knowing of each other, that the owner has left counts: at worst the page is shown once more.
 */
export function supersedes(a: Statement, b: Statement): boolean {
  if (a.serial !== b.serial) return a.serial > b.serial;
  if (a.what !== b.what) return a.what === "left";
  if (a.lifetimeS !== b.lifetimeS) return a.lifetimeS > b.lifetimeS;
  const bySigner = Buffer.compare(a.signer, b.signer);
  if (bySigner !== 0) return bySigner > 0;
  if (a.language !== b.language) return a.language > b.language;
  return a.risks !== b.risks ? a.risks > b.risks : a.nonce > b.nonce;
}
