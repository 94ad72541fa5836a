import type { LinkAddress } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import type { BundleId, Kind, Priority } from "../bundle/bundle.ts";
import type { KeyHash } from "./bundle-form.ts";
import type { FullKeys } from "./bundle-head.ts";
import { remember } from "./forget-oldest.ts";
import { type Fingerprint, type IdTag, MAX_IDS, type ShortId, shortIdOf, tagOf } from "./items.ts";

/** What LoRa does with a bundle in custody. */
export interface Carried {
  readonly id: BundleId;
  readonly short: ShortId;
  readonly kind: Kind;
  /** As it says itself, or as urgent as what is taken nowhere without it; see `vouching.ts`. */
  priority: Priority;
  readonly senderHash: KeyHash;
  /** Whom it is for, if it is one person. */
  readonly person: Uint8Array | undefined;
  /** The box that brought it to LoRa. */
  readonly origin: LinkAddress;
  readonly sinceMs: number;
  /** On the air, about. */
  readonly airBytes: number;
  /** Neighbours that have it, by their own word. */
  readonly has: Set<LinkAddress>;
  /** Neighbours that have most likely heard it. */
  readonly believed: Set<LinkAddress>;
  /** Neighbours that were heard to send it to everyone. */
  readonly heardFrom: Set<LinkAddress>;
  /** Whether it may be left to others who reach all that hear this box: once, and not by whoever repeats it first. */
  mayBeLeft: boolean;
  /** Neighbours that have it from this box or from nobody, by what was known when it went. */
  dependents: readonly LinkAddress[];
  /** How often it was time to ask them whether they have it. */
  questions: number;
  /** When that was last. */
  lookedAtMs: number;
  /** Its form on the air, once it has been made; see `bundle-form.ts`. */
  form: Uint8Array | undefined;
  /** When it was last repeated because somebody asked; see `asked-air.ts`. */
  repeatedAtMs: number;
  /** A neighbour has asked for it, or is known to lack it. */
  isAskedFor: boolean;
  /** Neighbours that did not take it, or gave it back. */
  readonly refusedBy: Set<LinkAddress>;
  /** It goes to whoever hears it, though it is for one person: nobody knows where they are. */
  isSought: boolean;
  /** Which keys are whole in it on the air; undefined: it has not gone, and has not come by LoRa. */
  full: FullKeys | undefined;
  /** When it is to go next; undefined: nothing is to be done now. */
  dueMs: number | undefined;
  /** The neighbour that is to take it further, from when it was sent there until it says that it has it. */
  awaited: LinkAddress | undefined;
  /** Since when no path to its recipient is known. */
  strandedMs: number | undefined;
  /** How many boxes had handed it on when it came here last. */
  hops: number;
  /** How often it came back. */
  returns: number;
  /** How often it has gone. */
  sent: number;
  /** Times in a row that it was not answered. */
  tries: number;
  /** Whether it must be asked first if it is wanted: after a restart it may have gone already. */
  isDoubtful: boolean;
  /** Another box has it that is nearer to its recipient, or it is there. */
  isHandedOn: boolean;
  /** The neighbour that has taken it further. */
  takenBy: LinkAddress | undefined;
}

/** For everyone: in the digests that neighbours compare. */
export const isForAll = ({ person }: Carried): boolean => person === undefined;

/** More are not carried: LoRa could not bring so many anywhere within their lifetime. */
export const MAX_CARRIED = 8_192;
/** Of those that are in custody and are not carried, so many are remembered. */
const MAX_LEFT_OUT = 65_536;
/** Of what is in custody and not carried, and of what was here, so many are known by two bytes, which tell no more apart. */
export const MOST_TOLD_APART = 512;

/** The bundles that LoRa carries, by id: where there are too many, the most urgent. */
export class Stock {
  private readonly byId = new Map<BundleId, Carried>();
  private readonly byShort = new Map<ShortId, Carried>();
  private readonly byTag = new Map<IdTag, readonly Carried[]>();
  /** In custody, and not carried for want of room: they are not asked for. */
  private readonly leftOut = new Set<ShortId>();
  private readonly leftOutLately = new Set<IdTag>();
  /** Those with a time at which they are due. */
  readonly waiting = new Set<Carried>();

  get size(): number {
    return this.byId.size;
  }

  get isFull(): boolean {
    return this.byId.size >= MAX_CARRIED;
  }

  /** How many more can be carried, if some are in custody that are not. */
  get roomForLeftOut(): number {
    return this.leftOut.size > 0 ? MAX_CARRIED - this.byId.size : 0;
  }

