import { makeInboxProof } from "../../src/identity/person/inbox-proof.ts";
import { type PersonKey, verifyBy } from "../../src/identity/person/person-key.ts";
import { decodeBody } from "../../src/messages/bundle/body-codec.ts";
import type { Bundle } from "../../src/messages/bundle/bundle.ts";
import { bundleId, decodeBundle, verifyBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { asStale, needsCard, open, seal } from "../../src/messages/sealed/conversation.ts";
import type { SealedBody } from "../../src/messages/sealed/sealed-body.ts";
import { SealedError } from "../../src/messages/sealed/sealed-error.ts";
import {
  type Account,
  account,
  cardBundle,
  headOf,
  keepAccount,
  keyOf,
  LIFETIME_S,
  prekeysOf,
  receiptBundle,
  refreshed,
  signed,
} from "./account.ts";
import {
  box,
  type Challenge,
  type Inbox,
  type InboxItem,
  isRefused,
  type Submitted,
  UnreachableError,
} from "./box.ts";
import { bytesToHex, fromBase64, hexToBytes, nowS, random, toBase64 } from "./bytes.ts";
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
  keepConversation,
  keepEntries,
  learnCard,
  STATES,
  type State,
} from "./contacts.ts";
import { keep, kept } from "./shelf.ts";

/** Another is asked to begin anew so often at most. */
const RENEW_EVERY_S = 600;
const MAX_RECEIPTS = 32;
const MAX_IDS = 100;
const MAX_SEEN = 3_000;
/** What is refused for these reasons may be taken later. */
const LATER = ["slow-down", "full", "quota", "consent", "unknown-station"];

export type Trouble = "unreachable" | "consent" | "refused";

/**
 * Sends and takes in what this person and others write. Everything is kept before it goes out, and before it is acknowledged: the page may be
 * closed at any moment.
 */
export class Messenger {
  /** Why nothing goes out, or undefined. */
  trouble: Trouble | undefined;
  private isBusy = false;
  private isAsked = false;

  /** @param changed what is shown may have changed */
  constructor(private readonly changed: () => void) {}

  /** Writes to somebody: kept now, sent as soon as it can be. */
  write(key: string, text: string, image?: Uint8Array, replyTo?: string): void {
    const entry: Entry = {
      ...{ id: `new-${bytesToHex(random(8))}`, isMine: true, text, atS: nowS(), state: "unsent" },
      ...(image === undefined ? {} : { image: toBase64(image) }),
      ...(replyTo === undefined ? {} : { replyTo }),
    };
    keepEntries(key, [...entries(key), entry]);
    changeContact(key, { lastS: nowS() });
    this.changed();
    void this.send();
  }

  /** Hands everything that waits here to the box, one after the other; the rest is tried again at the next occasion. */
  async send(): Promise<void> {
    if (this.isBusy) {
      this.isAsked = true;
      return;
    }
    this.isBusy = true;
    try {
      do {
        this.isAsked = false;
        await this.sendAll();
      } while (this.isAsked);
      this.trouble = undefined;
    } catch (error) {
      if (error instanceof Held) this.trouble = error.trouble;
      else if (error instanceof UnreachableError) this.trouble = "unreachable";
      else throw error;
    } finally {
      this.isBusy = false;
      this.changed();
    }
  }

  /** Takes in what has come. @param challenge for the proof; the box is asked for one where there is none */
  async receive(challenge?: Challenge): Promise<void> {
    const me = account();
    if (me === undefined) return;
    try {
      let given = challenge ?? (await box.challenge());
      for (;;) {
        const inbox = await box.inbox(...(await this.proof(given)));
        if (isRefused(inbox)) return;
        this.takeIn(inbox);
        if (inbox.items.length === 0) break;
        given = inbox;
      }
      await this.lookAfter();
      this.trouble = undefined;
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      this.trouble = "unreachable";
    }
    this.changed();
    await this.send();
  }

  /** Key, proof and place for the next question to this box. @throws {UnreachableError} */
  async proof({ box: boxKey, challenge }: Challenge): Promise<[Uint8Array, Uint8Array, number]> {
    const me = account();
    if (me === undefined) throw new UnreachableError("no account");
    const key = keyOf(me);
    const after = kept<number>(`after.${bytesToHex(boxKey)}`) ?? 0;
    this.present = bytesToHex(boxKey);
    const request = { box: boxKey, key: key.publicKey, after };
    return [key.publicKey, makeInboxProof(request, challenge, key.sign), after];
  }

  /** The box that this page talks to. */
  private present = "";

  /** @returns whether there was anything */
  takeIn(inbox: Inbox): void {
    const arrived = new Map<string, string[]>();
    for (const item of inbox.items) {
      const from = this.takeItem(item);
      if (from !== undefined) arrived.set(from.key, [...(arrived.get(from.key) ?? []), from.id]);
      keep(`after.${bytesToHex(inbox.box)}`, item.order);
    }
    const me = account();
    if (me === undefined) return;
    for (const [key, ids] of arrived) {
      for (let at = 0; at < ids.length; at += MAX_RECEIPTS) {
        queue(receiptBundle(me, hexToBytes(key), ids.slice(at, at + MAX_RECEIPTS)));
      }
    }
    this.changed();
  }

