import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import { agree, type KeyPair, newKeyPair } from "./agreement.ts";
import { SealedError } from "./sealed-error.ts";
import type { Beginning, Header } from "./sealed-form.ts";

// Browsers run this too: no Buffer, nothing of Node's.
//
// The Double Ratchet (Signal, revision 1) with the functions that its section 5.2 recommends, but for the cipher, which is
// XChaCha20-Poly1305. Headers are not encrypted. All functions are pure: what they return takes the place of what they were given.

/** One of the two chains of a session: the keys of the messages of one direction under one ratchet key. */
export interface MessageChain {
  key: Uint8Array;
  /** How many messages it has had. */
  number: number;
}

/** The key of a message that did not come before those after it. */
export interface SkippedKey {
  ratchetKey: Uint8Array;
  number: number;
  key: Uint8Array;
}

export interface Session {
  /** By what it began; the ephemeral key is its name. */
  beginning: Beginning;
  /** Whether it was begun here. */
  isOurs: boolean;
  /** Whether something has come in it: until then each message says by what it began. */
  isConfirmed: boolean;
  rootKey: Uint8Array;
  /** The present ratchet key of this side. */
  own: KeyPair;
  /** The other side's, once it is known. */
  theirs?: Uint8Array;
  sending?: MessageChain;
  receiving?: MessageChain;
  /** Messages sent under this side's ratchet key before. */
  previousLength: number;
  /** The oldest first, at most {@link MAX_SKIPPED}. */
  skipped: readonly SkippedKey[];
  /** The other side's ratchet keys before, the oldest first, at most {@link MAX_PAST}: what comes under them and was not skipped has come. */
  past: readonly Uint8Array[];
}

/** Messages that may be missing at a time: more at once are not waited for, older ones are given up. */
export const MAX_SKIPPED = 500;
export const MAX_PAST = 32;

const ROOT_INFO = utf8ToBytes("omerta-box ratchet root 1\0");
const MESSAGE_INFO = utf8ToBytes("omerta-box ratchet message 1\0");

/**
 * The session of whoever begins it.
 * @param secret of X3DH
 * @param prekey of the other side, its first ratchet key
 */
export function beginSession(
  secret: Uint8Array,
  beginning: Beginning,
  prekey: Uint8Array,
  random: (bytes: number) => Uint8Array,
): Session {
  const own = newKeyPair(random);
  const { rootKey, chain } = rootStep(secret, agree(own.secret, prekey));
  return {
    ...{ beginning, isOurs: true, isConfirmed: false, rootKey, own, theirs: prekey },
    ...{ sending: chain, previousLength: 0, skipped: [], past: [] },
  };
}

/** The session of the other side. */
export function acceptSession(secret: Uint8Array, beginning: Beginning, prekey: KeyPair): Session {
  return {
    ...{ beginning, isOurs: false, isConfirmed: false, rootKey: secret, own: prekey },
    ...{ previousLength: 0, skipped: [], past: [] },
  };
}

/** The header of the next message, to be bound to it. Undefined where nothing can be sent before something has come. */
export function nextHeader(session: Session): Header | undefined {
  const { own, sending, previousLength, isOurs, isConfirmed, beginning } = session;
  if (sending === undefined) return undefined;
  const header = { ratchetKey: own.public, previousLength, number: sending.number };
  return isOurs && !isConfirmed ? { ...header, beginning } : header;
}

/**
 * @param associated what the message is bound to: its header and everything around it
 */
export function sealNext(
  session: Session,
  plain: Uint8Array,
  associated: Uint8Array,
): { session: Session; box: Uint8Array } {
  const { sending } = session;
  if (sending === undefined) throw new RangeError("sending: nothing has come yet");
  const { key, next } = chainStep(sending);
  return { session: { ...session, sending: next }, box: cipher(key, associated).encrypt(plain) };
}

/**
 * @param random for the ratchet key that answers one of the other side's
 * @throws {SealedError} `repeated`, or `lost` where the message is not of this session, or was changed
 */