  /** Where it is full, the least urgent gives way. @returns whether this one is carried */
  add(carried: Carried): boolean {
    if (this.isFull) {
      const least = this.leastUrgent();
      if (!least || !isBefore(carried, least)) {
        this.leaveOut(carried.short);
        return false;
      }
      this.remove(least.id);
      this.leaveOut(least.short);
    }
    this.leftOut.delete(carried.short);
    this.byId.set(carried.id, carried);
    this.byShort.set(carried.short, carried);
    const tag = tagOf(carried.short);
    this.byTag.set(tag, [...(this.byTag.get(tag) ?? []), carried]);
    return true;
  }

  /** Whether it is in custody here, carried or not. */
  isHeld(short: ShortId): boolean {
    return this.byShort.has(short) || this.leftOut.has(short);
  }

  /** It is in custody, and there is no room for it. */
  leaveOut(short: ShortId): void {
    remember(this.leftOut, short, MAX_LEFT_OUT);
    remember(this.leftOutLately, tagOf(short), MOST_TOLD_APART);
  }

  get(id: BundleId): Carried | undefined {
    return this.byId.get(id);
  }

  byShortId(short: ShortId): Carried | undefined {
    return this.byShort.get(short);
  }

  /** Those whose ids begin so, the newest last. */
  tagged(tag: IdTag): readonly Carried[] {
    return this.byTag.get(tag) ?? [];
  }

  /** Whether one of the newest of those that are in custody and not carried has an id that begins so. */
  wasLeftOutLately(tag: IdTag): boolean {
    return this.leftOutLately.has(tag);
  }

  /** It is not in custody any more. */
  remove(id: BundleId): void {
    this.leftOut.delete(shortIdOf(id));
    const carried = this.byId.get(id);
    if (!carried) return;
    this.byId.delete(id);
    this.waiting.delete(carried);
    if (this.byShort.get(carried.short) === carried) this.byShort.delete(carried.short);
    const tag = tagOf(carried.short);
    const rest = this.tagged(tag).filter((other) => other !== carried);
    if (rest.length > 0) this.byTag.set(tag, rest);
    else this.byTag.delete(tag);
  }

  all(): Iterable<Carried> {
    return this.byId.values();
  }

  plan(carried: Carried, dueMs: number | undefined): void {
    carried.dueMs = dueMs;
    if (dueMs === undefined) this.waiting.delete(carried);
    else this.waiting.add(carried);
  }

  fingerprint(prefix = ""): Fingerprint {
    let count = 0;
    let sum = 0;
    for (const carried of this.forAll(prefix)) {
      count += 1;
      sum = (sum + restOf(carried.id)) % 2 ** 32;
    }
    return { count, sum };
  }

  /** Of each of the sixteen parts of a prefix, 16 bits. */
  parts(prefix: string): number[] {
    return Array.from(
      { length: 16 },
      (_, digit) => this.fingerprint(prefix + digit.toString(16)).sum & 0xffff,
    );
  }

  /** Bundles for everyone whose ids begin so. */
  forAll(prefix: string): Carried[] {
    return [...this.byId.values()].filter((carried) => isForAll(carried) && carried.id.startsWith(prefix));
  }

  private leastUrgent(): Carried | undefined {
    let least: Carried | undefined;
    for (const carried of this.byId.values()) if (!least || isBefore(least, carried)) least = carried;
    return least;
  }

  /** Whether all of a prefix can be said in one list. */
  fitsList(prefix: string): boolean {
    return this.forAll(prefix).length <= MAX_IDS / 2;
  }
}

/** Whether one has more need of its place than another: it is more urgent, or the other has gone on already. */
const isBefore = (one: Carried, other: Carried): boolean =>
  rankOf(one.priority) < rankOf(other.priority) ||
  (one.priority === other.priority && !one.isHandedOn && other.isHandedOn);

/** Digits of an id that its short form has not: who forges the one has not the other. */
const restOf = (id: BundleId): number => Number.parseInt(id.slice(8, 16), 16);

export const carriedOf = (
  id: BundleId,
  of: Pick<Carried, "kind" | "priority" | "senderHash" | "person" | "origin" | "sinceMs" | "airBytes">,
): Carried => ({
  ...of,
  id,
  short: shortIdOf(id),
  has: new Set(),
  believed: new Set(),
  heardFrom: new Set(),
  mayBeLeft: true,
  dependents: [],
  questions: 0,
  lookedAtMs: Number.NEGATIVE_INFINITY,
  form: undefined,
  refusedBy: new Set(),
  repeatedAtMs: Number.NEGATIVE_INFINITY,
  isAskedFor: false,
  isSought: false,
  full: undefined,
  dueMs: undefined,
  awaited: undefined,
  strandedMs: undefined,
  hops: 0,
  returns: 0,
  sent: 0,
  tries: 0,
  isDoubtful: false,
  isHandedOn: false,
  takenBy: undefined,
});
