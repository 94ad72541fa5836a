import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import {
  type Bundle,
  BundleError,
  type BundleId,
  type Destination,
  ID_BYTES,
  type Kind,
  MAX_BODY_BYTES,
  MAX_BUNDLE_BYTES,
  MAX_LIFETIME_S,
  MAX_ROOM_CHARS,
  MAX_SERVICE_CHARS,
  MAX_TEXT_BODY_BYTES,
  MAX_UNSIGNED_BODY_BYTES,
  MAX_URI_CHARS,
  PRIORITIES,
  PRIORITY_OF,
  type Sender,
  type Unsigned,
} from "./bundle.ts";

// Browsers run this too: no Buffer, nothing of Node's.

const VERSION = 1;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;
const DOMAIN = utf8ToBytes("omerta-box bundle 1\0");
const UNSIGNED_DOMAIN = utf8ToBytes("omerta-box bundle without signature 1\0");

/** On every wire, whatever the order in the source becomes; a number once given stays. LoRa has four bits for it, of which 15 is free. */
export const KIND_NUMBERS: Readonly<Record<Kind, number>> = {
  sos: 0,
  "check-in": 1,
  direct: 2,
  post: 3,
  notice: 4,
  receipt: 5,
  lookup: 6,
  card: 7,
  removal: 8,
  photo: 9,
  credentials: 10,
};
const SENDER_NUMBERS: Record<Sender["as"], number> = { person: 0, guest: 1, box: 2 };
const DESTINATION_NUMBERS: Record<Destination["kind"], number> = {
  everyone: 0,
  person: 1,
  room: 2,
  service: 3,
  outside: 4,
};
const MAX_UINT32 = 2 ** 32 - 1;