  /** Tells that what is shown was read, and marks it as read here. */
  markRead(key: string): void {
    if (contact(key).unread === 0) return;
    changeContact(key, { unread: 0 });
    const unread = entries(key).filter(({ isUnread }) => isUnread === true);
    changeEntries(key, ({ isUnread, ...entry }) => entry);
    const of = unread.map(({ id }) => id).slice(-MAX_RECEIPTS);
    if (of.length === 0 || needsCard(conversation(key))) return;
    queue(this.sealed(key, { kind: "read", of }).bundle);
    void this.send();
  }

  /** Newest card of somebody, from the box where it can be asked. */
  async card(key: string): Promise<Card | undefined> {
    const bytes = await box.card(hexToBytes(key)).catch((error: unknown) => {
      if (!(error instanceof UnreachableError)) throw error;
      return undefined;
    });
    const found = bytes === undefined ? undefined : learnCard(bytes);
    return found?.key === key ? found : cardOf(contact(key));
  }

  private async sendAll(): Promise<void> {
    const before = account();
    if (before === undefined) return;
    const me = refreshed(before);
    if (me !== before) keepAccount(me);
    await this.publish(me);
    for (let bundle = queued()[0]; bundle !== undefined; bundle = queued()[0]) {
      held(await box.submit(fromBase64(bundle)));
      keep("queue", queued().slice(1));
    }
    for (const { key } of contacts()) await this.sendTo(key);
  }

  /** Leaves the person's card at a box that does not have it. */
  private async publish(me: Account): Promise<void> {
    if (this.present === "" || me.cardAt.includes(this.present)) return;
    held(await box.submit(cardBundle(me)));
    const now = account();
    if (now?.version === me.version)
      keepAccount({ ...now, cardAt: [...now.cardAt, this.present].slice(-50) });
  }

  private async sendTo(key: string): Promise<void> {
    const waiting = entries(key).filter(({ state }) => state === "unsent");
    for (const { id } of waiting) {
      const entry = entries(key).find((one) => one.id === id);
      if (entry === undefined) continue;
      if (entry.bundle === undefined && needsCard(conversation(key)) && (await this.card(key)) === undefined)
        return;
      const ready = entry.bundle === undefined ? this.sealEntry(key, entry) : entry;
      const answer = await box.submit(fromBase64(ready.bundle ?? ""));
      const isTaken = "state" in answer && answer.state !== "refused";
      if (!isTaken && isForLater(answer)) throw new Held(answer);
      const { bundle, ...sent } = ready;
      changeEntries(key, (one) =>
        one.id === ready.id ? { ...sent, state: isTaken ? "waiting" : "failed" } : one,
      );
      this.changed();
    }
  }

  private sealEntry(key: string, entry: Entry): Entry {
    const { id, text, image, replyTo } = entry;
    const reply = replyTo === undefined || replyTo.startsWith("new-") ? {} : { replyTo };
    const body: SealedBody =
      image === undefined || image === ""
        ? { kind: "text", text, ...reply }
        : { kind: "photo", image: fromBase64(image), text, ...reply };
    const { bundle, bundleId } = this.sealed(key, body);
    const ready: Entry = { ...entry, id: bundleId, bundle: toBase64(bundle) };
    changeEntries(key, (one) => (one.id === id ? ready : one));
    return ready;
  }

  /** Seals and signs. The session's next state is kept before what was sealed goes anywhere. */
  private sealed(key: string, body: SealedBody): { bundle: Uint8Array; bundleId: string } {
    const me = accountKey();
    const head = headOf(me, "direct", { kind: "person", key: hexToBytes(key) }, LIFETIME_S);
    const sealed = seal(me, conversation(key), head, body, random, cardOf(contact(key)));
    keepConversation(key, sealed.conversation);
    const unsigned = { ...head, body: sealed.sealed };
    return { bundle: signed(me, head, sealed.sealed), bundleId: bundleId(unsigned) };
  }

  /** @returns whose receipt is due, and for what */
  private takeItem({ bundle: bytes, ageS }: InboxItem): { key: string; id: string } | undefined {
    const bundle = readBundle(bytes);
    const me = account();
    if (bundle === undefined || me === undefined || bundle.sender.as !== "person") return undefined;
    const id = bundleId(bundle);
    const key = bytesToHex(bundle.sender.key);
    if (seen().includes(id) || contact(key).isBlocked) return undefined;
    const isForMe =
      bundle.to.kind === "person" && bytesToHex(bundle.to.key) === bytesToHex(keyOf(me).publicKey);
    if (!isForMe) return undefined;
    if (bundle.kind === "receipt") this.takeReceipt(key, bundle);
    else if (bundle.kind !== "direct" || !this.takeMessage(me, key, id, bundle, ageS)) return undefined;
    keep("seen", [...seen(), id].slice(-MAX_SEEN));
    return bundle.kind === "direct" ? { key, id } : undefined;
  }

