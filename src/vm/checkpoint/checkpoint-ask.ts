import { decodeCborArray, encodeCbor } from "../../identity/cbor.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey, verify } from "../../identity/signing-key.ts";
import { CheckpointError } from "./checkpoint-error.ts";
import type { CheckpointHead } from "./checkpoint-head.ts";
import { decodeCheckpointHead, MAX_HEAD_BYTES } from "./checkpoint-head.ts";

/** What a requester says of a saved machine of theirs. Said again it is the same: nothing is lost by a repetition. */
export type CheckpointAsk =
  /** To have it from the box that saved it. */
  | { kind: "fetch"; requester: string; checkpoint: string }
  /** To bring it to a box. @property head of the file, by which the box knows whether it can go on there */
  | { kind: "offer"; requester: string; head: CheckpointHead };

/** With the longest head it has 1,190. */
export const MAX_CHECKPOINT_ASK_BYTES = 1_280;

const DOMAIN = Buffer.from("omerta-box checkpoint ask 1\0");
const VERSION = 1;
const KINDS = { fetch: 1, offer: 2 } as const;
const ID_BYTES = 16;

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fail = (field: string, why: string) => new CheckpointError(field, why);

/** `[1, kind, requester, what, signature]` in deterministic CBOR. @throws {CheckpointError} when `key` is not the requester's */
export function signCheckpointAsk(ask: CheckpointAsk, key: SigningKey): Uint8Array {
  if (hexOf(key.publicKey) !== ask.requester) throw fail("ask.requester", "is not who signs");
  const said = elementsOf(ask);
  return encodeCbor([...said, key.sign(Buffer.concat([DOMAIN, encodeCbor(said)]))]);
}

/** @throws {CheckpointError} also when it is of a machine that is another's */
export function openCheckpointAsk(bytes: Uint8Array): CheckpointAsk {
  const fields = decodeCborArray(bytes, MAX_CHECKPOINT_ASK_BYTES, "ask", fail);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const kind = fields.uint("kind", 255);
  const requester = hexOf(fields.bytes("requester", KEY_BYTES));
  const what = fields.bytes("what", ID_BYTES, MAX_HEAD_BYTES);
  const signature = fields.bytes("signature", SIGNATURE_BYTES);
  fields.end();
  const ask = askOf(kind, requester, what);
  const signed = Buffer.concat([DOMAIN, encodeCbor(elementsOf(ask))]);
  if (!verify(Buffer.from(requester, "hex"), signed, signature))
    throw fields.fail("signature", "is not the requester's");
  return ask;
}

function askOf(kind: number, requester: string, what: Uint8Array): CheckpointAsk {
  if (kind === KINDS.fetch) {
    if (what.length !== ID_BYTES) throw fail("ask.what", "is no lease's id");
    return { kind: "fetch", requester, checkpoint: hexOf(what) };
  }
  if (kind !== KINDS.offer) throw fail("ask.kind", `${kind} is not known here`);
  const head = decodeCheckpointHead(what);
  if (head.bytes.length !== what.length) throw fail("ask.what", "is more than a head");
  if (head.header.requester !== requester) throw fail("ask.requester", "is not whose machine it is");
  return { kind: "offer", requester, head };
}

const elementsOf = (ask: CheckpointAsk) => [
  VERSION,
  KINDS[ask.kind],
  Uint8Array.from(Buffer.from(ask.requester, "hex")),
  ask.kind === "fetch" ? Uint8Array.from(Buffer.from(ask.checkpoint, "hex")) : ask.head.bytes,
];
