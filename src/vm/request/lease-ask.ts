import { decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import { MAX_CHAIN_BYTES } from "../../identity/member.ts";
import { MAX_COMMAND_BYTES } from "./lease-command.ts";
import { LEASE_ID } from "./lease-request.ts";
import { LeaseRequestError } from "./lease-request-error.ts";
import { MAX_SIGNED_REQUEST_BYTES } from "./signed-request.ts";

/** What a requester says to a box, whatever the way: the mesh carries it as it is, HTTP sealed. */
export type LeaseAsk =
  | {
      kind: "request";
      /** As `signLeaseRequest` makes it. */
      bytes: Uint8Array;
      /** The requester's certificates in the network by whose key or connection this comes; undefined: it shows none. */
      chain: Uint8Array | undefined;
    }
  /** @property bytes as `signLeaseCommand` makes them */
  | { kind: "command"; bytes: Uint8Array }
  /** To bring a saved machine here. @property bytes as `signCheckpointAsk` makes them @property chain as for a request */
  | { kind: "offer"; bytes: Uint8Array; chain: Uint8Array | undefined }
  /** Which box this is in the network, so that a request can be for it alone. */
  | { kind: "who" }
  /** To be told of a lease, now and from now on. */
  | { kind: "events"; lease: string };

export const MAX_ASK_BYTES = MAX_SIGNED_REQUEST_BYTES + MAX_CHAIN_BYTES + 16;

const VERSION = 1;
const KINDS = { request: 1, command: 2, events: 3, offer: 4, who: 5 } as const;
const ID_BYTES = 16;
const NONE = new Uint8Array(0);

const fail = (field: string, why: string) => new LeaseRequestError(field, why);

/** Deterministic CBOR: `[1, kind, what, chain]`; without a chain its bytes are none. */
export function encodeLeaseAsk(ask: LeaseAsk): Uint8Array {
  const what = whatOf(ask);
  const chain = ask.kind === "request" || ask.kind === "offer" ? ask.chain : undefined;
  return encodeCbor([VERSION, KINDS[ask.kind], what, chain ?? NONE]);
}

function whatOf(ask: LeaseAsk): Uint8Array {
  if (ask.kind === "who") return NONE;
  return ask.kind === "events" ? Uint8Array.from(Buffer.from(ask.lease, "hex")) : ask.bytes;
}

/** Its form alone: signatures and certificates are for who acts on it. @throws {LeaseRequestError} */
export function decodeLeaseAsk(encoded: Uint8Array): LeaseAsk {
  const fields = decodeCborArray(encoded, MAX_ASK_BYTES, "ask", fail);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const kind = fields.uint("kind", 255);
  const bytes = fields.bytes(
    "what",
    kind === KINDS.who ? 0 : 1,
    kind === KINDS.who ? 0 : MAX_SIGNED_REQUEST_BYTES,
  );
  const chain = fields.bytes("chain", 0, MAX_CHAIN_BYTES);
  fields.end();
  const shown = chain.length === 0 ? undefined : chain;
  if (kind === KINDS.request) return { kind: "request", bytes, chain: shown };
  if (kind === KINDS.offer) return { kind: "offer", bytes, chain: shown };
  if (shown !== undefined) throw fields.fail("chain", "is for requests and offers");
  if (kind === KINDS.who) return { kind: "who" };
  if (kind === KINDS.command) {
    if (bytes.length > MAX_COMMAND_BYTES)
      throw fields.fail("what", `has more than ${MAX_COMMAND_BYTES} bytes`);
    return { kind: "command", bytes };
  }
  if (kind !== KINDS.events) throw fields.fail("kind", `${kind} is not known here`);
  const lease = Buffer.from(bytes).toString("hex");
  if (bytes.length !== ID_BYTES || !LEASE_ID.test(lease)) throw fields.fail("what", "is no lease's id");
  return { kind: "events", lease };
}
