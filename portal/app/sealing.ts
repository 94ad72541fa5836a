import { MAX_UNSIGNED_BODY_BYTES } from "../../src/messages/bundle/bundle.ts";
import { idOfEncoded } from "../../src/messages/bundle/bundle-codec.ts";
import { type Conversation, isAnswered, seal } from "../../src/messages/sealed/conversation.ts";
import type { SealedBody } from "../../src/messages/sealed/sealed-body.ts";
import { type Account, headOf, keyOf, LIFETIME_S, signed, unsigned } from "./account.ts";
import { fromBase64, hexToBytes, nowS, random, toBase64 } from "./bytes.ts";
import {
  cardOf,
  changeContact,
  changeEntries,
  contact,
  conversation,
  type Entry,
  entries,
  keepConversation,
} from "./contacts.ts";
import { isAtLeast } from "./progress.ts";

/** By what is signed boxes learn where somebody is, and somebody who has lost their keys that there is something to ask for again. */
const SIGNED_EVERY_S = 86_400;
/** What has not arrived for so long may be closed to them. */
const DOUBTED_AFTER_S = 3_600;

/**
 * Seals what is said to somebody, and signs it where the seal is not enough. The session's next state is kept before what was sealed
 * goes anywhere.
 * @param box the key of the one that it goes to, as hex; "" where that is not known
 * @throws {SealedError} `no-card` where a session must begin and their card is not known
 */
export function sealedTo(
  me: Account,
  key: string,
  body: SealedBody,
  box: string,
): { bundle: Uint8Array; id: string } {
  const own = keyOf(me);
  const head = headOf(own, "direct", { kind: "person", key: hexToBytes(key) }, LIFETIME_S);
  const { conversation: next, sealed } = seal(
    own,
    conversation(key),
    head,
    body,
    random,
    cardOf(contact(key)),
  );
  keepConversation(key, next);
  const isSigned = !isSealEnough(key, next, sealed, box);
  if (isSigned) changeContact(key, { signed: { atS: nowS(), box } });
  const bundle = isSigned ? signed(own, head, sealed) : unsigned(head, sealed);
  return { bundle, id: idOfEncoded(bundle) };
}

/** Over LoRa a signature is a third of a short message. */
function isSealEnough(key: string, next: Conversation, sealed: Uint8Array, box: string): boolean {
  const last = contact(key).signed;
  return (
    sealed.length <= MAX_UNSIGNED_BODY_BYTES &&
    isAnswered(next) &&
    last?.box === box &&
    Math.abs(nowS() - last.atS) < SIGNED_EVERY_S &&
    !entries(key).some(isOverdue)
  );
}

const isOverdue = ({ isMine, state, atS }: Entry): boolean =>
  isMine && isAtLeast(state, "waiting") && !isAtLeast(state, "delivered") && nowS() - atS > DOUBTED_AFTER_S;

/** Seals what was written; from then on it has the bundle's id. */
export function sealEntry(me: Account, key: string, entry: Entry, box: string): Entry {
  const { text, image, replyTo } = entry;
  // What is answered may not have been sealed itself yet.
  const reply = replyTo === undefined || replyTo.startsWith("new-") ? {} : { replyTo };
  const body: SealedBody =
    image === undefined || image === ""
      ? { kind: "text", text, ...reply }
      : { kind: "photo", image: fromBase64(image), text, ...reply };
  const { bundle, id } = sealedTo(me, key, body, box);
  const ready: Entry = { ...entry, id, bundle: toBase64(bundle) };
  changeEntries(key, (one) => (one.id === entry.id ? ready : one));
  return ready;
}
