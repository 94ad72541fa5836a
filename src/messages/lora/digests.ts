import type { LinkAddress } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import type { LoraContext } from "./context.ts";
import {
  type AskItem,
  type Fingerprint,
  hopTagOf,
  type IdsItem,
  type ListItem,
  MAX_IDS,
  MAX_PREFIX,
  type PartsItem,
  type ShortId,
} from "./items.ts";
import { Namings } from "./namings.ts";

/** While so much comes all boxes differ, and what differs comes by itself. */
const QUIET_MS = 30_000;
/** Where bundles have waited so long for the air, what differs comes by itself, and to compare would only take more of it. */
const BUSY_AFTER_FRAMES = 20;
/** But where that does not end it is compared all the same: for a while, once in each such time. */
const BUSY_MS = 3_600_000;
const COMPARED_MS = 600_000;
const MOST_GAPS = 256;
const MOST_GONE = 8_192;
const MOST_COMPARED = 64;
const MOST_TRIES = 6;
/** Of one holder, in one question. */
const MOST_WANTED = 12;
/** How long lists of a part are awaited, from when it was named in a comparison. */
const OPEN_MS = 10 * 60_000;
const MOST_OPEN = 512;
/** What is said about one part, about. */
const COMPARE_BYTES = 50;
const WANT_BYTES = 5;
const ID_BYTES = 4;
const GRANTED_TRIES = 3;

interface Gap {
  holder: LinkAddress;
  dueMs: number;
  tries: number;
}

/**
 * Finds what is for everyone and did not come: neighbours name what they had lately, and compare all that they have part by
 * part when that differs. Part by part costs in proportion to the difference (as range-based set reconciliation: Meyer,
 * "Range-Based Set Reconciliation", SRDS 2023), and all neighbours that hear it take part.
 */
