import { decode, encode } from "cborg";
import { z } from "zod";
import { MAX_CHAIN_BYTES, type SigningKey, STRICT_CBOR, textProblem, verify } from "../../identity/index.ts";
import { NAT_KINDS, type NatKind } from "../nat/nat-interface.ts";

/** A service that a box offers to members: what the portal calls a community service, or the lending of machines. */
export interface OfferedService {
  name: string;
  port: number;
  /** Where its page is, by HTTP over TCP; undefined for what has none, or is for the box's own guests. */
  path?: string;
}

/** What a box can lend and is lending, measured by itself; whole numbers. */
export interface Capability {
  cpus: number;
  memoryMiB: number;
  freeMemoryMiB: number;
  /** Leases running now, and the most that it takes. */
  leases: number;
  maxLeases: number;
}

/** What a member says of itself to its network. */
export interface PeerRecord {
  /** Ed25519, 32 bytes. */
  publicKey: Uint8Array;
  /** The higher one replaces the lower; it never goes back while the box keeps its key. */
  sequence: number;
  /** Its certificates, encoded: who gets the record can check them without having met it. */
  chain: Uint8Array;
  /** What the box is called; may be empty. */
  name: string;
  /** Multiaddrs without `/p2p/…`, at most {@link MAX_ADDRESSES}. */
  addresses: readonly string[];
  /** UDP endpoints of its datagrams as "address:port" or "[address]:port", at most {@link MAX_ADDRESSES}. */
  endpoints: readonly string[];
  nat: NatKind;
  /** It carries circuits and datagrams for others. */
  relays: boolean;
  /** Peers to which it is connected that relay for it: their public keys, at most {@link MAX_RELAYS}. */
  reachedBy: readonly Uint8Array[];
  /** Its six-digit address on LoRa, where it has a case. */
  lora?: number;
  services: readonly OfferedService[];
  capability?: Capability;
  /** Thousandths of one core's time that are in use, averaged over a minute. */
  load: number;
}

export const MAX_ADDRESSES = 16;
export const MAX_RELAYS = 4;
export const MAX_RECORD_BYTES = 6_144;

/** A record that is malformed, or not signed by whom it names. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

const DOMAIN = new TextEncoder().encode("omerta peer record 1\0");

const bytes = (min: number, max = min) =>
  z.instanceof(Uint8Array).refine((value) => value.length >= min && value.length <= max, {
    error: `${min} to ${max} bytes`,
  });
const count = (max: number) => z.int().min(0).max(max);
/** What people will read: the same rule as for names in certificates. */
const shortText = (max: number) =>
  z
    .string()
    .max(max)
    .refine((text) => textProblem(text, max) === undefined, {
      error: "has a character that cannot be shown",
    });
/** As a configuration may have it. */
const servicePath = z
  .string()
  .max(200)
  .regex(/^\/[A-Za-z0-9._~/-]*$/);
/** Without what others would refuse the record for. */
const shown = (text: string): string =>
  [...text].filter((character) => textProblem(character, 1) === undefined).join("");

const body = z.tuple([
  z.literal(1),
  bytes(32),
  count(Number.MAX_SAFE_INTEGER),
  bytes(1, MAX_CHAIN_BYTES),
  shortText(60),
  z.array(shortText(200)).max(MAX_ADDRESSES),
  z.array(shortText(80)).max(MAX_ADDRESSES),
  z.enum(NAT_KINDS),
  z.boolean(),
  z.array(bytes(32)).max(MAX_RELAYS),
  count(0xff_ff_ff).nullable(),
  z.array(z.tuple([shortText(40), count(65_535), servicePath.optional()])).max(20),
  z.tuple([count(4_096), count(2 ** 24), count(2 ** 24), count(10_000), count(10_000)]).nullable(),
  count(4_096_000),
]);

const SIGNATURE_BYTES = 64;

/**
 * CBOR array of the fields in their order, behind it the Ed25519 signature (64 bytes, RFC 8032) over the domain
 * `"omerta peer record 1" 0x00` and that array. What does not fit into {@link MAX_RECORD_BYTES} is left out from the
 * end: services, then addresses.
 */
export function encodeRecord(record: Omit<PeerRecord, "publicKey">, key: SigningKey): Uint8Array {
  let fitting = record;
  let unsigned = encodeBody(fitting, key.publicKey);
  while (unsigned.length + SIGNATURE_BYTES > MAX_RECORD_BYTES) {
    const { services, addresses } = fitting;
    if (services.length + addresses.length === 0)
      throw new RecordError(`record: ${unsigned.length} bytes are too many`);
    fitting =
      services.length > 0
        ? { ...fitting, services: services.slice(0, -1) }
        : { ...fitting, addresses: addresses.slice(0, -1) };
    unsigned = encodeBody(fitting, key.publicKey);
  }
  return Buffer.concat([unsigned, key.sign(Buffer.concat([DOMAIN, unsigned]))]);
}

function encodeBody(record: Omit<PeerRecord, "publicKey">, publicKey: Uint8Array): Uint8Array {
  const { capability } = record;
  return encode([
    1,
    publicKey,
    record.sequence,
    record.chain,
    shown(record.name),
    record.addresses,
    record.endpoints,
    record.nat,
    record.relays,
    record.reachedBy,
    record.lora ?? null,
    record.services.map(({ name, port, path }) => [shown(name), port, ...(path === undefined ? [] : [path])]),
    capability
      ? [
          capability.cpus,
          capability.memoryMiB,
          capability.freeMemoryMiB,
          capability.leases,
          capability.maxLeases,
        ]
      : null,
    record.load,
  ]);
}

/** @throws {RecordError} with the field; the certificates are still to be checked */
export function decodeRecord(encoded: Uint8Array): PeerRecord {
  if (encoded.length > MAX_RECORD_BYTES)
    throw new RecordError(`record: ${encoded.length} bytes are too many`);
  if (encoded.length <= SIGNATURE_BYTES) throw new RecordError("record: too short");
  const unsigned = encoded.subarray(0, -SIGNATURE_BYTES);
  const parsed = body.safeParse(decoded(unsigned));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new RecordError(`record[${issue?.path.join(".")}]: ${issue?.message}`);
  }
  const [, publicKey, sequence, chain, name, addresses, endpoints, nat, relays, reachedBy, lora, ...rest] =
    parsed.data;
  const [services, capability, load] = rest;
  if (!verify(publicKey, Buffer.concat([DOMAIN, unsigned]), encoded.subarray(-SIGNATURE_BYTES)))
    throw new RecordError("record: the signature is not its subject's");
  return {
    publicKey,
    sequence,
    chain,
    name,
    addresses,
    endpoints,
    nat,
    relays,
    reachedBy,
    ...(lora === null ? {} : { lora }),
    services: services.map(([service, port, path]) => ({
      name: service,
      port,
      ...(path === undefined ? {} : { path }),
    })),
    ...(capability ? { capability: capabilityOf(capability) } : {}),
    load,
  };
}

function decoded(unsigned: Uint8Array): unknown {
  try {
    return decode(unsigned, STRICT_CBOR);
  } catch (error) {
    throw new RecordError(`record: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const capabilityOf = ([cpus, memoryMiB, freeMemoryMiB, leases, maxLeases]: [
  number,
  number,
  number,
  number,
  number,
]): Capability => ({ cpus, memoryMiB, freeMemoryMiB, leases, maxLeases });