export function openNext(
  session: Session,
  header: Header,
  box: Uint8Array,
  associated: Uint8Array,
  random: (bytes: number) => Uint8Array,
): { session: Session; plain: Uint8Array } {
  const { ratchetKey, number, previousLength } = header;
  const at = session.skipped.findIndex(
    (skipped) => skipped.number === number && isSame(skipped.ratchetKey, ratchetKey),
  );
  const skipped = session.skipped[at];
  if (skipped !== undefined) {
    const plain = decrypted(skipped.key, box, associated);
    const rest = session.skipped.filter((_, index) => index !== at);
    return { session: { ...session, skipped: rest }, plain };
  }
  const isPresent = session.theirs !== undefined && isSame(session.theirs, ratchetKey);
  const isOld = isPresent
    ? number < (session.receiving?.number ?? 0)
    : session.past.some((key) => isSame(key, ratchetKey));
  if (isOld) throw new SealedError("repeated", "it has come before");
  const turned = isPresent ? session : turn(skip(session, previousLength), ratchetKey, random);
  const ready = skip(turned, number);
  if (ready.receiving === undefined) throw new SealedError("lost", "its key is not to be received by");
  const { key, next } = chainStep(ready.receiving);
  const plain = decrypted(key, box, associated);
  return { session: { ...ready, receiving: next, isConfirmed: true }, plain };
}

/** Keeps the keys of messages up to `until` that have not come in the present receiving chain. */
function skip(session: Session, until: number): Session {
  const { receiving, theirs } = session;
  if (receiving === undefined || theirs === undefined || until <= receiving.number) return session;
  if (until - receiving.number > MAX_SKIPPED) throw new SealedError("lost", "too many before it are missing");
  const skipped: SkippedKey[] = [...session.skipped];
  let chain = receiving;
  while (chain.number < until) {
    const { key, next } = chainStep(chain);
    skipped.push({ ratchetKey: theirs, number: chain.number, key });
    chain = next;
  }
  return { ...session, receiving: chain, skipped: skipped.slice(-MAX_SKIPPED) };
}

/** A step of the Diffie-Hellman ratchet: the other side has a new key, and so does this one. */
function turn(session: Session, theirs: Uint8Array, random: (bytes: number) => Uint8Array): Session {
  const received = rootStep(session.rootKey, agree(session.own.secret, theirs));
  const own = newKeyPair(random);
  const sent = rootStep(received.rootKey, agree(own.secret, theirs));
  const past = session.theirs === undefined ? session.past : [...session.past, session.theirs];
  return {
    ...session,
    ...{ rootKey: sent.rootKey, own, theirs, past: past.slice(-MAX_PAST) },
    ...{ receiving: received.chain, sending: sent.chain },
    previousLength: session.sending?.number ?? 0,
  };
}

/** KDF_RK. */
function rootStep(rootKey: Uint8Array, agreed: Uint8Array): { rootKey: Uint8Array; chain: MessageChain } {
  const bytes = hkdf(sha256, agreed, rootKey, ROOT_INFO, 64);
  return { rootKey: bytes.slice(0, 32), chain: { key: bytes.slice(32), number: 0 } };
}

/** KDF_CK. */
function chainStep({ key, number }: MessageChain): { key: Uint8Array; next: MessageChain } {
  const next = { key: hmac(sha256, key, Uint8Array.of(2)), number: number + 1 };
  return { key: hmac(sha256, key, Uint8Array.of(1)), next };
}

/**
 * The associated data is also the salt of the cipher's key and nonce. A message key is used once; but where somebody goes on from an
 * old copy of their state it is used again, and then key and nonce still differ, for each bundle's head does.
 */
function cipher(messageKey: Uint8Array, associated: Uint8Array) {
  const bytes = hkdf(sha256, messageKey, associated, MESSAGE_INFO, 56);
  return xchacha20poly1305(bytes.subarray(0, 32), bytes.subarray(32), associated);
}

function decrypted(messageKey: Uint8Array, box: Uint8Array, associated: Uint8Array): Uint8Array {
  try {
    return cipher(messageKey, associated).decrypt(box);
  } catch {
    throw new SealedError("lost", "it is not of this session, or was changed");
  }
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, index) => byte === b[index]);
