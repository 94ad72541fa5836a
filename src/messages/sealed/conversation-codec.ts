import { x25519 } from "@noble/curves/ed25519.js";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import { type Conversation, MAX_BEGUN, MAX_SESSIONS } from "./conversation.ts";
import { MAX_BEGUN_S, malformed } from "./sealed-form.ts";
import { MAX_PAST, MAX_SKIPPED, type MessageChain, type Session, type SkippedKey } from "./session.ts";

// Browsers run this too: no Buffer, nothing of Node's.

const KEY_BYTES = 32;
const VERSION = 1;
const MAX_UINT32 = 2 ** 32 - 1;
/** Of {@link MAX_SESSIONS} with as many skipped keys as they may have: 80 bytes each at the most, and 8 KiB for the rest. */
const MAX_BYTES = MAX_SESSIONS * MAX_SKIPPED * 80 + 8_192;

/** For the person's own device and export: deterministic CBOR, `[1, peer, isStale, latestS, [session, …], [ephemeral, …]]`. */
export function encodeConversation({ peer, sessions, isStale, latestS, begun }: Conversation): Uint8Array {
  return encodeCbor([VERSION, peer, isStale ? 1 : 0, latestS, sessions.map(sessionElements), begun]);
}

/** @throws {SealedError} `malformed` */
export function decodeConversation(bytes: Uint8Array): Conversation {
  const fields = decodeCborArray(bytes, MAX_BYTES, "conversation", malformed);
  if (fields.uint("version") !== VERSION) throw fields.fail("version", `is not ${VERSION}`);
  const peer = fields.bytes("peer", KEY_BYTES);
  const isStale = fields.uint("isStale", 1) === 1;
  const latestS = fields.uint("latestS", MAX_BEGUN_S);
  const sessions = all(fields.list("sessions", MAX_SESSIONS), (list) =>
    readSession(list.list("session", 12)),
  );
  const begun = readKeys(fields, "begun", MAX_BEGUN);
  fields.end();
  return { peer, sessions, isStale, latestS, begun };
}

function sessionElements(session: Session): Cbor {
  const { beginning, isOurs, isConfirmed, rootKey, own, theirs, sending, receiving } = session;
  return [
    beginning.prekeyNumber,
    beginning.ephemeral,
    beginning.begunS,
    (isOurs ? 1 : 0) + (isConfirmed ? 2 : 0),
    rootKey,
    own.secret,
    theirs ?? new Uint8Array(0),
    chainElements(sending),
    chainElements(receiving),
    session.previousLength,
    session.skipped.map(({ ratchetKey, number, key }) => [ratchetKey, number, key]),
    session.past,
  ];
}

function readSession(fields: Fields): Session {
  const beginning = {
    prekeyNumber: fields.uint("prekeyNumber", MAX_UINT32),
    ephemeral: fields.bytes("ephemeral", KEY_BYTES),
    begunS: fields.uint("begunS", MAX_BEGUN_S),
  };
  const flags = fields.uint("flags", 3);
  const rootKey = fields.bytes("rootKey", KEY_BYTES);
  const secret = fields.bytes("own", KEY_BYTES);
  const theirs = fields.bytes("theirs", 0, KEY_BYTES);
  if (theirs.length % KEY_BYTES !== 0) throw fields.fail("theirs", "has a piece of a key");
  const sending = readChain(fields, "sending");
  const receiving = readChain(fields, "receiving");
  const previousLength = fields.uint("previousLength", MAX_UINT32);
  const skipped = all(fields.list("skipped", MAX_SKIPPED), (list) => readSkipped(list.list("key", 3)));
  const past = readKeys(fields, "past", MAX_PAST);
  fields.end();
  return {
    ...{ beginning, isOurs: (flags & 1) === 1, isConfirmed: (flags & 2) === 2, rootKey },
    own: { secret, public: x25519.getPublicKey(secret) },
    ...(theirs.length === 0 ? {} : { theirs }),
    ...(sending === undefined ? {} : { sending }),
    ...(receiving === undefined ? {} : { receiving }),
    ...{ previousLength, skipped, past },
  };
}

const chainElements = (chain: MessageChain | undefined): Cbor =>
  chain === undefined ? [] : [chain.key, chain.number];

function readChain(fields: Fields, field: string): MessageChain | undefined {
  const list = fields.list(field, 2);
  if (list.left === 0) return undefined;
  const chain = { key: list.bytes("key", KEY_BYTES), number: list.uint("number", MAX_UINT32) };
  list.end();
  return chain;
}

function readSkipped(list: Fields): SkippedKey {
  const ratchetKey = list.bytes("ratchetKey", KEY_BYTES);
  const number = list.uint("number", MAX_UINT32);
  const key = list.bytes("key", KEY_BYTES);
  list.end();
  return { ratchetKey, number, key };
}

const readKeys = (fields: Fields, field: string, most: number): Uint8Array[] =>
  all(fields.list(field, most), (list) => list.bytes("key", KEY_BYTES));

function all<T>(list: Fields, read: (list: Fields) => T): T[] {
  const found: T[] = [];
  while (list.left > 0) found.push(read(list));
  return found;
}
