import { createHash } from "node:crypto";
import type { MessageCode } from "../../lora/index.ts";
import {
  type Bundle,
  type Destination,
  MAX_LIFETIME_S,
  MAX_TEXT_BODY_BYTES,
  type Sender,
  SQUARE,
} from "../bundle/bundle.ts";
import { bundleId, isSigned } from "../bundle/bundle-codec.ts";
import { decodeBody, encodeBody } from "./body-code.ts";
import { type FullKeys, isUsualLifetime, readHead, writeHead } from "./bundle-head.ts";
import { type ShortId, shortIdOf } from "./items.ts";
import { OctetReader, OctetWriter } from "./octets.ts";

/** The first four bytes of SHA-256 of a public key: enough to find it among those that a box knows. */
export type KeyHash = number;

/** A key, or what it is found by. */
export type KeyRef = Uint8Array | KeyHash;

type ShortDestination = Exclude<Destination, { kind: "person" }> | { kind: "person"; key: KeyRef };

/** A bundle as it is on LoRa: all of it, but for keys that the other side is believed to know. */
export interface BundleForm extends Omit<Bundle, "sender" | "to"> {
  sender: { as: Sender["as"]; key: KeyRef };
  to: ShortDestination;
  /** Of a bundle without a signature: else nothing would tell the keys that it is of from others of the same hash. */
  short: ShortId | undefined;
}

/** A short one: beside a time it only tells apart what is of one second. */
const shortSequenceBytes = (createdBytes: number): number => (createdBytes === 0 ? 2 : 1);
const SEQUENCE_BYTES = 4;
const HASH_BYTES = 4;
const ID_BYTES = 4;
const KEY_BYTES = 32;
const SIGNATURE_BYTES = 64;

/*
 * Numbers are big-endian.
 *
 *   1111 · number of a usual head 4 bits, or the head:
 *     kind 4 bits · sender's kind 2 · has a signature 1 · body is coded 1
 *     priority 3 bits · destination's kind 3 · sender's key is whole 1 · recipient's key is whole 1
 *     width of the time of creation 2 bits · sequence is short 1 · lifetime 5
 *   [lifetime, seconds: varint, where it is no usual one]
 *   [time of creation 4 or 6] · sequence 4, or short: 1 beside a time and else 2 · sender's key 32, or its hash 4
 *   recipient's key 32 or its hash 4 | length 1 · name in UTF-8 (0: the town square) | nothing for everyone
 *   signature 64, or the first 4 bytes of the bundle's id where it has none · body
 */

export const keyHashOf = (key: Uint8Array): KeyHash =>
  createHash("sha256").update(key).digest().readUInt32BE(0);

/**
 * A bundle of at most {@link MAX_TEXT_BODY_BYTES} for the air.
 * @param code makes the body shorter, where it can
 */
export function encodeForm(bundle: Bundle, full: FullKeys, code?: MessageCode): Uint8Array {
  const { kind, sender, to, priority, lifetimeS, createdS, sequence, body, signature } = bundle;
  const coded = code && encodeBody(body, code);
  const hasSignature = isSigned(bundle);
  const createdBytes = createdS === 0 ? 0 : createdS < 2 ** 32 ? 4 : 6;
  const shortBytes = shortSequenceBytes(createdBytes);
  const isShort = sequence < 2 ** (8 * shortBytes);
  const isUsual = isUsualLifetime(lifetimeS);
  const out = new OctetWriter();
  writeHead(out, {
    ...{ kind, as: sender.as, hasSignature, isCoded: coded !== undefined, priority, to: to.kind },
    full: { sender: full.sender, to: full.to && to.kind === "person" },
    ...{ createdBytes, isShort, lifetimeS: isUsual ? lifetimeS : undefined },
  });
  if (!isUsual) out.varint(lifetimeS);
  out.uint(createdS, createdBytes).uint(sequence, isShort ? shortBytes : SEQUENCE_BYTES);
  writeKey(out, sender.key, full.sender);
  writeDestination(out, to, full.to);
  if (hasSignature) out.bytes(signature);
  else out.uint(shortIdOf(bundleId(bundle)), ID_BYTES);
  return out.bytes(coded ?? body).toBytes();
}