export class Digests {
  private readonly namings: Namings;
  private readonly gaps = new Map<ShortId, Gap>();
  private readonly gone = new Set<ShortId>();
  /** Parts that are to be told, by the prefix of their ids, and when. */
  private readonly compares = new Map<string, number>();
  /** Parts that are compared here now, by the prefix of their ids, and until when: only lists of these are answered. */
  private readonly opened = new Map<string, number>();
  private lastNewMs = Number.NEGATIVE_INFINITY;
  private comparedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: LoraContext) {
    this.namings = new Namings(context);
  }

  /** It is here now. */
  onCame(short: ShortId): void {
    this.lastNewMs = this.context.nowMs;
    this.gaps.delete(short);
    this.gone.delete(short);
    this.namings.add(short);
  }

  /** It is named to neighbours, as what has come is: one may lack it that no comparison finds. */
  name(short: ShortId): void {
    this.namings.addWhereRoom(short);
  }

  /** It is not in custody any more, and need not come again: others may have it still. */
  onGone(short: ShortId): void {
    this.gaps.delete(short);
    this.namings.forget(short);
    this.gone.add(short);
    for (const oldest of this.gone) {
      if (this.gone.size <= MOST_GONE) break;
      this.gone.delete(oldest);
    }
  }

  /** It was not taken, and need not be asked for again. */
  onRefused(short: ShortId): void {
    this.gaps.delete(short);
  }

  onRecent(from: LinkAddress, ids: readonly ShortId[]): void {
    const missing: ShortId[] = [];
    for (const id of ids) {
      const carried = this.context.stock.byShortId(id);
      if (carried) this.context.noteHas(from, carried);
      else if (!this.gaps.has(id) && !this.gone.has(id) && !this.context.stock.isHeld(id)) missing.push(id);
    }
    for (let at = 0; at < missing.length; at += MOST_WANTED)
      this.noteGaps(missing.slice(at, at + MOST_WANTED), from);
  }

  /** Another box asks for these, and all will hear the answer. */
  onOthersWant(ids: readonly ShortId[]): void {
    for (const id of ids) {
      const gap = this.gaps.get(id);
      if (gap) gap.dueMs = Math.max(gap.dueMs, this.context.nowMs + this.context.frames(5));
    }
  }

  onFingerprint(from: LinkAddress, { count, sum }: Fingerprint): void {
    const own = this.context.stock.fingerprint();
    if (own.count === count && own.sum === sum) this.context.neighbourhood.hasSame(from);
    else if (this.context.nowMs - this.lastNewMs > QUIET_MS && this.mayCompare())
      this.compareLater(from, "", this.context.frames(1, 6));
  }

  onParts(from: LinkAddress, { prefix, sums }: PartsItem): void {
    this.compares.delete(prefix);
    if (prefix.length >= MAX_PREFIX) return;
    const own = this.context.stock.parts(prefix);
    for (const [digit, sum] of sums.entries())
      if (own[digit] !== sum) this.compareLater(from, prefix + digit.toString(16), this.context.frames(1, 4));
  }

  /** All that a neighbour has of one part: what it lacks goes to it, what we lack is asked for. */
  onList(from: LinkAddress, { prefix, ids }: ListItem): void {
    if (!this.isOpen(prefix)) return;
    const { stock, asked } = this.context;
    const theirs = new Set(ids);
    let isSame = true;
    for (const id of theirs) if (!stock.isHeld(id)) isSame = false;
    this.onRecent(from, ids);
    // A list that is full may not be all.
    const lacking =
      ids.length >= MAX_IDS ? [] : stock.forAll(prefix).filter(({ short }) => !theirs.has(short));
    lacking.sort((a, b) => rankOf(a.priority) - rankOf(b.priority));
    for (const carried of lacking) {
      if (carried.dueMs === undefined && !asked.grantsAgain(from, carried)) continue;
      carried.believed.delete(from);
      carried.has.delete(from);
      carried.isAskedFor = true;
      if (carried.dueMs === undefined) stock.plan(carried, this.context.nowMs + this.context.frames(2, 6));
    }
    if (isSame && lacking.length === 0) this.compares.delete(prefix);
  }

  get isDue(): boolean {
    return this.nextMs <= this.context.nowMs;
  }

  /** When there is something to say next, in ms; Infinity: there is not. */
  get nextMs(): number {
    const gaps = [...this.gaps.values()].map(({ dueMs }) => dueMs);
    return Math.min(this.namings.nextMs, ...gaps, ...this.compares.values());
  }

  /** What is named, see {@link Namings.next}. */
  recent(isAlone: boolean, goingOn: ReadonlySet<ShortId>, most: number): IdsItem | undefined {
    const ids = this.namings.next(isAlone, goingOn, most);
    return ids.length > 0 ? { kind: "recent", ids } : undefined;
  }

  /** Questions for what is missing, to each neighbour that has it. */
  wants(): AskItem[] {
    const byHolder = new Map<LinkAddress, ShortId[]>();
    for (const [id, { holder, dueMs }] of this.gaps) {
      if (dueMs > this.context.nowMs) continue;
      const ids = byHolder.get(holder) ?? [];
      byHolder.set(holder, ids);
      if (ids.length < MOST_WANTED) ids.push(id);
    }
    return [...byHolder].map(([holder, ids]) => ({ kind: "want", of: hopTagOf(holder), ids }));
  }

  parts(): (PartsItem | ListItem)[] {
    const { stock, nowMs } = this.context;
    const due = [...this.compares].filter(([, atMs]) => atMs <= nowMs);
    if (due.length > 0 && !this.mayCompare()) {
      for (const [prefix] of due) this.compares.delete(prefix);
      return [];
    }
    return due.map(([prefix]) => {
      const isList = prefix !== "" && (stock.fitsList(prefix) || prefix.length >= MAX_PREFIX);
      if (!isList) return { kind: "parts", prefix, sums: stock.parts(prefix) };
      const ids = stock.forAll(prefix).map(({ short }) => short);
      return { kind: "list", prefix, ids: ids.slice(0, MAX_IDS) };
    });
  }

  onSaid(item: IdsItem | AskItem | PartsItem | ListItem): void {
    if (item.kind === "recent") this.namings.onNamed(item.ids, this.isBusy);
    if (item.kind === "want") this.onAsked(item.ids);
    if (item.kind !== "parts" && item.kind !== "list") return;
    this.compares.delete(item.prefix);
    this.open(item.prefix);
  }

  /** Whether bundles for everyone have waited for the air for long. */
  private get isBusy(): boolean {
    const { stock, nowMs, frameMs } = this.context;
    const sinceMs = nowMs - BUSY_AFTER_FRAMES * frameMs;
    return [...stock.waiting].some(({ person, dueMs = nowMs }) => person === undefined && dueMs < sinceMs);
  }

  /** Whether comparing takes air from nothing else, or it is its turn all the same. */
  private mayCompare(): boolean {
    const { nowMs } = this.context;
    if (nowMs < this.comparedUntilMs || !this.isBusy) return true;
    if (nowMs < this.comparedUntilMs + BUSY_MS - COMPARED_MS) return false;
    this.comparedUntilMs = nowMs + COMPARED_MS;
    return true;
  }

  private onAsked(ids: readonly ShortId[]): void {
    // What was asked for together is asked for again together.
    const waitMs = this.context.frames(8, 8);
    for (const id of ids) {
      const gap = this.gaps.get(id);
      if (!gap) continue;
      gap.tries += 1;
      gap.dueMs = this.context.nowMs + waitMs * 2 ** gap.tries;
      // Whoever named it cannot be heard, or has it no more: comparing finds it again.
      if (gap.tries >= MOST_TRIES) this.gaps.delete(id);
    }
  }

  /** Lists of this part are awaited, or of parts of it. */
  private open(prefix: string): void {
    this.opened.delete(prefix);
    this.opened.set(prefix, this.context.nowMs + OPEN_MS);
    for (const [oldest, untilMs] of this.opened) {
      if (this.opened.size <= MOST_OPEN && untilMs > this.context.nowMs) break;
      this.opened.delete(oldest);
    }
  }

  /** Whether it, or what it is a part of, is compared here; all at once never is. */
  private isOpen(prefix: string): boolean {
    const isNow = (part: string) => (this.opened.get(part) ?? 0) > this.context.nowMs;
    return prefix !== "" && (isNow(prefix) || isNow(prefix.slice(0, -1)));
  }

  /** As many as one question asks for. */
  private noteGaps(ids: readonly ShortId[], holder: LinkAddress): void {
    if (this.gaps.size + ids.length > MOST_GAPS) return;
    // It may have to be asked again.
    for (let time = 0; time < GRANTED_TRIES; time += 1)
      if (!this.context.asked.grants(holder, WANT_BYTES + ids.length * ID_BYTES)) return;
    const dueMs = this.context.nowMs + this.context.frames(1, 2);
    for (const id of ids) this.gaps.set(id, { holder, tries: 0, dueMs });
  }

  private compareLater(from: LinkAddress, prefix: string, waitMs: number): void {
    if (this.compares.has(prefix) || this.compares.size >= MOST_COMPARED) return;
    if (!this.context.asked.grants(from, COMPARE_BYTES)) return;
    this.open(prefix);
    this.compares.set(prefix, this.context.nowMs + waitMs);
  }
}
