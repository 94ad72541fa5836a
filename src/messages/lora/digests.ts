import type { LinkAddress } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import type { LoraContext } from "./context.ts";
import { remember } from "./forget-oldest.ts";
import { Gaps } from "./gaps.ts";
import {
  type AskItem,
  type AskRecentItem,
  type Fingerprint,
  hopTagOf,
  type IdTag,
  type ListItem,
  MAX_IDS,
  MAX_PREFIX,
  type PartsItem,
  type RecentItem,
  type ShortId,
  tagOf,
} from "./items.ts";
import { Namings } from "./namings.ts";
import { MOST_TOLD_APART } from "./stock.ts";

/** While so much comes all boxes differ, and what differs comes by itself. */
const QUIET_MS = 30_000;
/** Where bundles have waited so long for the air, what differs comes by itself, and to compare would only take more of it. */
const BUSY_AFTER_FRAMES = 20;
/** But where that does not end it is compared all the same: for a while, once in each such time. */
const BUSY_MS = 3_600_000;
const COMPARED_MS = 600_000;
const MOST_GONE = 8_192;
const TAG_BYTES = 2;
const ID_BYTES = 4;
/** What is named may be on its way by others, while what a list shows is not. */
const PACE_SHARE = 0.5;
const MOST_COMPARED = 64;
/** How long lists of a part are awaited, from when it was named in a comparison. */
const OPEN_MS = 10 * 60_000;
const MOST_OPEN = 512;
/** What is said about one part, about. */
const COMPARE_BYTES = 50;

/**
 * Finds what is for everyone and did not come: neighbours name what they had lately, and compare all that they have part by
 * part when that differs. Part by part costs in proportion to the difference (as range-based set reconciliation: Meyer,
 * "Range-Based Set Reconciliation", SRDS 2023), and all neighbours that hear it take part.
 */
export class Digests {
  private readonly namings: Namings;
  /** What is missing here that neighbours have named, and that lists have shown. */
  private readonly named: Gaps<IdTag>;
  private readonly listed: Gaps<ShortId>;
  private readonly gone = new Set<ShortId>();
  private readonly goneLately = new Set<IdTag>();
  /** Parts that are to be told, by the prefix of their ids, and when. */
  private readonly compares = new Map<string, number>();
  /** Parts that are compared here now, by the prefix of their ids, and until when: only lists of these are answered. */
  private readonly opened = new Map<string, number>();
  private lastNewMs = Number.NEGATIVE_INFINITY;
  private comparedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly context: LoraContext) {
    this.namings = new Namings(context);
    this.named = new Gaps(context, TAG_BYTES, PACE_SHARE);
    this.listed = new Gaps(context, ID_BYTES, 0);
  }

  /** It is here now. */
  onCame(short: ShortId): void {
    this.lastNewMs = this.context.nowMs;
    this.forgetGap(short);
    this.gone.delete(short);
    this.namings.add(short);
  }

  /** It is named to neighbours, as what has come is: one may lack it that no comparison finds. */
  name(short: ShortId): void {
    this.namings.addWhereRoom(short);
  }

  /** It is not in custody any more, and need not come again: others may have it still. */
  onGone(short: ShortId): void {
    this.forgetGap(short);
    this.namings.forget(short);
    remember(this.gone, short, MOST_GONE);
    remember(this.goneLately, tagOf(short), MOST_TOLD_APART);
  }

  isGone(short: ShortId): boolean {
    return this.gone.has(short);
  }

  /** It was not taken, and need not be asked for again. */
  onRefused(short: ShortId): void {
    this.forgetGap(short);
  }

  onRecent(from: LinkAddress, tags: readonly IdTag[]): void {
    const { stock } = this.context;
    const missing: IdTag[] = [];
    for (const tag of tags) {
      const [carried, ...others] = stock.tagged(tag);
      if (!carried) missing.push(tag);
      // Two bytes may mean another: a call for help that nobody has is not given up for them.
      else if (others.length === 0 && (carried.has.size > 0 || carried.priority !== "sos"))
        this.context.noteHas(from, carried);
    }
    if (missing.length === 0) return;
    const isKnown = (tag: IdTag) => this.goneLately.has(tag) || stock.wasLeftOutLately(tag);
    this.named.note(
      missing.filter((tag) => !isKnown(tag)),
      from,
    );
  }

  /** Another box asks for these, and all will hear the answer. */
  onOthersWant(item: AskItem | AskRecentItem): void {
    if (item.kind === "want-recent") this.named.onOthersAsk(item.tags);
    else this.listed.onOthersAsk(item.ids);
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
    this.onListed(from, ids);
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
    return Math.min(this.namings.nextMs, this.named.nextMs, this.listed.nextMs, ...this.compares.values());
  }

  /** What is named, see {@link Namings.next}. */
  recent(isAlone: boolean, goingOn: ReadonlySet<ShortId>, most: number): RecentItem | undefined {
    const ids = this.namings.next(isAlone, goingOn, most);
    return ids.length > 0 ? { kind: "recent", tags: ids.map(tagOf) } : undefined;
  }

  /** Questions for what is missing, to each neighbour that has it. */
  wants(): (AskItem | AskRecentItem)[] {
    return [
      ...this.named
        .due()
        .map(
          ({ holder, names }): AskRecentItem => ({ kind: "want-recent", of: hopTagOf(holder), tags: names }),
        ),
      ...this.listed
        .due()
        .map(({ holder, names }): AskItem => ({ kind: "want", of: hopTagOf(holder), ids: names })),
    ];
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

  onSaid(item: RecentItem | AskItem | AskRecentItem | PartsItem | ListItem): void {
    if (item.kind === "recent") this.namings.onNamed(item.tags, this.isBusy);
    if (item.kind === "want") this.listed.onAsked(item.ids);
    if (item.kind === "want-recent") this.named.onAsked(item.tags);
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

  /** All of a list; what it lacks is not looked at here. */
  private onListed(from: LinkAddress, ids: readonly ShortId[]): void {
    const { stock } = this.context;
    const missing: ShortId[] = [];
    for (const id of ids) {
      const carried = stock.byShortId(id);
      if (carried) this.context.noteHas(from, carried);
      else if (!this.gone.has(id) && !stock.isHeld(id)) missing.push(id);
    }
    this.listed.note(missing, from);
  }

  private forgetGap(short: ShortId): void {
    this.listed.forget(short);
    this.named.forget(tagOf(short));
  }

  private compareLater(from: LinkAddress, prefix: string, waitMs: number): void {
    if (this.compares.has(prefix) || this.compares.size >= MOST_COMPARED) return;
    if (!this.context.asked.grants(from, COMPARE_BYTES)) return;
    this.open(prefix);
    this.compares.set(prefix, this.context.nowMs + waitMs);
  }
}