  private takeReceipt(key: string, bundle: Bundle): void {
    try {
      const { state, of } = decodeBody("receipt", bundle.body);
      if (state === "delivered" || state === "read") this.advance(key, of, state);
    } catch (error) {
      console.warn("a receipt was left out", error);
    }
  }

  /** @returns whether it is here */
  private takeMessage(me: Account, key: string, id: string, bundle: Bundle, ageS: number): boolean {
    try {
      const { body, ...head } = bundle;
      const opened = open(keyOf(me), prekeysOf(me), conversation(key), head, body, random);
      this.takeBody(key, id, opened.body, ageS);
      // After what was said: should the page end between the two, it is opened once more, and known by its id.
      keepConversation(key, opened.conversation);
      if (opened.body.kind === "renew") this.sendAgain(key);
      return true;
    } catch (error) {
      if (!(error instanceof SealedError)) throw error;
      if (error.problem === "lost") this.askToRenew(key, bundle.body);
      return error.problem === "repeated";
    }
  }

  private takeBody(key: string, id: string, body: SealedBody, ageS: number): void {
    if (body.kind === "renew") return;
    if (body.kind === "read") {
      this.advance(key, body.of, "read");
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
    if (contact(key).name === "") void this.card(key).then(() => this.changed());
  }

  /** Something could not be opened: keys were lost on this side. */
  private askToRenew(key: string, lost: Uint8Array): void {
    keepConversation(key, asStale(conversation(key), lost));
    if (nowS() - contact(key).renewedS < RENEW_EVERY_S) return;
    changeContact(key, { renewedS: nowS() });
    void this.card(key).then((card) => {
      if (card === undefined) return;
      queue(this.sealed(key, { kind: "renew" }).bundle);
      return this.send();
    });
  }

  /** What the other has not said to have is sealed once more, for what was sealed before is lost to them. */
  private sendAgain(key: string): void {
    const since = nowS() - LIFETIME_S;
    changeEntries(key, (entry) => {
      if (!entry.isMine || entry.atS < since || isAtLeast(entry.state, "delivered")) return entry;
      const { bundle, ...rest } = entry;
      return { ...rest, id: `new-${bytesToHex(random(8))}`, state: "unsent" };
    });
  }

  /** How far one's own have come, as the box knows. */
  private async lookAfter(): Promise<void> {
    const underway = contacts().flatMap(({ key }) =>
      entries(key)
        .filter(({ state }) => isAtLeast(state, "waiting") && !isAtLeast(state, "delivered"))
        .map(({ id }) => ({ key, id })),
    );
    const latest = underway.slice(-MAX_IDS);
    if (latest.length === 0) return;
    for (const { id, state, etaSeconds } of await box.deliveries(latest.map((one) => one.id))) {
      const key = latest.find((one) => one.id === id)?.key;
      const known = STATES.find((one) => one === state);
      if (key !== undefined && known !== undefined) this.advance(key, [id], known, etaSeconds);
    }
  }

  private advance(key: string, of: readonly string[], state: State, etaSeconds?: number): void {
    changeEntries(key, (entry) => {
      if (!entry.isMine || !of.includes(entry.id) || isBehind(state, entry.state)) return entry;
      const { etaSeconds: _, ...rest } = entry;
      return { ...rest, state, ...(etaSeconds === undefined ? {} : { etaSeconds }) };
    });
  }
}

/** The box takes nothing now. */
class Held extends Error {
  readonly trouble: Trouble;
  constructor(answer: Submitted) {
    super("the box takes nothing now");
    this.trouble = "refused" in answer && answer.refused === "consent" ? "consent" : "refused";
  }
}

/** @throws {Held} where it may be taken later; what will never be taken is given up */
function held(answer: Submitted): void {
  if (isForLater(answer)) throw new Held(answer);
}

function isForLater(answer: Submitted): boolean {
  if ("refused" in answer) return LATER.includes(answer.refused);
  return answer.state === "refused" && LATER.includes(answer.reason);
}

const isAtLeast = (state: State | undefined, least: State): boolean =>
  state !== undefined && STATES.indexOf(state) >= STATES.indexOf(least);
const isBehind = (state: State, than: State | undefined): boolean =>
  than !== undefined && state !== than && isAtLeast(than, state);

const queued = (): string[] => kept<string[]>("queue") ?? [];
const queue = (bundle: Uint8Array): void => keep("queue", [...queued(), toBase64(bundle)]);
const seen = (): string[] => kept<string[]>("seen") ?? [];

function readBundle(bytes: Uint8Array): Bundle | undefined {
  try {
    const bundle = decodeBundle(bytes);
    return verifyBundle(bundle, verifyBy) ? bundle : undefined;
  } catch (error) {
    console.warn("a bundle was left out", error);
    return undefined;
  }
}

function accountKey(): PersonKey {
  const me = account();
  if (me === undefined) throw new Error("there is no account");
  return keyOf(me);
}
