import { bundleId } from "../../src/messages/bundle/bundle-codec.ts";
import { seal } from "../../src/messages/sealed/conversation.ts";
import type { SealedBody } from "../../src/messages/sealed/sealed-body.ts";
import { type Account, headOf, keyOf, LIFETIME_S, signed } from "./account.ts";
import { fromBase64, hexToBytes, random, toBase64 } from "./bytes.ts";
import { cardOf, changeEntries, contact, conversation, type Entry, keepConversation } from "./contacts.ts";

/**
 * Seals and signs what is said to somebody. The session's next state is kept before what was sealed goes anywhere.
 * @throws {SealedError} `no-card` where a session must begin and their card is not known
 */
export function sealedTo(me: Account, key: string, body: SealedBody): { bundle: Uint8Array; id: string } {
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
  return { bundle: signed(own, head, sealed), id: bundleId({ ...head, body: sealed }) };
}

/** Seals what was written; from then on it has the bundle's id. */
export function sealEntry(me: Account, key: string, entry: Entry): Entry {
  const { text, image, replyTo } = entry;
  // What is answered may not have been sealed itself yet.
  const reply = replyTo === undefined || replyTo.startsWith("new-") ? {} : { replyTo };
  const body: SealedBody =
    image === undefined || image === ""
      ? { kind: "text", text, ...reply }
      : { kind: "photo", image: fromBase64(image), text, ...reply };
  const { bundle, id } = sealedTo(me, key, body);
  const ready: Entry = { ...entry, id, bundle: toBase64(bundle) };
  changeEntries(key, (one) => (one.id === entry.id ? ready : one));
  return ready;
}
