import { makeInboxProof } from "../../src/identity/person/inbox-proof.ts";
import { bundleId, decodeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { needsCard } from "../../src/messages/sealed/conversation.ts";
import {
  type Account,
  account,
  cardBundle,
  credentialsBundle,
  keepAccount,
  keyOf,
  receiptBundle,
  refreshed,
} from "./account.ts";
import { box, type Challenge, type Inbox, isRefused, type Submitted, UnreachableError } from "./box.ts";
import { bytesToHex, fromBase64, hexToBytes, nowS, toBase64 } from "./bytes.ts";
import {
  type Card,
  cardOf,
  changeContact,
  changeEntries,
  contact,
  contacts,
  conversation,
  type Entry,
  entries,
  keepEntries,
  learnCard,
  STATES,
} from "./contacts.ts";
import { placeAt, takeIn } from "./incoming.ts";
import { ElsewhereError, isElsewhere } from "./one-tab.ts";
import { advance, isAtLeast, newEntryId } from "./progress.ts";
import { dropDue, dueReceipts, queue, queued, unqueue } from "./queue.ts";
import { sealEntry, sealedTo } from "./sealing.ts";

/** Another is asked to begin anew so often at most. */
const RENEW_EVERY_S = 600;
const MAX_MARKS = 32;
const MAX_IDS = 100;
const MAX_BOXES = 50;
/** What was not sent is tried again, later and later. */
const FIRST_RETRY_MS = 4_000;
const LAST_RETRY_MS = 120_000;
/** What is refused for these reasons may be taken later. */
const LATER = ["slow-down", "full", "quota", "consent", "unknown-station"];

export type Trouble = "unreachable" | "consent" | "refused" | "working";

/**
 * Sends and takes in what this person and others write. Everything is kept before it goes out, and before it is acknowledged: the page may be
 * closed at any moment.
 */
export class Messenger {
  /** Why nothing goes out, or undefined. */
  trouble: Trouble | undefined;
  /** Something of what came last found no room here. */
  isFull = false;
  /** The box that this page talks to, by its key; "" until it has said so. */
  private present = "";
  private isBusy = false;
  private isAsked = false;
  private retryMs = FIRST_RETRY_MS;
  private retryTimer = 0;

  /** @param changed what is shown may have changed */
  constructor(private readonly changed: () => void) {}

  /** Writes to somebody: kept now, sent as soon as it can be. */
  write(key: string, text: string, image?: Uint8Array, replyTo?: string): void {
    const entry: Entry = {
      ...{ id: newEntryId(), isMine: true, text, atS: nowS(), state: "unsent" },
      ...(image === undefined ? {} : { image: toBase64(image) }),
      ...(replyTo === undefined ? {} : { replyTo }),
    };
    keepEntries(key, [...entries(key), entry]);
    changeContact(key, { lastS: nowS() });
    this.changed();
    void this.send();
  }

  /** Hands everything that waits here to the box, one after the other; the rest is tried again a while later. */
  async send(): Promise<void> {
    this.isAsked = true;
    if (this.isBusy || isElsewhere()) return;
    this.isBusy = true;
    clearTimeout(this.retryTimer);
    try {
      while (this.isAsked) {
        this.isAsked = false;
        await this.sendAll();
      }
      this.trouble = undefined;
    } catch (error) {
      if (error instanceof NotNowError) this.trouble = error.trouble;
      else if (error instanceof UnreachableError) this.trouble = "unreachable";
      else if (!(error instanceof ElsewhereError)) throw error;
    } finally {
      this.isBusy = false;
      this.retryLater();
      this.changed();
    }
  }

  /** While anything is unsent: the stream from the box may stand all the while, and give no occasion. */
  private retryLater(): void {
    if (isElsewhere()) return;
    if (!isAnythingUnsent() && !this.isUnpublished(account())) {
      this.retryMs = FIRST_RETRY_MS;
      return;
    }
    this.retryTimer = setTimeout(() => void this.send(), this.retryMs);
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }

  /** Takes in what has come. @param challenge for the proof; the box is asked for one where there is none */
  async receive(challenge?: Challenge): Promise<void> {
    if (isElsewhere()) return;
    try {
      let given = challenge ?? (await box.challenge());
      for (;;) {
        const proof = this.proof(given);
        if (proof === undefined) return;
        const inbox = await box.inbox(...proof);
        if (isRefused(inbox)) return;
        this.takeIn(inbox);
        if (inbox.items.length === 0) break;
        given = inbox;
      }
      await this.lookAfter();
      this.trouble = undefined;
    } catch (error) {
      if (error instanceof ElsewhereError) return;
      if (!(error instanceof UnreachableError)) throw error;
      this.trouble = "unreachable";
    }
    this.changed();
    await this.send();
  }

  /** Key, proof and place for the next question to this box; undefined where there is nobody to ask for. */
  proof({ box: boxKey, challenge }: Challenge): [Uint8Array, Uint8Array, number] | undefined {
    const me = account();
    if (me === undefined) return undefined;
    const key = keyOf(me);
    this.present = bytesToHex(boxKey);
    const after = placeAt(this.present);
    const request = { box: boxKey, key: key.publicKey, after };
    return [key.publicKey, makeInboxProof(request, challenge, key.sign), after];
  }

  takeIn(inbox: Inbox): void {
    const me = account();
    if (me === undefined) return;
    const { nameless, lost, isFull } = takeIn(me, inbox);
    if (inbox.items.length > 0) this.isFull = isFull;
    for (const key of nameless) void this.card(key).then(() => this.changed());
    for (const key of lost) void this.askToRenew(key);
    this.changed();
  }

  /** Tells that what is shown was read, and marks it as read here. */
  markRead(key: string): void {
    const me = account();
    if (me === undefined || contact(key).unread === 0) return;
    changeContact(key, { unread: 0 });
    const unread = entries(key).filter(({ isUnread }) => isUnread === true);
    changeEntries(key, ({ isUnread, ...entry }) => entry);
    const of = unread.map(({ id }) => id).slice(-MAX_MARKS);
    if (of.length === 0 || needsCard(conversation(key))) return;
    queue(sealedTo(me, key, { kind: "read", of }, this.present).bundle);
    void this.send();
  }

  /** Newest card of somebody, from the box where it can be asked. */
  async card(key: string): Promise<Card | undefined> {
    const known = await box.card(hexToBytes(key)).catch((error: unknown) => {
      if (!(error instanceof UnreachableError)) throw error;
      return undefined;
    });
    const found = known === undefined ? undefined : learnCard(known);
    return found?.key === key ? found : cardOf(contact(key));
  }

  private async sendAll(): Promise<void> {
    const before = account();
    if (before === undefined) return;
    const me = refreshed(before);
    if (me !== before) keepAccount(me);
    await this.publish(me);
    for (const { key } of contacts()) await this.sendTo(me, key);
    // After what somebody wrote, which people wait for.
    for (const [key, all] of Object.entries(dueReceipts())) {
      for (let at = 0; at < all.length; at += MAX_MARKS) {
        const ids = all.slice(at, at + MAX_MARKS);
        nowOrNever(await this.submit(receiptBundle(me, hexToBytes(key), ids)));
        dropDue(key, ids);
      }
    }
    for (let bundle = queued()[0]; bundle !== undefined; bundle = queued()[0]) {
      nowOrNever(await this.submit(fromBase64(bundle)));
      unqueue(bundle);
    }
  }

  /** Hands one to the box; where that takes work, it is said meanwhile. */
  private submit(bundle: Uint8Array): Promise<Submitted> {
    return box.submit(bundle, (isWorking) => {
      this.trouble = isWorking ? "working" : undefined;
      this.changed();
    });
  }

  /** Leaves the person's card, and their certificates, at a box that does not have them. */
  private async publish(me: Account): Promise<void> {
    if (!this.isUnpublished(me)) return;
    const card = cardBundle(me);
    for (const bundle of [card, credentialsBundle(me)]) {
      if (bundle !== undefined) nowOrNever(await this.submit(bundle));
    }
    const now = account();
    if (now?.version !== me.version) return;
    const cardId = bundleId(decodeBundle(card));
    keepAccount({ ...now, cardId, cardAt: [...now.cardAt, this.present].slice(-MAX_BOXES) });
  }

  /** Whether the box that this page talks to does not have the person's card. */
  private isUnpublished(me: Account | undefined): boolean {
    return me !== undefined && this.present !== "" && !me.cardAt.includes(this.present);
  }

  private async sendTo(me: Account, key: string): Promise<void> {
    const waiting = entries(key).filter(({ state }) => state === "unsent");
    for (const { id } of waiting) {
      const entry = entries(key).find((one) => one.id === id);
      if (entry === undefined) continue;
      const isSealed = entry.bundle !== undefined;
      if (!isSealed && needsCard(conversation(key)) && (await this.card(key)) === undefined) return;
      const ready = isSealed ? entry : sealEntry(me, key, entry, this.present);
      const isTaken = nowOrNever(await this.submit(fromBase64(ready.bundle ?? "")));
      const { bundle, ...sent } = ready;
      const state = isTaken ? "waiting" : "failed";
      changeEntries(key, (one) => (one.id === ready.id ? { ...sent, state } : one));
      this.changed();
    }
  }

  /** Something could not be opened: keys were lost on this side. */
  private async askToRenew(key: string): Promise<void> {
    const me = account();
    if (me === undefined || Math.abs(nowS() - contact(key).renewedS) < RENEW_EVERY_S) return;
    if ((await this.card(key)) === undefined) return;
    changeContact(key, { renewedS: nowS() });
    queue(sealedTo(me, key, { kind: "renew" }, this.present).bundle);
    await this.send();
  }

  /** How far one's own have come, as the box knows. */
  private async lookAfter(): Promise<void> {
    const underway = contacts().flatMap(({ key }) =>
      entries(key)
        .filter(({ state }) => isAtLeast(state, "waiting") && !isAtLeast(state, "delivered"))
        .map(({ id }) => ({ key, id })),
    );
    const cardId = account()?.cardId;
    const latest = underway.slice(1 - MAX_IDS);
    const ids = [...latest.map((one) => one.id), ...(cardId === undefined ? [] : [cardId])];
    if (ids.length === 0) return;
    for (const { id, state, etaSeconds, removedBy, note } of await box.deliveries(ids)) {
      if (id === cardId && removedBy === "operator") noteCardRemoved(id, note);
      const key = latest.find((one) => one.id === id)?.key;
      const known = STATES.find((one) => one === state);
      if (key !== undefined && known !== undefined) advance(key, [id], known, etaSeconds);
    }
  }
}

/** Operators have taken this person's card away. */
function noteCardRemoved(id: string, reason: string): void {
  const now = account();
  if (now?.cardId === id && now.cardRemoved !== reason) keepAccount({ ...now, cardRemoved: reason });
}

const isAnythingUnsent = (): boolean =>
  queued().length > 0 ||
  Object.keys(dueReceipts()).length > 0 ||
  contacts().some(({ key }) => entries(key).some(({ state }) => state === "unsent"));

/** The box takes nothing now. */
class NotNowError extends Error {
  override readonly name = "NotNowError";
  constructor(readonly trouble: Trouble) {
    super(`the box takes nothing now: ${trouble}`);
  }
}

/**
 * Whether the box has taken something; what it will never take is given up.
 * @throws {NotNowError} where it may be taken later
 */
function nowOrNever(answer: Submitted): boolean {
  const reason =
    "refused" in answer ? answer.refused : answer.state === "refused" ? answer.reason : undefined;
  if (reason === undefined) return true;
  if (LATER.includes(reason)) throw new NotNowError(reason === "consent" ? "consent" : "refused");
  return false;
}
