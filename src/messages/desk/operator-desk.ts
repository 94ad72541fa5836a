import { fingerprint } from "../../identity/index.ts";
import type { NoticeLevel, ReceiptState } from "../bundle/bodies.ts";
import { type Bundle, BundleError, type BundleId, ID_BYTES, type Kind } from "../bundle/bundle.ts";
import { encodeBundle, isSigned } from "../bundle/bundle-codec.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import { FolderError } from "../sync/bundle-folder.ts";
import type { BundleMaker } from "./bundle-maker.ts";
import { notSent } from "./guest-forms.ts";
import type { NotSent } from "./guest-messages.ts";
import type { MessagesStatus, OperatorMessages, OutboxEntry, Reported } from "./operator-messages.ts";
import type { PublicPages } from "./public-pages.ts";

/** What the operator's desk needs of the carriers. */
export interface Carriers {
  neighbours(): MessagesStatus["neighbours"];
  outbox(): OutboxEntry[];
  outboxStatus(): MessagesStatus["outbox"];
  exportTo(folder: string): Promise<{ written: number }>;
  importFrom(folder: string): Promise<{ taken: number; known: number; refused: number }>;
}

export interface OperatorDeskOptions {
  store: BundleStore;
  pages: PublicPages;
  maker: BundleMaker;
  carriers: Carriers;
  /** Something for the journal. */
  told: (kind: string, subject: string, detail?: Record<string, unknown>) => void;
}

const STATION = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/;
const KEY = /^[0-9a-f]{64}$/;
/** Four digits at least: a name of the word list has other letters than these, or is shorter. */
const ID = /^(?=.*\d)[0-9a-f]{4,24}$/;
const FULL_ID_DIGITS = ID_BYTES * 2;
const PUBLIC_KINDS: readonly Kind[] = ["sos", "check-in", "post", "notice", "card", "photo"];

/** What an operator does with messages. What they say to everybody is signed by the box. */
export class OperatorDesk implements OperatorMessages {
  constructor(private readonly options: OperatorDeskOptions) {}

  status(): MessagesStatus {
    const { store, carriers } = this.options;
    const open = this.sosBoard();
    return {
      ...store.usage(),
      neighbours: carriers.neighbours(),
      outbox: carriers.outboxStatus(),
      sos: { open: open.length, acknowledged: open.filter(({ state }) => state === "acknowledged").length },
    };
  }

  sosBoard(all = false) {
    return this.options.pages.sosBoard(all);
  }

  acknowledge(id: BundleId, note: string) {
    return this.answerSos(id, "acknowledged", note);
  }

  handOver(id: BundleId, to: string) {
    return this.answerSos(id, "handed-over", to);
  }

  close(id: BundleId, note: string) {
    return this.answerSos(id, "closed", note);
  }

  notices() {
    return this.options.pages.notices();
  }

  notify(level: NoticeLevel, text: string, lifetimeS: number): Promise<BundleId | NotSent> {
    const priority = level === "danger" ? "sos" : "check-in";
    const make = () =>
      this.options.maker.make(
        "notice",
        { level, text },
        { as: "box", to: { kind: "everyone" }, priority, lifetimeS },
      );
    return this.say(make, "notice", { level });
  }

  posts(room: string, before?: string) {
    return this.options.pages.posts(room, before);
  }

  checkIns(query: string, before?: string) {
    return this.options.pages.checkIns(query, before);
  }

  reported(): Reported[] {
    const { store, pages } = this.options;
    return store.moderation.reports().flatMap((reports) => {
      const text = pages.gist(reports.id);
      return text === undefined ? [] : { ...reports, text };
    });
  }

  async remove(prefix: BundleId, reason: string): Promise<BundleId | NotSent> {
    const id = this.findPublic(prefix);
    if (typeof id !== "string") return id;
    // No box takes another's call for help away.
    if (this.options.store.get(id)?.bundle.kind === "sos") return await this.close(id, reason);
    const make = () =>
      this.options.maker.make(
        "removal",
        { of: id, reason },
        { as: "box", to: { kind: "everyone" }, priority: "check-in" },
      );
    return await this.say(make, "removed", { of: id, reason });
  }

  async block(who: string): Promise<{ blocked: string } | NotSent> {
    const found = this.senderOf(who);
    if (typeof found !== "string") return found;
    await this.options.store.moderation.block(found);
    this.options.told("blocked", found);
    return { blocked: found };
  }

