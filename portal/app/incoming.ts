import { verifyBy } from "../../src/identity/person/person-key.ts";
import { decodeBody } from "../../src/messages/bundle/body-codec.ts";
import type { Bundle } from "../../src/messages/bundle/bundle.ts";
import { bundleId, decodeBundle, isSigned, verifyBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { asStale, open } from "../../src/messages/sealed/conversation.ts";
import type { SealedBody } from "../../src/messages/sealed/sealed-body.ts";
import { SealedError } from "../../src/messages/sealed/sealed-error.ts";
import { type Account, keyOf, LIFETIME_S, prekeysOf } from "./account.ts";
import type { Inbox, InboxItem } from "./box.ts";
import { bytesToHex, nowS, random, toBase64 } from "./bytes.ts";
import {
  changeContact,
  contact,
  contacts,
  conversation,
  type Entry,
  entries,
  keepConversation,
  keepEntries,
  makeRoom,
} from "./contacts.ts";
import { isLoss } from "./doubt.ts";
import { advance, sendAgain } from "./progress.ts";
import { noteDue, noteSeen, wasSeen } from "./queue.ts";
import { keep, kept, ShelfFullError } from "./shelf.ts";

/** How far each box's inbox was gone through since the page was opened, and whether something found no room. By the boxes' keys. */
const places = new Map<string, { order: number; isWhole: boolean }>();

/** Another tab may have gone through more since. */
export const forgetPlaces = (): void => places.clear();

/** From where on a box is asked: a page that is opened anew tries again what found no room. */
export const placeAt = (boxKey: string): number =>
  places.get(boxKey)?.order ?? kept<number>(`after.${boxKey}`) ?? 0;

/** What has to be done besides. */
export interface Followed {
  /** People whose name is not known yet. */
  nameless: Set<string>;
  /** People who are to begin a new session, for something of theirs could not be opened. */
  lost: Set<string>;
  /** Something found no room. */
  isFull: boolean;
}

/** Takes in what has come for a person, keeps it, and notes the receipts that are due. What finds no room is left at the box. */
export function takeIn(me: Account, inbox: Inbox): Followed {
  const followed: Followed = { nameless: new Set(), lost: new Set(), isFull: false };
  const boxKey = bytesToHex(inbox.box);
  for (const item of inbox.items) {
    const hadRoom = fits(() => takeItem(me, item, followed));
    if (!hadRoom) followed.isFull = true;
    const isWhole = hadRoom && (places.get(boxKey)?.isWhole ?? true);
    places.set(boxKey, { order: item.order, isWhole });
    if (isWhole) fits(() => keep(`after.${boxKey}`, item.order));
  }
  fits(() => endDoubts(followed));
  return followed;
}

/** Whether there was room for something, by throwing photos away if need be: then it is done once more. */
function fits(act: () => void): boolean {
  for (const make of [makeRoom, () => {}]) {
    try {
      act();
      return true;
    } catch (error) {
      if (!(error instanceof ShelfFullError)) throw error;
      make();
    }
  }
  return false;
}

function takeItem(me: Account, { bundle: bytes, ageS }: InboxItem, followed: Followed): void {
  const bundle = readBundle(bytes);
  if (bundle === undefined || bundle.sender.as !== "person" || bundle.to.kind !== "person") return;
  if (bytesToHex(bundle.to.key) !== bytesToHex(keyOf(me).publicKey)) return;
  const id = bundleId(bundle);
  const key = bytesToHex(bundle.sender.key);
  if (wasSeen(id) || contact(key).isBlocked) return;
  if (bundle.kind === "receipt") takeReceipt(key, bundle);
  else if (bundle.kind !== "direct" || !takeMessage(me, key, id, bundle, ageS, followed)) return;
  // Before it is noted as seen: should the page end between the two, it comes again, and is due once all the same.
  if (bundle.kind === "direct") noteDue(key, id);
  noteSeen(id);
}

function readBundle(bytes: Uint8Array): Bundle | undefined {
  try {
    const bundle = decodeBundle(bytes);
    // Without a signature it is a sealed message, and whether that is theirs is seen when it is opened.
    return !isSigned(bundle) || verifyBundle(bundle, verifyBy) ? bundle : undefined;
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
    if (error instanceof ShelfFullError) throw error;
    console.warn("a receipt was left out", error);
  }
}

/** @returns whether it is here */
function takeMessage(
  me: Account,
  key: string,
  id: string,
  bundle: Bundle,
  ageS: number,
  followed: Followed,
): boolean {
  const { body: sealed, ...head } = bundle;
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
    if (doubtedS(key) > 0) changeContact(key, { doubtedS: 0 });
    if (contact(key).name === "") followed.nameless.add(key);
    return true;
  } catch (error) {
    if (!(error instanceof SealedError)) throw error;
    if (error.problem === "lost") {
      if (isSigned(bundle)) noteLoss(key, followed, sealed);
      // Without a session there is none that it could be of.
      else if (conversation(key).sessions.length > 0 && doubtedS(key) === 0)
        changeContact(key, { doubtedS: nowS() });
    }
    return (
      error.problem === "repeated" && (isSigned(bundle) || entries(key).some((entry) => entry.id === id))
    );
  }
}

/** @param lost what could not be opened, where they have signed it */
function noteLoss(key: string, followed: Followed, lost?: Uint8Array): void {
  keepConversation(key, asStale(conversation(key), lost));
  followed.lost.add(key);
}

function endDoubts(followed: Followed): void {
  for (const { key, renewedS } of contacts()) {
    const sinceS = doubtedS(key);
    if (sinceS === 0 || !isLoss({ sinceS, renewedS, isStale: conversation(key).isStale }, nowS())) continue;
    noteLoss(key, followed);
    changeContact(key, { doubtedS: 0 });
  }
}

const doubtedS = (key: string): number => contact(key).doubtedS ?? 0;

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
