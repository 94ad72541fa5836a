import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import type { PersonKey } from "../../identity/person/person-key.ts";
import type { CardBody } from "../bundle/bodies.ts";
import type { Unsigned } from "../bundle/bundle.ts";
import { signedBytes } from "../bundle/bundle-codec.ts";
import { agreeAsFirst, agreeAsSecond, newKeyPair } from "./agreement.ts";
import type { Prekeys } from "./prekeys.ts";
import { decodeSealedBody, encodeSealedBody, type SealedBody } from "./sealed-body.ts";
import { SealedError } from "./sealed-error.ts";
import {
  type Beginning,
  decodeSealed,
  encodeHeader,
  encodeSealed,
  type Header,
  MAX_BEGUN_S,
} from "./sealed-form.ts";
import { acceptSession, beginSession, nextHeader, openNext, type Session, sealNext } from "./session.ts";

// Browsers run this too: no Buffer, nothing of Node's.

/**
 * What one person's device keeps of messages with another. A value: `seal` and `open` return the next one, which must be on the medium
 * before what was sealed leaves the device, and before what was opened is acknowledged.
 *
 * Sessions are begun by X3DH and go on by the Double Ratchet, both of Signal; several may be alive, as in Signal's Sesame: both sides may
 * write first at the same time, and either may lose what it kept. What boxes on the way see: who writes to whom, when, how often,
 * how long it is in steps, which message answers which turn (ratchet keys and numbers are not encrypted), and that a session begins. They
 * see no text, no picture and no marks of what was read, and cannot change anything unnoticed. Whoever takes a device away opens what
 * it keeps, and what comes until both sides have written once more; not what was deleted from it before.
 */
export interface Conversation {
  /** The other's identity, Ed25519, 32 bytes. */
  peer: Uint8Array;
  /**
   * The one that was begun last first: it is sent by. Both sides know when each was begun, so both come to send by the same, whatever
   * the order in which messages come. At most {@link MAX_SESSIONS}.
   */
  sessions: readonly Session[];
  /** The next message begins a session: the present ones may be older than those of the other side. */
  isStale: boolean;
  /** When the latest session was begun that is known of, by whichever side, kept or not. */
  latestS: number;
  /** Ephemeral keys that sessions were begun by from the other side, the oldest first, at most {@link MAX_BEGUN}: none begins twice. */
  begun: readonly Uint8Array[];
}

/** Everything around a sealed body in its bundle. */
export type Head = Omit<Unsigned, "body">;

export const MAX_SESSIONS = 4;
export const MAX_BEGUN = 64;

const DOMAIN = utf8ToBytes("omerta-box sealed 1\0");

export const newConversation = (peer: Uint8Array): Conversation => ({
  ...{ peer, sessions: [], isStale: false, latestS: 0, begun: [] },
});

/**
 * After an export was read in, and after something came that is `lost`: what is kept may be behind the other side's, so it still opens what
 * comes, but nothing is sealed by it any more.
 * @param lost what could not be opened: it may say of a session that the next one must be later than
 */
export function asStale(conversation: Conversation, lost?: Uint8Array): Conversation {
  const begunS = lost === undefined ? 0 : (decodeSealed(lost).header.beginning?.begunS ?? 0);
  return { ...conversation, isStale: true, latestS: Math.max(conversation.latestS, begunS) };
}

/** Whether {@link seal} needs the other's card. */
export const needsCard = ({ sessions, isStale }: Conversation): boolean => isStale || sessions.length === 0;

/**
 * Whether the seal says to the other that what was sealed last is from here: they have written in the session that it went by, so they
 * have its keys, and nobody else has. What begins a session is signed as well, for it may be all that tells them of a loss.
 */
export const isAnswered = ({ sessions }: Conversation): boolean => sessions[0]?.isConfirmed === true;

/**
 * Seals a body for the other.
 * @param head of the bundle that it goes into; its sequence must be another each time
 * @param card of the other, where {@link needsCard}; the signature of its bundle was checked
 * @param random bytes that nobody can guess
 * @throws {SealedError} `no-card`, or `malformed` naming a field of the body
 */
export function seal(
  me: PersonKey,
  conversation: Conversation,
  head: Head,
  body: SealedBody,
  random: (bytes: number) => Uint8Array,
  card?: Pick<CardBody, "prekey" | "prekeyNumber">,
): { conversation: Conversation; sealed: Uint8Array } {
  const plain = encodeSealedBody(body);
  const ready = needsCard(conversation) ? begunAnew(me, conversation, head, random, card) : conversation;
  const [session, ...others] = ready.sessions;
  const header = session && nextHeader(session);
  if (session === undefined || header === undefined) throw new RangeError("conversation: has no session");
  const associated = associatedOf(me, ready.peer, session, header, head);
  const { session: next, box } = sealNext(session, plain, associated);
  return {
    conversation: { ...ready, sessions: [next, ...others] },
    sealed: encodeSealed({ header, box }),
  };
}

/**
 * Opens what the other has sealed. The signature of the bundle was checked where it has one. Where it has none anybody may have written
 * it: what opens is from the other, and what does not says nothing of them.
 * @param head of the bundle that it came in
 * @throws {SealedError} `malformed`, `repeated`, or `lost`: then answer with a `renew` of a conversation `asStale`
 */