  async unblock(who: string): Promise<{ unblocked: string } | NotSent> {
    const tidy = who.trim().toLowerCase();
    const blocked = this.blocked().find((one) => one === tidy || wordsOf(one) === tidy);
    if (blocked === undefined) return { refused: "unknown", detail: `${who} is not blocked` };
    await this.options.store.moderation.unblock(blocked);
    this.options.told("unblocked", blocked);
    return { unblocked: blocked };
  }

  blocked(): string[] {
    return this.options.store.moderation.blocked();
  }

  outbox(): OutboxEntry[] {
    return this.options.carriers.outbox();
  }

  exportTo(folder: string): Promise<{ written: number } | NotSent> {
    return this.carry("messages-exported", folder, () => this.options.carriers.exportTo(folder));
  }

  importFrom(folder: string): Promise<{ taken: number; known: number; refused: number } | NotSent> {
    return this.carry("messages-imported", folder, () => this.options.carriers.importFrom(folder));
  }

  private async carry<T extends object>(
    kind: string,
    folder: string,
    carried: () => Promise<T>,
  ): Promise<T | NotSent> {
    try {
      const result = await carried();
      this.options.told(kind, folder, Object.fromEntries(Object.entries(result)));
      return result;
    } catch (error) {
      if (error instanceof FolderError) return { refused: "form", detail: error.message };
      throw error;
    }
  }

  private async answerSos(prefix: BundleId, state: ReceiptState, note: string): Promise<BundleId | NotSent> {
    const [sos, ...others] = this.options.store.queries.idsThatBegin(prefix, ["sos"], 2);
    if (sos === undefined || others.length > 0) return notFound("call for help", prefix, others.length);
    const make = () =>
      this.options.maker.make(
        "receipt",
        { state, of: [sos], note },
        { as: "box", to: { kind: "everyone" }, priority: "sos" },
      );
    const said = await this.say(make, `sos-${state}`, { of: sos, note });
    return typeof said === "string" ? sos : said;
  }

  private async say(
    make: () => Bundle,
    kind: string,
    detail: Record<string, unknown>,
  ): Promise<BundleId | NotSent> {
    let bundle: Bundle;
    try {
      bundle = make();
    } catch (error) {
      if (error instanceof BundleError) return { refused: "form", detail: error.message };
      throw error;
    }
    const taken = await this.options.store.take(encodeBundle(bundle), 0, { by: "self" });
    if (taken.state === "refused") return notSent(taken);
    this.options.told(kind, taken.id, detail);
    return taken.id;
  }

  /** A public bundle by its id or the first digits of it. */
  private findPublic(prefix: string): BundleId | NotSent {
    if (prefix.length === FULL_ID_DIGITS) {
      return this.options.store.get(prefix) ? prefix : notFound("message", prefix, 0);
    }
    const [id, ...others] = this.options.store.queries.idsThatBegin(prefix, PUBLIC_KINDS, 2);
    return id === undefined || others.length > 0 ? notFound("message", prefix, others.length) : id;
  }

  /** The key of a person, in hex, or a station's address; also of whoever wrote a public message, by the digits of its id. */
  private senderOf(who: string): string | NotSent {
    const tidy = who.trim().toLowerCase();
    if (STATION.test(tidy) || KEY.test(tidy)) return tidy;
    if (ID.test(tidy)) return this.writerOf(tidy);
    const { queries } = this.options.store;
    const kinds = ["post", "check-in", "sos", "card"] as const;
    const senders = kinds
      .flatMap((kind) => queries.ofKind(kind, undefined, 200).items)
      .filter(({ bundle }) => bundle.sender.as === "person")
      .map(({ bundle }) => Buffer.from(bundle.sender.key).toString("hex"));
    const matching = [...new Set(senders)].filter((key) => wordsOf(key) === tidy);
    const [key, ...others] = matching;
    return key === undefined || others.length > 0 ? notFound("person", who, others.length) : key;
  }

  private writerOf(prefix: string): string | NotSent {
    const id = this.findPublic(prefix);
    if (typeof id !== "string") return id;
    const held = this.options.store.get(id);
    // What is not signed may name anybody.
    const isTheirs = held !== undefined && held.bundle.sender.as === "person" && isSigned(held.bundle);
    if (isTheirs) return Buffer.from(held.bundle.sender.key).toString("hex");
    if (held?.source.by === "guest") return held.source.station;
    return {
      refused: "unknown",
      detail: `the message ${prefix} was written at another box, by somebody without a key`,
    };
  }
}

const wordsOf = (key: string): string => (KEY.test(key) ? fingerprint(Buffer.from(key, "hex")) : key);

const notFound = (what: string, asked: string, others: number): NotSent => ({
  refused: "unknown",
  detail: others > 0 ? `several have an id that begins with ${asked}` : `there is no such ${what}: ${asked}`,
});
