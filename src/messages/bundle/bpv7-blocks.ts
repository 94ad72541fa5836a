import { decodeFirst, encode } from "cborg";
import { type Cbor, encodeCbor, Fields, STRICT_CBOR } from "../../identity/cbor.ts";
import { BundleError } from "./bundle.ts";
import { crc16x25, crc32c } from "./crc.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** Of the Bundle Protocol, RFC 9171. */
const VERSION = 7;
/** An endpoint: `dtn:` with its text, `dtn:none` as 0, or `ipn:` with its numbers (RFC 9171, section 4.2.5.1). */
export type EndpointId =
  | { scheme: "dtn"; text: string }
  | { scheme: "none" }
  | { scheme: "ipn"; node: number; service: number };

const DTN_SCHEME = 1;
const IPN_SCHEME = 2;
/** The longest of ours: 254 characters of which each becomes three bytes, each written with three letters. */
const MAX_EID_CHARS = 2_400;

/** Section 4.2.3: bits of the primary block. */
export const IS_FRAGMENT = 0x01;
export const IS_ADMINISTRATIVE = 0x02;
export const MUST_NOT_BE_FRAGMENTED = 0x04;
/** Section 4.2.4: bits of a canonical block. */
export const REPLICATE_IN_FRAGMENTS = 0x01;
export const DELETE_BUNDLE_IF_UNKNOWN = 0x04;

/** Section 9.1: types of blocks. */
export const PAYLOAD_BLOCK = 1;
export const BUNDLE_AGE_BLOCK = 7;
/** Section 4.3.3. */
const PAYLOAD_NUMBER = 1;

export interface PrimaryBlock {
  flags: number;
  destination: EndpointId;
  source: EndpointId;
  reportTo: EndpointId;
  /** Milliseconds since 2000-01-01T00:00:00Z, 0 where the source has no clock (section 4.2.6). */
  createdDtnMs: number;
  sequence: number;
  lifetimeMs: number;
}

export interface CanonicalBlock {
  type: number;
  number: number;
  flags: number;
  data: Uint8Array;
}

export interface Blocks {
  primary: PrimaryBlock;
  /** The payload last. */
  blocks: readonly CanonicalBlock[];
}

/** None, CRC-16, CRC-32C (section 4.2.1). */
type CrcType = 0 | 1 | 2;
const CRC_BYTES = [0, 2, 4] as const;

const BEGIN_INDEFINITE_ARRAY = 0x9f;
const BREAK = 0xff;
const MAX_BLOCKS = 16;

/**
 * A bundle of RFC 9171, section 4.1: an array of indefinite length of the primary block and the others.
 * @param crcType of every block; 2 is CRC-32C
 */
export function encodeBlocks({ primary, blocks }: Blocks, crcType: CrcType = 2): Uint8Array {
  const { flags, destination, source, reportTo, createdDtnMs, sequence, lifetimeMs } = primary;
  const eids = [destination, source, reportTo].map(eidValue);
  const first = [VERSION, flags, crcType, ...eids, [createdDtnMs, sequence], lifetimeMs];
  const others = blocks.map(({ type, number, flags, data }) => [type, number, flags, crcType, data]);
  const encoded = [first, ...others].map((block) => withCrc(block, crcType));
  const bytes = new Uint8Array(encoded.reduce((sum, block) => sum + block.length, 2));
  bytes[0] = BEGIN_INDEFINITE_ARRAY;
  let at = 1;
  for (const block of encoded) {
    bytes.set(block, at);
    at += block.length;
  }
  bytes[at] = BREAK;
  return bytes;
}

/**
 * Reads a whole bundle of RFC 9171, no fragment. CRCs are checked; blocks of any type are returned.
 * @throws {BundleError}
 */
export function decodeBlocks(bytes: Uint8Array, maxBytes: number): Blocks {
  if (bytes.length > maxBytes) throw fail("bpv7", `${bytes.length} bytes, more than ${maxBytes}`);
  if (bytes[0] !== BEGIN_INDEFINITE_ARRAY) throw fail("bpv7", "does not begin as a bundle does");
  let rest = bytes.subarray(1);
  const take = (what: string): Fields => {
    const [fields, after] = takeBlock(rest, what);
    rest = after;
    return fields;
  };
  const primary = readPrimary(take("primary"));
  const blocks: CanonicalBlock[] = [];
  while (rest[0] !== BREAK) {
    if (blocks.length === MAX_BLOCKS) throw fail("bpv7", `has more than ${MAX_BLOCKS} blocks`);
    blocks.push(readCanonical(take(`block${blocks.length}`)));
  }
  if (rest.length > 1) throw fail("bpv7", `has ${rest.length - 1} bytes too many`);
  const numbers = new Set(blocks.map(({ number }) => number));
  if (numbers.size !== blocks.length || numbers.has(0)) throw fail("bpv7", "has two blocks of one number");
  const [payload, second] = blocks.filter(({ type }) => type === PAYLOAD_BLOCK);
  if (payload?.number !== PAYLOAD_NUMBER || second !== undefined || payload !== blocks.at(-1))
    throw fail("bpv7", "does not end with its one payload");
  return { primary, blocks };
}

