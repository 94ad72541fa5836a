import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { decode } from "cborg";
import { type Cbor, decodeCborArray, encodeCbor, STRICT_CBOR } from "../../identity/cbor.ts";
import {
  BUNDLE_AGE_BLOCK,
  type CanonicalBlock,
  DELETE_BUNDLE_IF_UNKNOWN,
  decodeBlocks,
  type EndpointId,
  encodeBlocks,
  IS_ADMINISTRATIVE,
  MUST_NOT_BE_FRAGMENTED,
  PAYLOAD_BLOCK,
  type PrimaryBlock,
  REPLICATE_IN_FRAGMENTS,
} from "./bpv7-blocks.ts";
import { type Bundle, BundleError, type Destination, MAX_BUNDLE_BYTES } from "./bundle.ts";
import { decodeBundle, encodeBundle } from "./bundle-codec.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/** What a bundle of ours says and RFC 9171 has no place for; from the types for private use (section 9.1). */
export const OMERTA_BLOCK = 192;
const OMERTA_BLOCK_VERSION = 1;
/** 2000-01-01T00:00:00Z in seconds since 1970: the beginning of DTN time (RFC 9171, section 4.2.6). */
const DTN_EPOCH_S = 946_684_800;
/** For endpoints, CRCs, and blocks that others put in. */
const MAX_BPV7_BYTES = MAX_BUNDLE_BYTES + 8_192;
const MAX_OMERTA_BLOCK_BYTES = 256;
/** A CBOR number. */
const MAX_AGE_BLOCK_BYTES = 9;
const SIGNATURE_BYTES = 64;
const EVERYONE = "//omerta/~everyone";
/** Nodes are keys; what begins with `~` is for many (RFC 9171, section 4.2.5.1.1). */
const NODE = /^\/\/([0-9a-f]{64})\.omerta\/$/;
const INBOX = /^\/\/([0-9a-f]{64})\.omerta\/inbox$/;
const GROUP = /^\/\/omerta\/~(?:room|service|outside)\/(.+)$/;

/**
 * A bundle of RFC 9171 that says all that ours does, so that the signature still holds when it comes back. Its source is the
 * node `dtn://KEY.omerta/`, its destination `dtn://KEY.omerta/inbox`, `dtn://omerta/~everyone`, `dtn://omerta/~room/NAME`,
 * `~service/NAME` or `~outside/URI`, with KEY as hex and the rest as percent-encoded UTF-8. Creation time and sequence, lifetime
 * and age are those of the RFC; the body is the payload. What is left (kind, who signed, priority, signature or an empty one) is in a block
 * of type {@link OMERTA_BLOCK}, which others pass on untouched. Every block has a CRC-32C.
 * @throws {BundleError} where it says what no bundle may
 */
export function toBpv7(bundle: Bundle, ageMs: number): Uint8Array {
  return encodeBlocks({
    primary: primaryOf(bundle),
    blocks: [
      block(BUNDLE_AGE_BLOCK, 2, REPLICATE_IN_FRAGMENTS, encodeCbor(Math.ceil(ageMs))),
      block(OMERTA_BLOCK, 3, REPLICATE_IN_FRAGMENTS, omertaBlock(bundle)),
      block(PAYLOAD_BLOCK, 1, 0, bundle.body),
    ],
  });
}

/**
 * Takes such a bundle back, also when other nodes have put blocks of theirs into it. Its form is checked, not its signature.
 * @throws {BundleError}
 */
export function fromBpv7(bytes: Uint8Array): { bundle: Bundle; ageMs: number } {
  const { primary, blocks } = decodeBlocks(bytes, MAX_BPV7_BYTES);
  if (primary.flags & IS_ADMINISTRATIVE) throw fail("primary.flags", "it is an administrative record");
  const unknown = blocks.find(({ type, flags }) => !isOurs(type) && flags & DELETE_BUNDLE_IF_UNKNOWN);
  if (unknown) throw fail(`type${unknown.type}`, "is not known here, and asks to delete the bundle then");
  const bundle = bundleOf(primary, one(blocks, OMERTA_BLOCK), one(blocks, PAYLOAD_BLOCK));
  if (!isSamePrimary(primary, primaryOf(bundle))) throw fail("primary", "is another one than the bundle has");
  return { bundle, ageMs: readAge(one(blocks, BUNDLE_AGE_BLOCK)) };
}

const fail = (field: string, why: string): BundleError => new BundleError(`bpv7.${field}`, why);

const isOurs = (type: number): boolean => [PAYLOAD_BLOCK, BUNDLE_AGE_BLOCK, OMERTA_BLOCK].includes(type);

const block = (type: number, number: number, flags: number, data: Uint8Array): CanonicalBlock => ({
  type,
  number,
  flags,
  data,
});

