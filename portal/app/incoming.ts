import { verifyBy } from "../../src/identity/person/person-key.ts";
import { decodeBody } from "../../src/messages/bundle/body-codec.ts";
import type { Bundle } from "../../src/messages/bundle/bundle.ts";
import { bundleId, decodeBundle, verifyBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { asStale, open } from "../../src/messages/sealed/conversation.ts";
import type { SealedBody } from "../../src/messages/sealed/sealed-body.ts";
import { SealedError } from "../../src/messages/sealed/sealed-error.ts";
import { type Account, keyOf, LIFETIME_S, prekeysOf, receiptBundle } from "./account.ts";
import type { Inbox, InboxItem } from "./box.ts";
import { bytesToHex, hexToBytes, nowS, random, toBase64 } from "./bytes.ts";
import {
  changeContact,
  contact,
  conversation,
  type Entry,
  entries,
  keepConversation,
  keepEntries,
} from "./contacts.ts";
import { advance, sendAgain } from "./progress.ts";
import { noteSeen, queue, wasSeen } from "./queue.ts";
import { keep } from "./shelf.ts";

const MAX_RECEIPTS = 32;

/** What has to be done besides. */
export interface Followed {
  /** People whose name is not known yet. */
  nameless: Set<string>;
  /** People who are to begin a new session, for something of theirs could not be opened. */
  lost: Set<string>;
}

/** Takes in what has come for a person, keeps it, and queues the receipts. */
export function takeIn(me: Account, inbox: Inbox): Followed {
  const followed: Followed = { nameless: new Set(), lost: new Set() };
  const arrived = new Map<string, string[]>();
  for (const item of inbox.items) {
    const from = takeItem(me, item, followed);
    if (from !== undefined) arrived.set(from.key, [...(arrived.get(from.key) ?? []), from.id]);
    keep(`after.${bytesToHex(inbox.box)}`, item.order);
  }
  for (const [key, ids] of arrived) {
    for (let at = 0; at < ids.length; at += MAX_RECEIPTS) {
      queue(receiptBundle(me, hexToBytes(key), ids.slice(at, at + MAX_RECEIPTS)));
    }
  }
  return followed;
}

/** @returns whose receipt is due, and for what */
function takeItem(
  me: Account,
  { bundle: bytes, ageS }: InboxItem,
  followed: Followed,
): { key: string; id: string } | undefined {
  const bundle = readBundle(bytes);
  if (bundle === undefined || bundle.sender.as !== "person" || bundle.to.kind !== "person") return undefined;
  if (bytesToHex(bundle.to.key) !== bytesToHex(keyOf(me).publicKey)) return undefined;
  const id = bundleId(bundle);
  const key = bytesToHex(bundle.sender.key);
  if (wasSeen(id) || contact(key).isBlocked) return undefined;
  if (bundle.kind === "receipt") takeReceipt(key, bundle);
  else if (bundle.kind !== "direct" || !takeMessage(me, key, id, bundle, ageS, followed)) return undefined;
  noteSeen(id);
  return bundle.kind === "direct" ? { key, id } : undefined;
}

function readBundle(bytes: Uint8Array): Bundle | undefined {
  try {
    const bundle = decodeBundle(bytes);
    return verifyBundle(bundle, verifyBy) ? bundle : undefined;
  } catch (error) {
    console.warn("a bundle was left out", error);
    return undefined;
  }
}

function takeReceipt(key: string, bundle: Bundle): void {
  try {
    const { state, of } = decodeBody("receipt", bundle.body);
    if (state === "delivered" || state === "read") advance(key, of, state);
  } catch (error) {
    console.warn("a receipt was left out", error);
  }
}

/** @returns whether it is here */
function takeMessage(
  me: Account,
  key: string,
  id: string,
  { body: sealed, ...head }: Bundle,
  ageS: number,
  followed: Followed,
): boolean {
  try {
    const { body, conversation: next } = open(
      keyOf(me),
      prekeysOf(me),
      conversation(key),
      head,
      sealed,
      random,
    );
    takeBody(key, id, body, ageS);
    // After what was said: should the page end between the two, it is opened once more, and known by its id.
    keepConversation(key, next);
    if (contact(key).name === "") followed.nameless.add(key);
    return true;
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    if (error.problem === "lost") {
      keepConversation(key, asStale(conversation(key), sealed));
      followed.lost.add(key);
    }
    return error.problem === "repeated";
  }
}

function takeBody(key: string, id: string, body: SealedBody, ageS: number): void {
  if (body.kind === "renew") {
    sendAgain(key, nowS() - LIFETIME_S);
    return;
  }
  if (body.kind === "read") {
    advance(key, body.of, "read");
    return;
  }
  if (entries(key).some((entry) => entry.id === id)) return;
  const entry: Entry = {
    ...{ id, isMine: false, text: body.text, atS: nowS() - ageS, isUnread: true },
    ...(body.kind === "photo" ? { image: toBase64(body.image) } : {}),
    ...(body.replyTo === undefined ? {} : { replyTo: body.replyTo }),
  };
  keepEntries(key, [...entries(key), entry]);
  changeContact(key, { unread: contact(key).unread + 1, lastS: nowS() });
}