const fail = (field: string, why: string): BundleError => new BundleError(field, why);

function withCrc(block: readonly Cbor[], crcType: CrcType): Uint8Array {
  if (crcType === 0) return encodeCbor(block);
  const length = CRC_BYTES[crcType];
  const bytes = encodeCbor([...block, new Uint8Array(length)]);
  bytes.set(crcOf(bytes, crcType), bytes.length - length);
  return bytes;
}

/** @param block with zeros where its CRC is (section 4.2.1) */
function crcOf(block: Uint8Array, crcType: Exclude<CrcType, 0>): Uint8Array {
  const bytes = new Uint8Array(CRC_BYTES[crcType]);
  const view = new DataView(bytes.buffer);
  if (crcType === 1) view.setUint16(0, crc16x25(block));
  else view.setUint32(0, crc32c(block));
  return bytes;
}

/** @returns the elements of the first block without its CRC, which was right, and the bytes after it */
function takeBlock(bytes: Uint8Array, what: string): [Fields, Uint8Array] {
  const [value, rest] = firstItem(bytes, what);
  if (!Array.isArray(value)) throw fail(what, "is no block");
  const block = bytes.subarray(0, bytes.length - rest.length);
  const isPrimary = what === "primary";
  const crcType = value[isPrimary ? 2 : 3];
  if (crcType !== 0 && crcType !== 1 && crcType !== 2) throw fail(`${what}.crcType`, "is not known here");
  if (crcType !== 0) checkCrc(block, crcType, value.pop(), what);
  return [new Fields(value, what, fail), rest];
}

function firstItem(bytes: Uint8Array, what: string): [unknown, Uint8Array] {
  try {
    const [value, rest]: [unknown, Uint8Array] = decodeFirst(bytes, STRICT_CBOR);
    // Section 4.1: deterministic, so that a CRC stands where it must.
    const again = encode(value);
    if (again.length !== bytes.length - rest.length || !again.every((byte, index) => byte === bytes[index]))
      throw new Error("not in its one deterministic form");
    return [value, rest];
  } catch (cause) {
    throw fail(what, cause instanceof Error ? cause.message : String(cause));
  }
}

function checkCrc(block: Uint8Array, crcType: 1 | 2, crc: unknown, what: string): void {
  const length = CRC_BYTES[crcType];
  if (!(crc instanceof Uint8Array) || crc.length !== length)
    throw fail(`${what}.crc`, `is not ${length} bytes`);
  const zeroed = Uint8Array.from(block);
  zeroed.fill(0, zeroed.length - length);
  const right = crcOf(zeroed, crcType);
  if (!right.every((byte, index) => byte === crc[index])) throw fail(`${what}.crc`, "is wrong");
}

function readPrimary(fields: Fields): PrimaryBlock {
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const flags = fields.uint("flags", Number.MAX_SAFE_INTEGER);
  if (flags & IS_FRAGMENT) throw fields.fail("flags", "it is a fragment");
  fields.uint("crcType", 2);
  const [destination, source, reportTo] = [
    readEid(fields, "destination"),
    readEid(fields, "source"),
    readEid(fields, "reportTo"),
  ];
  const created = fields.list("created", 2);
  const createdDtnMs = created.uint("dtnMs", Number.MAX_SAFE_INTEGER);
  const sequence = created.uint("sequence", Number.MAX_SAFE_INTEGER);
  created.end();
  const lifetimeMs = fields.uint("lifetimeMs", Number.MAX_SAFE_INTEGER);
  fields.end();
  return { flags, destination, source, reportTo, createdDtnMs, sequence, lifetimeMs };
}

function readCanonical(fields: Fields): CanonicalBlock {
  const type = fields.uint("type");
  const number = fields.uint("number");
  const flags = fields.uint("flags", Number.MAX_SAFE_INTEGER);
  fields.uint("crcType", 2);
  const data = fields.bytes("data", 0, Number.MAX_SAFE_INTEGER);
  fields.end();
  return { type, number, flags, data };
}

function eidValue(eid: EndpointId): Cbor {
  if (eid.scheme === "none") return [DTN_SCHEME, 0];
  return eid.scheme === "dtn" ? [DTN_SCHEME, eid.text] : [IPN_SCHEME, [eid.node, eid.service]];
}

function readEid(fields: Fields, field: string): EndpointId {
  const pair = fields.list(field, 2);
  const scheme = pair.uint("scheme");
  const eid = scheme === DTN_SCHEME ? readDtn(pair) : scheme === IPN_SCHEME ? readIpn(pair) : undefined;
  if (eid === undefined) throw pair.fail("scheme", `${scheme} is not known here`);
  pair.end();
  return eid;
}

function readDtn(pair: Fields): EndpointId {
  if (pair.isText) return { scheme: "dtn", text: pair.text("text", MAX_EID_CHARS) };
  pair.uint("none", 0);
  return { scheme: "none" };
}

function readIpn(pair: Fields): EndpointId {
  const numbers = pair.list("numbers", 2);
  const node = numbers.uint("node", Number.MAX_SAFE_INTEGER);
  const service = numbers.uint("service", Number.MAX_SAFE_INTEGER);
  numbers.end();
  return { scheme: "ipn", node, service };
}