/** Ours are in there once each (RFC 9171, section 4.4.2, for the age). */
function one(blocks: readonly CanonicalBlock[], type: number): Uint8Array {
  const [found, second] = blocks.filter((each) => each.type === type);
  if (found === undefined) throw fail(`type${type}`, "is missing");
  if (second !== undefined) throw fail(`type${type}`, "is there twice");
  return found.data;
}

function primaryOf({ sender, to, lifetimeS, createdS, sequence }: Bundle): PrimaryBlock {
  return {
    flags: MUST_NOT_BE_FRAGMENTED,
    destination: dtn(destinationText(to)),
    source: dtn(`//${bytesToHex(sender.key)}.omerta/`),
    reportTo: { scheme: "none" },
    // Before 2000 no clock was right.
    createdDtnMs: Math.max(0, createdS - DTN_EPOCH_S) * 1_000,
    sequence,
    lifetimeMs: lifetimeS * 1_000,
  };
}

const dtn = (text: string): EndpointId => ({ scheme: "dtn", text });

function destinationText(to: Destination): string {
  switch (to.kind) {
    case "everyone":
      return EVERYONE;
    case "person":
      return `//${bytesToHex(to.key)}.omerta/inbox`;
    case "room":
      return `//omerta/~room/${encodeURIComponent(to.room)}`;
    case "service":
      return `//omerta/~service/${to.service}`;
    case "outside":
      return `//omerta/~outside/${encodeURIComponent(to.uri)}`;
  }
}

function isSamePrimary(a: PrimaryBlock, b: PrimaryBlock): boolean {
  const facts = ({ destination, source, createdDtnMs, sequence, lifetimeMs }: PrimaryBlock) =>
    JSON.stringify([destination, source, createdDtnMs, sequence, lifetimeMs]);
  return facts(a) === facts(b);
}

/** Of {@link encodeBundle}'s elements those that no other block has. */
function omertaBlock(bundle: Bundle): Uint8Array {
  const elements: readonly Cbor[] = decode(encodeBundle(bundle), STRICT_CBOR);
  const [, kind = 0, as = 0, , destination = 0, , priority = 0] = elements;
  return encodeCbor([
    OMERTA_BLOCK_VERSION,
    kind,
    as,
    destination,
    priority,
    bundle.createdS,
    bundle.signature,
  ]);
}

/** By way of the bundle's own form, whose decoder has the rules. */
function bundleOf(primary: PrimaryBlock, omerta: Uint8Array, body: Uint8Array): Bundle {
  const fields = decodeCborArray(
    omerta,
    MAX_OMERTA_BLOCK_BYTES,
    "bpv7.omerta",
    (...why) => new BundleError(...why),
  );
  const version = fields.uint("version");
  if (version !== OMERTA_BLOCK_VERSION) throw fields.fail("version", `is not ${OMERTA_BLOCK_VERSION}`);
  const [kind, as, destination, priority] = [
    fields.uint("kind"),
    fields.uint("as"),
    fields.uint("destination"),
    fields.uint("priority"),
  ];
  const createdS = fields.uint("createdS");
  const signature = fields.bytes("signature", 0, SIGNATURE_BYTES);
  fields.end();
  const key = readKey(primary.source, "source", NODE);
  const to = readDestination(primary.destination);
  const lifetimeS = Math.floor(primary.lifetimeMs / 1_000);
  return decodeBundle(
    encodeCbor([
      1,
      kind,
      as,
      key,
      destination,
      to,
      priority,
      lifetimeS,
      createdS,
      primary.sequence,
      body,
      ...(signature.length > 0 ? [signature] : []),
    ]),
  );
}

function readKey(eid: EndpointId, field: string, form: RegExp): Uint8Array {
  const hex = eid.scheme === "dtn" ? form.exec(eid.text)?.[1] : undefined;
  if (hex === undefined) throw fail(`primary.${field}`, "is no node of Omerta");
  return hexToBytes(hex);
}

function readDestination(eid: EndpointId): string | Uint8Array {
  if (eid.scheme !== "dtn") throw fail("primary.destination", "is no endpoint of Omerta");
  if (eid.text === EVERYONE) return "";
  const group = GROUP.exec(eid.text)?.[1];
  if (group === undefined) return readKey(eid, "destination", INBOX);
  try {
    return decodeURIComponent(group);
  } catch (cause) {
    throw fail("primary.destination", cause instanceof Error ? cause.message : String(cause));
  }
}

/** A number of milliseconds (RFC 9171, section 4.4.2). */
function readAge(data: Uint8Array): number {
  let age: unknown;
  try {
    if (data.length <= MAX_AGE_BLOCK_BYTES) age = decode(data, STRICT_CBOR);
  } catch (cause) {
    throw fail("age", cause instanceof Error ? cause.message : String(cause));
  }
  if (typeof age === "number" && Number.isSafeInteger(age) && age >= 0) return age;
  throw fail("age", "is no number of milliseconds");
}