/**
 * Reads a bundle off the air.
 * @throws {LoraFormError} where it is none
 */
export function decodeForm(bytes: Uint8Array, code?: MessageCode): BundleForm {
  const from = new OctetReader(bytes, "bundle");
  const { kind, as, hasSignature, isCoded, priority, to: toKind, full, ...head } = readHead(from);
  const { createdBytes, isShort } = head;
  const lifetimeS = head.lifetimeS ?? from.varint("lifetimeS", MAX_LIFETIME_S);
  const createdS = from.uint("createdS", createdBytes);
  const sequence = from.uint("sequence", isShort ? shortSequenceBytes(createdBytes) : SEQUENCE_BYTES);
  const key = readKey(from, "key", full.sender);
  const to = readDestination(from, toKind, full.to);
  const signature = from.bytes("signature", hasSignature ? SIGNATURE_BYTES : 0);
  const short = hasSignature ? undefined : from.uint("id", ID_BYTES);
  const body = decoded(from, isCoded, code);
  return { kind, sender: { as, key }, to, priority, lifetimeS, createdS, sequence, body, signature, short };
}

/**
 * The bundle that a form is of.
 * @param keyOf the key with this hash, if it is known here
 * @returns the hashes of the keys that are not known here instead, where there are such
 */
export function rebuild(
  form: BundleForm,
  keyOf: (hash: KeyHash) => Uint8Array | undefined,
): { bundle: Bundle } | { missing: KeyHash[] } {
  const missing: KeyHash[] = [];
  const whole = (key: KeyRef): Uint8Array => {
    const known = typeof key === "number" ? keyOf(key) : key;
    if (!known && typeof key === "number") missing.push(key);
    return known ?? new Uint8Array(KEY_BYTES);
  };
  const sender = { as: form.sender.as, key: whole(form.sender.key) };
  const to: Destination = form.to.kind === "person" ? { kind: "person", key: whole(form.to.key) } : form.to;
  const { short, ...rest } = form;
  return missing.length > 0 ? { missing } : { bundle: { ...rest, sender, to } };
}

function writeKey(out: OctetWriter, key: Uint8Array, isWhole: boolean): void {
  if (isWhole) out.bytes(key);
  else out.uint(keyHashOf(key), HASH_BYTES);
}

const readKey = (from: OctetReader, field: string, isWhole: boolean): KeyRef =>
  isWhole ? from.bytes(field, KEY_BYTES) : from.uint(field, HASH_BYTES);

function writeDestination(out: OctetWriter, to: Destination, isWhole: boolean): void {
  if (to.kind === "everyone") return;
  if (to.kind === "person") {
    writeKey(out, to.key, isWhole);
    return;
  }
  const name = to.kind === "room" ? to.room : to.kind === "service" ? to.service : to.uri;
  const bytes = new TextEncoder().encode(to.kind === "room" && name === SQUARE ? "" : name);
  out.uint(bytes.length, 1).bytes(bytes);
}

function readDestination(from: OctetReader, kind: Destination["kind"], isWhole: boolean): ShortDestination {
  if (kind === "everyone") return { kind };
  if (kind === "person") return { kind, key: readKey(from, "to", isWhole) };
  const name = readName(from);
  if (kind === "room") return { kind, room: name === "" ? SQUARE : name };
  return kind === "service" ? { kind, service: name } : { kind, uri: name };
}

function readName(from: OctetReader): string {
  const bytes = from.bytes("to", from.uint("to", 1));
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw from.fail("to", "is no text");
  }
}

function decoded(from: OctetReader, isCoded: boolean, code: MessageCode | undefined): Uint8Array {
  const body = from.rest();
  if (body.length > MAX_TEXT_BODY_BYTES)
    throw from.fail("body", `has more than ${MAX_TEXT_BODY_BYTES} bytes`);
  if (!isCoded) return body;
  if (!code) throw from.fail("body", "is in a code that is not known here");
  try {
    return decodeBody(body, code, MAX_TEXT_BODY_BYTES);
  } catch {
    throw from.fail("body", "does not decode");
  }
}