export function open(
  me: PersonKey,
  prekeys: Prekeys,
  conversation: Conversation,
  head: Head,
  sealed: Uint8Array,
  random: (bytes: number) => Uint8Array,
): { conversation: Conversation; body: SealedBody } {
  const { header, box } = decodeSealed(sealed);
  const { sessions, peer } = conversation;
  let problem = new SealedError("lost", "no session here opens it");
  const attempt = (session: Session) => {
    try {
      return openNext(session, header, box, associatedOf(me, peer, session, header, head), random);
    } catch (error) {
      if (!(error instanceof SealedError)) throw error;
      if (problem.problem !== "repeated") problem = error;
      return undefined;
    }
  };
  const { beginning } = header;
  const mine = beginning && sessions.filter((session) => isSameBeginning(session, beginning));
  for (const session of mine ?? sessions) {
    const opened = attempt(session);
    if (opened === undefined) continue;
    const body = decodeSealedBody(opened.plain);
    return { conversation: withSession(conversation, opened.session, body), body };
  }
  if (beginning === undefined || (mine ?? []).length > 0) throw problem;
  const opened = attempt(accepted(me, prekeys, conversation, beginning));
  if (opened === undefined) throw problem;
  const body = decodeSealedBody(opened.plain);
  const known = { ...conversation, begun: [...conversation.begun, beginning.ephemeral].slice(-MAX_BEGUN) };
  return { conversation: withSession(known, opened.session, body), body };
}

function begunAnew(
  me: PersonKey,
  conversation: Conversation,
  { createdS }: Head,
  random: (bytes: number) => Uint8Array,
  card: Pick<CardBody, "prekey" | "prekeyNumber"> | undefined,
): Conversation {
  if (card === undefined)
    throw new SealedError("no-card", "there is no session, and no card to begin one by");
  const { prekey, prekeyNumber } = card;
  const ephemeral = newKeyPair(random);
  const secret = agreeAsFirst(me, ephemeral, conversation.peer, prekey);
  // A clock that was ahead once must not leave an old session in front of all later ones.
  const begunS = Math.min(Math.max(createdS, conversation.latestS + 1), MAX_BEGUN_S);
  const session = beginSession(secret, { prekeyNumber, ephemeral: ephemeral.public, begunS }, prekey, random);
  const sessions = [session, ...conversation.sessions].slice(0, MAX_SESSIONS);
  return { ...conversation, sessions, isStale: false, latestS: begunS };
}

function accepted(
  me: PersonKey,
  prekeys: Prekeys,
  { peer, begun }: Conversation,
  beginning: Beginning,
): Session {
  const { prekeyNumber, ephemeral } = beginning;
  if (begun.some((known) => isSame(known, ephemeral))) {
    throw new SealedError("repeated", "its session has ended");
  }
  const prekey = prekeys.keys.find(({ number }) => number === prekeyNumber);
  if (prekey === undefined) throw new SealedError("lost", `prekey ${prekeyNumber} is not here any more`);
  return acceptSession(agreeAsSecond(me, prekey, peer, ephemeral), beginning, prekey);
}

/** With the next state of a session, or a new one, in its place. */
function withSession(conversation: Conversation, next: Session, { kind }: SealedBody): Conversation {
  const others = conversation.sessions.filter(
    ({ beginning }) => !isSame(beginning.ephemeral, next.beginning.ephemeral),
  );
  const isNew = others.length === conversation.sessions.length;
  // The other side has lost those before, whatever its clock says. Of one that it has not seen yet it will say so itself.
  const alive = others.filter(
    ({ beginning, isOurs, isConfirmed }) =>
      kind !== "renew" || (isOurs && !isConfirmed) || isBefore(beginning, next.beginning),
  );
  const sessions = [next, ...alive].sort((a, b) => (isBefore(a.beginning, b.beginning) ? 1 : -1));
  // One that the other side has begun just now is no older than what it keeps.
  const isStale = conversation.isStale && !(isNew && sessions[0] === next);
  const latestS = Math.max(conversation.latestS, next.beginning.begunS);
  return { ...conversation, sessions: sessions.slice(0, MAX_SESSIONS), isStale, latestS };
}

function associatedOf(
  me: PersonKey,
  peer: Uint8Array,
  { isOurs }: Session,
  header: Header,
  head: Head,
): Uint8Array {
  const [first, second] = isOurs ? [me.publicKey, peer] : [peer, me.publicKey];
  const around = signedBytes({ ...head, body: new Uint8Array(0) });
  return concatBytes(DOMAIN, first, second, encodeHeader(header), around);
}

const isSameBeginning = (session: Session, { ephemeral }: Beginning): boolean =>
  !session.isOurs && isSame(session.beginning.ephemeral, ephemeral);

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((byte, index) => byte === b[index]);

/** Of two that were begun in the same second the keys decide. */
function isBefore(a: Beginning, b: Beginning): boolean {
  if (a.begunS !== b.begunS) return a.begunS < b.begunS;
  const at = a.ephemeral.findIndex((byte, index) => byte !== b.ephemeral[index]);
  return at >= 0 && (a.ephemeral[at] ?? 0) < (b.ephemeral[at] ?? 0);
}