/** Kinds whose body may be long. */
const LONG_KINDS: readonly Kind[] = ["direct", "photo"];
/** What a URI of a person outside may look like: no spaces, no quotes, no control characters. */
const OUTSIDE = /^(mailto:[^\s"<>@]{1,64}@[^\s"<>@]{1,180}|tel:\+?[0-9()./-]{3,30})$/;
const NAME = /^[\p{L}\p{M}\p{N}][\p{L}\p{M}\p{N} _.'-]*$/u;

/**
 * A bundle as deterministic CBOR (RFC 8949, section 4.2.1): `[1, kind, as, key, destination, to, priority, lifetimeS, createdS,
 * sequence, body, signature]`, without the last where it has none. Its age is not in it: that is told beside it, and grows.
 * @throws {BundleError} where it says what no bundle may
 */
export function encodeBundle(bundle: Bundle): Uint8Array {
  check(bundle);
  checkSignature(bundle);
  return encodeCbor([...elements(bundle), ...(isSigned(bundle) ? [bundle.signature] : [])]);
}

/**
 * Reads a bundle. Its form is checked, not its signature; see `verifyBundle`.
 * @throws {BundleError}
 */
export function decodeBundle(bytes: Uint8Array): Bundle {
  const error = (field: string, why: string) => new BundleError(field, why);
  const fields = decodeCborArray(bytes, MAX_BUNDLE_BYTES, "bundle", error);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const kind = named(fields, "kind", KIND_NUMBERS);
  const as = named(fields, "as", SENDER_NUMBERS);
  const key = fields.bytes("key", KEY_BYTES);
  const to = readDestination(fields);
  const priority = PRIORITIES[fields.uint("priority", PRIORITIES.length - 1)] ?? "background";
  const lifetimeS = fields.uint("lifetimeS", MAX_LIFETIME_S);
  const createdS = fields.uint("createdS");
  const sequence = fields.uint("sequence", MAX_UINT32);
  const body = fields.bytes("body", 0, MAX_BODY_BYTES);
  const signature = fields.left === 0 ? new Uint8Array(0) : fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  const bundle = { kind, sender: { as, key }, to, priority, lifetimeS, createdS, sequence, body, signature };
  check(bundle);
  checkSignature(bundle);
  return bundle;
}

/** What the sender signs. */
export function signedBytes(bundle: Unsigned): Uint8Array {
  return concatBytes(DOMAIN, encodeCbor(elements(bundle)));
}

/** @param sign Ed25519 by the sender's key */
export function makeBundle(unsigned: Unsigned, sign: (message: Uint8Array) => Uint8Array): Bundle {
  check(unsigned);
  return { ...unsigned, signature: sign(signedBytes(unsigned)) };
}

/**
 * A direct message that its seal alone says the sender of.
 * @throws {BundleError} where it may not go so
 */
export function leaveUnsigned(unsigned: Unsigned): Bundle {
  const bundle = { ...unsigned, signature: new Uint8Array(0) };
  check(bundle);
  checkSignature(bundle);
  return bundle;
}

/** Whether a bundle says by a signature who it is from; whether that holds is asked of {@link verifyBundle}. */
export const isSigned = ({ signature }: Bundle): boolean => signature.length > 0;

/**
 * What the id is the hash of: what is signed, or, where there is no signature, the same in another domain. Whoever takes the signature
 * off a message has made another one of it, and holds up nothing by it.
 */
export function namedBytes(bundle: Bundle): Uint8Array {
  return isSigned(bundle) ? signedBytes(bundle) : concatBytes(UNSIGNED_DOMAIN, encodeCbor(elements(bundle)));
}

export function bundleId(bundle: Bundle): BundleId {
  return bytesToHex(sha256(namedBytes(bundle)).subarray(0, ID_BYTES));
}

/** Of CBOR's array of 11 elements: what is signed, and a bundle without a signature. */
const UNSIGNED_HEAD = Uint8Array.of(0x8b);
/** With its head. */
const SIGNATURE_ELEMENT_BYTES = SIGNATURE_BYTES + 2;

/**
 * The id of an encoded bundle without decoding it: for looking many up at once. Anything that is no bundle gets an id that no
 * bundle has.
 */
export function idOfEncoded(encoded: Uint8Array): BundleId {
  const [domain, after] =
    encoded[0] === UNSIGNED_HEAD[0] ? [UNSIGNED_DOMAIN, 0] : [DOMAIN, SIGNATURE_ELEMENT_BYTES];
  const elements = encoded.subarray(1, Math.max(1, encoded.length - after));
  return bytesToHex(sha256(concatBytes(domain, UNSIGNED_HEAD, elements)).subarray(0, ID_BYTES));
}

/**
 * Whether the sender's signature holds; without one it does not.
 * @param verify Ed25519: whether `signature` is `publicKey`'s under `message`
 */
export function verifyBundle(
  bundle: Bundle,
  verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean,
): boolean {
  return isSigned(bundle) && verify(bundle.sender.key, signedBytes(bundle), bundle.signature);
}

/** @returns what is wrong with a room's name, or undefined */
export function roomProblem(room: string): string | undefined {
  if ([...room].length > MAX_ROOM_CHARS) return `has more than ${MAX_ROOM_CHARS} characters`;
  return NAME.test(room) ? undefined : "is no name: letters, digits, spaces and - _ . ' alone";
}

/** Whether an address outside has a form that a bridge could serve. */
export const isOutsideUri = (uri: string): boolean => uri.length <= MAX_URI_CHARS && OUTSIDE.test(uri);

function elements(bundle: Unsigned): Cbor[] {
  const { kind, sender, to, priority, lifetimeS, createdS, sequence, body } = bundle;
  return [
    VERSION,
    KIND_NUMBERS[kind],
    SENDER_NUMBERS[sender.as],
    sender.key,
    DESTINATION_NUMBERS[to.kind],
    destinationValue(to),
    PRIORITIES.indexOf(priority),
    lifetimeS,
    createdS,
    sequence,
    body,
  ];
}

function destinationValue(to: Destination): string | Uint8Array {
  switch (to.kind) {
    case "everyone":
      return "";
    case "person":
      return to.key;
    case "room":
      return to.room;
    case "service":
      return to.service;
    case "outside":
      return to.uri;
  }
}

function readDestination(fields: Fields): Destination {
  const kind = named(fields, "destination", DESTINATION_NUMBERS);
  switch (kind) {
    case "everyone":
      fields.text("to", 0);
      return { kind };
    case "person":
      return { kind, key: fields.bytes("to", KEY_BYTES) };
    case "room":
      return { kind, room: fields.text("to", MAX_ROOM_CHARS) };
    case "service":
      return { kind, service: fields.text("to", MAX_SERVICE_CHARS) };
    case "outside":
      return { kind, uri: fields.text("to", MAX_URI_CHARS) };
  }
}

function named<K extends string>(fields: Fields, field: string, numbers: Readonly<Record<K, number>>): K {
  const number = fields.uint(field, 255);
  for (const name in numbers) if (numbers[name] === number) return name;
  throw fields.fail(field, `${number} is not known here`);
}

/** What no bundle may say, whoever signs it. */
function check(bundle: Unsigned): void {
  const { kind, sender, to, priority, lifetimeS, createdS, sequence, body } = bundle;
  const fail = (field: string, why: string) => new BundleError(`bundle.${field}`, why);
  if (sender.key.length !== KEY_BYTES) throw fail("key", `is not ${KEY_BYTES} bytes long`);
  const rank = PRIORITIES.indexOf(priority);
  if (rank < PRIORITIES.indexOf(PRIORITY_OF[kind].highest))
    throw fail("priority", `a ${kind} may not be as urgent as ${priority}`);
  const uints = [
    ["lifetimeS", lifetimeS, 1, MAX_LIFETIME_S],
    ["createdS", createdS, 0, 2 ** 40],
    ["sequence", sequence, 0, MAX_UINT32],
  ] as const;
  for (const [field, value, least, most] of uints) {
    if (!Number.isInteger(value) || value < least || value > most)
      throw fail(field, `is no whole number from ${least} to ${most}`);
  }
  const mostBytes = LONG_KINDS.includes(kind) ? MAX_BODY_BYTES : MAX_TEXT_BODY_BYTES;
  if (body.length > mostBytes) throw fail("body", `${body.length} bytes, more than ${mostBytes}`);
  if (to.kind === "person" && to.key.length !== KEY_BYTES) throw fail("to", `is not ${KEY_BYTES} bytes long`);
  if (to.kind === "room") {
    const problem = roomProblem(to.room);
    if (problem !== undefined) throw fail("to", problem);
  }
  if (to.kind === "service" && !/^[a-z][a-z0-9-]{0,31}$/.test(to.service)) throw fail("to", "is no service");
  if (to.kind === "outside" && !isOutsideUri(to.uri)) throw fail("to", "is no mailto: or tel: address");
  if (kind === "direct" && to.kind !== "person") throw fail("to", "a direct message is for one person");
  if (kind === "post" && to.kind !== "room") throw fail("to", "a post is for a room");
  if (sender.as !== "box" && kind === "notice") throw fail("as", "a notice is a box's");
}

/** Only what is sealed may go without a signature: of all else nobody could tell who says it. */
function checkSignature(bundle: Bundle): void {
  const { kind, sender, body, signature } = bundle;
  const fail = (why: string) => new BundleError("bundle.signature", why);
  if (signature.length === SIGNATURE_BYTES) return;
  if (isSigned(bundle)) throw fail(`is not ${SIGNATURE_BYTES} bytes long`);
  if (kind !== "direct" || sender.as !== "person")
    throw fail(`is missing: a ${sender.as}'s ${kind} is signed`);
  if (body.length > MAX_UNSIGNED_BODY_BYTES) throw fail("is missing: what is so long is signed");
}
