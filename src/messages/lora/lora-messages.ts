import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { LinkAddress, MessageCode } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import { type Bundle, BundleError, type BundleId, type Priority } from "../bundle/bundle.ts";
import { bundleId, encodeBundle } from "../bundle/bundle-codec.ts";
import type { Custody, Held, Taken } from "../custody/custody.ts";
import { AirtimeRoom } from "./airtime-room.ts";
import type { BundleAir } from "./bundle-air.ts";
import { MAX_AIR_BYTES } from "./bundle-air.ts";
import { decodeForm, encodeForm, type FullKeys, keyHashOf, rebuild } from "./bundle-form.ts";
import {
  ARRIVED,
  type BundleItem,
  decodeFrame,
  encodeFrame,
  type HelloItem,
  type HopTag,
  hopTagOf,
  type Item,
  itemBytes,
  type ListItem,
  MAX_IDS,
  type PartsItem,
  type ShortId,
  shortIdOf,
} from "./frame.ts";
import { HelloPace } from "./hello-pace.ts";
import { Homes } from "./homes.ts";
import { KeyBook } from "./key-book.ts";
import { Neighbourhood, ONE_HOP } from "./neighbourhood.ts";
import { LoraFormError } from "./octets.ts";
import { relayOrder } from "./relays.ts";
import { Routes } from "./routes.ts";
import { type Carried, carriedOf, Stock } from "./stock.ts";

export interface LoraMessagesOptions {
  air: BundleAir;
  custody: Custody;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Pick<Logger, "debug">;
  /** Makes bodies shorter. */
  code?: MessageCode;
  /** Whether a box is in reach by something faster, which brings it everything; default: none is. */
  isLinked?: (address: LinkAddress) => boolean;
}

interface Arrival {
  from: LinkAddress;
  origin: LinkAddress;
  hops: number;
  isToUs: boolean;
  isToAll: boolean;
  full: FullKeys;
}

interface Flight {
  items: Item[];
  bundles: { carried: Carried; hop: LinkAddress | undefined }[];
  haves: ShortId[];
  recents: ShortId[];
  rank: number;
  airMs: number;
  cancel: () => void;
}

const HAVE_FRAMES = 0.8;
const ANSWER_FRAMES = 0.6;
const RELAY_FRAMES = 3;
const MAX_OFFERED = 20;
/** Of an offer, before its ids. */
const OFFER_BYTES = 4;
const MOST_OFFERS = 3;
const MOST_REPEATS = 8;
/** So many are named beside what goes anyway. */
const RECENT_BESIDE = 3;
const RECENT_AFTER_MS = 150_000;
const DEFAULT_FRAME_MS = 2_000;
const PRESSURE_WEIGHT = 0.1;
const PATIENCE = 6;
const REST_FRAMES = 5;
const REPEATED_HAVES = 6;
const QUIET_MS = 30_000;
const MAX_PENDING = 32;

export class LoraMessages {
  readonly neighbourhood: Neighbourhood;
  readonly routes: Routes;
  readonly homes = new Homes();
  readonly stock = new Stock();
  readonly keys = new KeyBook();
  private readonly pace: HelloPace;
  private readonly ownTag: HopTag;
  private readonly taking = new Map<BundleId, Arrival>();
  private readonly fullOf = new WeakMap<Carried, FullKeys>();
  private owed = new Map<ShortId, number>();
  /** Parts of what is for everyone that are to be said, by the prefix of their ids, and when. */
  private compares = new Map<string, number>();
  private differing = new Map<LinkAddress, number>();
  private lastNewMs = Number.NEGATIVE_INFINITY;
  private refusals = new Set<ShortId>();
  private recents = new Map<ShortId, number>();
  private asks: Item[] = [];
  private gaps = new Map<ShortId, { from: LinkAddress; dueMs: number; tries: number }>();
  private pending: { from: LinkAddress; item: BundleItem; sinceMs: number }[] = [];
  private isHelloDue = false;
  /** Somebody is near who has not heard our hellos. */
  private isNewAround = false;
  private seqno: number;
  private number = 0;
  private flights = new Set<Flight>();
  private cancelTimer = () => {};
  private ends: (() => void)[] = [];
  /** Share of what was sent lately that was not answered. */
  private pressure = 0;
  /** No bundle goes before then. */
  private restUntilMs = 0;
  /** Taken lately, and how often that is still said beside what goes anyway: an answer may be lost. */
  private readonly repeats = new Map<ShortId, number>();
  private readonly room = new AirtimeRoom();
  private blockedUntilMs = 0;
  /** Whoever handed these over leaves us the word until then. */
  private answering = new Set<ShortId>();
  private answerUntilMs = 0;
  readonly counts = {
    frames: 0,
    duplicates: 0,
    timeouts: 0,
    bundles: 0,
    spreads: 0,
    suppressed: 0,
    hellos: 0,
    haves: 0,
    wants: 0,
    compares: 0,
    returns: 0,
    taken: 0,
  };

  constructor(private readonly options: LoraMessagesOptions) {
    const { air, timers, random } = options;
    const nowMs = () => timers.monotonicMs();
    this.ownTag = hopTagOf(air.address);
    this.neighbourhood = new Neighbourhood(air.address, nowMs);
    this.routes = new Routes(air.address, nowMs, (address) => this.neighbourhood.cost(address));
    this.pace = new HelloPace(
      timers,
      random,
      () => this.frameMs,
      () => {
        this.isHelloDue = true;
        this.pump();
      },
    );
    this.seqno = Math.floor(random() * 256);
  }

  start(): void {
    const { air, custody } = this.options;
    this.ends = [
      air.onFrame((from, frame) => this.onFrame(from, frame)),
      custody.onNew((held) => this.carry(held)),
      custody.onGone((id) => this.stock.remove(id)),
    ];
    for (const id of custody.ids(MAX_AIR_BYTES)) {
      const held = custody.get(id);
      if (held) this.carry(held, true);
    }
    this.pace.start();
  }

  stop(): void {
    this.pace.stop();
    this.cancelTimer();
    for (const end of this.ends) end();
    for (const flight of this.flights) flight.cancel();
    this.flights.clear();
  }

  private get nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  private get frameMs(): number {
    const outlook = this.options.air.outlook();
    return outlook ? outlook.airtimeMs(outlook.frameBytes) : DEFAULT_FRAME_MS;
  }

  // --- what comes

  private onFrame(from: LinkAddress, bytes: Uint8Array): void {
    let frame: ReturnType<typeof decodeFrame>;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      if (error instanceof LoraFormError) return;
      throw error;
    }
    const wasSilent = this.neighbourhood.isSilent(from);
    if (this.neighbourhood.heard(from, frame.number)) {
      this.isNewAround = true;
      this.pace.hurry();
    }
    this.answering.clear();
    if (frame.items.filter(({ kind }) => kind === "bundle").length === 1)
      this.answerUntilMs = this.nowMs + this.frameMs / 4;
    for (const item of frame.items) this.onItem(from, item);
    if (wasSilent || frame.items.some(({ kind }) => kind === "hello")) this.unpark();
    this.takeBack();
    this.pump();
  }

  private onItem(from: LinkAddress, item: Item): void {
    switch (item.kind) {
      case "bundle":
        this.onBundle(from, item);
        return;
      case "have":
        for (const { id, hops } of item.held) {
          const carried = this.stock.byShortId(id);
          if (carried) this.onHas(from, carried, hops);
        }
        return;
      case "offer":
        if (item.of === this.ownTag) this.onOffer(from, item.ids);
        return;
      case "recent":
        for (const id of item.ids) {
          const carried = this.stock.byShortId(id);
          if (carried) carried.has.add(from);
          else this.noteGap(id, from);
        }
        return;
      case "want":
        if (item.of === this.ownTag) this.onWant(item.ids);
        else for (const id of item.ids) this.putOff(id);
        return;
      case "want-keys":
        if (item.of !== this.ownTag) return;
        {
          const keys = item.hashes.map((hash) => this.keys.get(hash)).filter((key) => key !== undefined);
          if (keys.length > 0) this.asks.push({ kind: "keys", keys: keys.slice(0, 6) });
        }
        return;
      case "keys":
        for (const key of item.keys) this.keys.add(key);
        this.retryPending();
        return;
      case "hello":
        this.onHello(from, item);
        return;
      case "parts":
        this.onParts(from, item);
        return;
      case "list":
        this.onList(from, item);
        return;
      case "refuse":
        return;
    }
  }

  /** A neighbour has said what it has; where that differs from ours, ours is said part by part. */
  private onParts(from: LinkAddress, { prefix, sums }: PartsItem): void {
    this.compares.delete(prefix);
    const own = this.stock.parts(prefix);
    for (const [digit, sum] of sums.entries()) {
      if (own[digit] === sum) continue;
      const part = prefix + digit.toString(16);
      this.compare(part, (1 + 4 * this.options.random()) * this.frameMs);
    }
    void from;
  }

  /** All that a neighbour has of one part: what it lacks goes to it, what we lack is asked for. */
  private onList(from: LinkAddress, { prefix, ids }: ListItem): void {
    const theirs = new Set(ids);
    let isSame = true;
    for (const id of theirs) {
      const carried = this.stock.byShortId(id);
      if (carried) carried.has.add(from);
      else {
        isSame = false;
        this.noteGap(id, from);
      }
    }
    for (const carried of this.stock.forAll(prefix)) {
      if (theirs.has(carried.short)) continue;
      isSame = false;
      carried.believed.delete(from);
      carried.has.delete(from);
      carried.isAskedFor = true;
      if (carried.dueMs === undefined)
        this.stock.plan(carried, this.nowMs + (2 + 6 * this.options.random()) * this.frameMs);
    }
    if (isSame) this.compares.delete(prefix);
  }

  private compare(prefix: string, waitMs: number): void {
    if (!this.compares.has(prefix)) this.compares.set(prefix, this.nowMs + waitMs);
  }

  private onHello(from: LinkAddress, { seqno, heard, routes, stored }: HelloItem): void {
    this.neighbourhood.told(from, heard);
    this.routes.onHello(from, seqno, routes);
    const own = this.stock.fingerprint();
    if (own.count === stored.count && own.sum === stored.sum) this.differing.delete(from);
    else {
      // What is under way just now comes by itself.
      const sinceMs = this.differing.get(from) ?? this.nowMs;
      this.differing.set(from, sinceMs);
      if (this.nowMs - this.lastNewMs > QUIET_MS)
        this.compare("", (1 + 6 * this.options.random()) * this.frameMs);
    }
    if (this.routes.hasNews) this.pace.hurry();
  }

  private onBundle(from: LinkAddress, item: BundleItem): void {
    const { custody, code } = this.options;
    let bundle: Bundle;
    let full: FullKeys;
    let id: BundleId;
    try {
      const form = decodeForm(item.form, code);
      full = {
        sender: typeof form.sender.key !== "number",
        to: form.to.kind === "person" && typeof form.to.key !== "number",
      };
      if (typeof form.sender.key === "number") this.keys.knownAround(form.sender.key);
      else this.keys.knownAround(this.keys.add(form.sender.key));
      if (form.to.kind === "person") {
        if (typeof form.to.key === "number") this.keys.knownAround(form.to.key);
        else this.keys.knownAround(this.keys.add(form.to.key));
      }
      const whole = rebuild(form, (hash) => this.keys.get(hash));
      if ("missing" in whole) {
        if (item.hop !== undefined && item.hop !== this.ownTag) return;
        this.pending.push({ from, item, sinceMs: this.nowMs });
        if (this.pending.length > MAX_PENDING) this.pending.shift();
        this.asks.push({ kind: "want-keys", of: hopTagOf(from), hashes: whole.missing });
        return;
      }
      bundle = whole.bundle;
      id = bundleId(bundle);
    } catch (error) {
      if (error instanceof LoraFormError || error instanceof BundleError) return;
      throw error;
    }
    const isToUs = item.hop === this.ownTag;
    const isToAll = item.hop === undefined;
    const isNewHome = this.homes.of(bundle.sender.key) !== item.origin;
    this.homes.note(bundle.sender.key, item.origin, this.nowMs - item.ageS * 1000);
    if (isNewHome) this.unpark();
    const carried = this.stock.get(id);
    if (carried) {
      this.onHas(from, carried, item.hops - 1);
      if (isToAll) {
        for (const other of this.neighbourhood.around(from)) carried.believed.add(other);
        // It would have been heard to go on from here: whoever repeats it does not know that it has.
        if (item.origin === from && carried.sent === 0 && carried.dueMs === undefined)
          this.owe(carried.short, this.options.random() * 2 * this.frameMs);
      }
      if (isToUs) {
        this.answering.add(carried.short);
        this.counts.duplicates += 1;
        this.owe(carried.short, 0);
        this.onReturn(from, carried, item.hops);
      }
      return;
    }
    if (custody.knows(id)) {
      if (isToUs) this.owe(shortIdOf(id), 0);
      return;
    }
    const isForHere =
      bundle.to.kind === "person" && this.homes.of(bundle.to.key) === this.options.air.address;
    if (!isToUs && !isToAll && !isForHere) return;
    if (this.taking.has(id)) return;
    this.taking.set(id, {
      from,
      origin: item.origin,
      hops: item.hops,
      isToUs: isToUs || isForHere,
      isToAll,
      full,
    });
    let encoded: Uint8Array;
    try {
      encoded = encodeBundle(bundle);
    } catch (error) {
      if (error instanceof BundleError) return;
      throw error;
    }
    custody
      .take(encoded, item.ageS * 1000, { by: "lora", address: from })
      .then((taken) => this.onTaken(id, taken))
      .catch((error) => this.options.log.debug({ error }, "a bundle from LoRa was not taken"))
      .finally(() => this.taking.delete(id));
  }

  private onTaken(id: BundleId, taken: Taken): void {
    const arrival = this.taking.get(id);
    const short = shortIdOf(id);
    this.gaps.delete(short);
    if (taken.state === "refused") this.refusals.add(short);
    else if (arrival?.isToUs) {
      this.counts.taken += 1;
      if (this.pressure > 0.1) this.repeats.set(short, 2);
      this.pump();
      const goesOn = [...this.flights].some(({ bundles }) =>
        bundles.some(({ carried }) => carried.id === id),
      );
      this.owe(short, goesOn ? HAVE_FRAMES * this.frameMs : 0);
    }
    this.pump();
  }

  private carry(held: Held, isOfEarlier = false): void {
    const { bundle, encoded, id, ageMs, source } = held;
    const { air } = this.options;
    this.keys.addAllOf(bundle);
    if (bundle.kind === "photo" || encoded.length > MAX_AIR_BYTES) return;
    const arrival = this.taking.get(id);
    const person = bundle.to.kind === "person" ? bundle.to.key : undefined;
    const { kind, priority } = bundle;
    const origin = arrival?.origin ?? air.address;
    const carried = carriedOf(id, { kind, priority, person, origin, sinceMs: this.nowMs });
    this.stock.add(carried);
    if (arrival) {
      this.fullOf.set(carried, arrival.full);
      carried.hops = arrival.hops;
      carried.has.add(arrival.from);
      if (arrival.isToAll) {
        for (const other of this.neighbourhood.around(arrival.from)) carried.believed.add(other);
        carried.isSought = person !== undefined && this.homes.of(person) === undefined;
      }
    } else if (
      source.by !== "lora" &&
      (source.by === "guest" || source.by === "self" || !this.homes.of(bundle.sender.key))
    )
      this.homes.note(bundle.sender.key, air.address, this.nowMs - ageMs);
    if (isOfEarlier) {
      if (person) {
        carried.isDoubtful = true;
        this.stock.plan(carried, this.nowMs);
      }
      return;
    }
    if (person && !carried.isSought) {
      if (arrival?.isToUs) this.answering.add(carried.short);
      this.stock.plan(carried, this.homes.of(person) === air.address ? undefined : this.nowMs);
    } else {
      this.lastNewMs = this.nowMs;
      this.recents.set(carried.short, this.nowMs);
      const waitMs = arrival ? this.relayWaitMs(carried, arrival.from) : 0;
      this.stock.plan(carried, this.nowMs + waitMs);
    }
    if (!arrival) this.pump();
  }

  /** After how long what everyone should have goes on from here, if it must then. */
  private relayWaitMs(carried: Carried, from: LinkAddress): number {
    const { air, random } = this.options;
    const heardIt = this.neighbourhood.around(from);
    const candidates = new Map<LinkAddress, Iterable<LinkAddress>>([
      [air.address, this.neighbourhood.listeners()],
    ]);
    for (const { address } of this.neighbourhood.near())
      if (address !== from && heardIt.has(address))
        candidates.set(address, this.neighbourhood.reachedBy(address));
    const order = relayOrder(candidates, [air.address, from, ...heardIt, ...carried.has]);
    const turn = order.indexOf(air.address);
    if (turn === 0) this.answering.add(carried.short);
    const turns = turn >= 0 ? turn : order.length + 0.5;
    return turns === 0 ? 0 : (turns * 0.7 + random() * 0.5) * this.frameMs;
  }

  /** Whether what was sent to everyone was lost, as it seems, with all that should have taken it further. */
  private mustGoAgain(carried: Carried): boolean {
    if (carried.has.size > 0 || carried.tries >= MOST_REPEATS) return false;
    carried.tries += 1;
    carried.believed.clear();
    return true;
  }

  /** It is handed to us that was here before: again for want of an answer, or because it went in a circle. */
  private onReturn(from: LinkAddress, carried: Carried, hops: number): void {
    if (hops <= carried.hops) return;
    carried.hops = hops;
    if (!carried.isHandedOn || !carried.person) return;
    // The paths are not what they seemed: neighbours should know what they are now.
    this.pace.hurry();
    carried.isHandedOn = false;
    carried.refusedBy.clear();
    carried.refusedBy.add(from);
    carried.returns += 1;
    this.counts.returns += 1;
    const waitMs = this.frameMs * (1 + this.options.random()) * 2 ** Math.min(carried.returns, 8);
    this.stock.plan(carried, this.nowMs + waitMs);
  }

  /** A neighbour has it in custody. @param hops when it came there */
  private onHas(from: LinkAddress, carried: Carried, hops: number): void {
    carried.has.add(from);
    if (!carried.person || carried.isHandedOn) return;
    // What it had before it was handed on from here says nothing of whether it has come there now.
    if (hops <= carried.hops && from !== this.homes.of(carried.person)) return;
    const isAwaited = carried.awaited === from;
    if (isAwaited) {
      this.neighbourhood.answered(from, true);
      this.pressure -= PRESSURE_WEIGHT * this.pressure;
    }
    if (!isAwaited && !this.isNearer(from, carried.person)) return;
    carried.awaited = undefined;
    carried.isHandedOn = true;
    this.stock.plan(carried, undefined);
  }

  /** Whether a neighbour is nearer to somebody than we are. */
  private isNearer(neighbour: LinkAddress, person: Uint8Array): boolean {
    const home = this.homes.of(person);
    if (home === undefined || neighbour === home) return neighbour === home;
    const theirs = this.routes.offeredBy(neighbour, home);
    const ours = this.routes.to(home)?.metric;
    return theirs !== undefined && ours !== undefined && theirs < ours - ONE_HOP / 2;
  }

  /** A neighbour that was started anew asks whether these are to go on from here. */
  private onOffer(from: LinkAddress, ids: readonly ShortId[]): void {
    const lacking = ids.filter((id) => !this.stock.byShortId(id));
    for (const id of ids) if (!lacking.includes(id)) this.owe(id, 0);
    if (lacking.length > 0) this.asks.push({ kind: "want", of: hopTagOf(from), ids: lacking });
  }

  private routeOf(carried: Carried) {
    const home = carried.person && this.homes.of(carried.person);
    return home === undefined
      ? undefined
      : this.routes.to(home, carried.refusedBy.size > 0 ? carried.refusedBy : undefined);
  }

  private owe(short: ShortId, waitMs: number): void {
    const dueMs = this.nowMs + waitMs;
    this.owed.set(short, Math.min(dueMs, this.owed.get(short) ?? dueMs));
  }

  private noteGap(id: ShortId, from: LinkAddress): void {
    if (this.gaps.has(id)) return;
    this.gaps.set(id, { from, tries: 0, dueMs: this.nowMs + (1 + this.options.random() * 2) * this.frameMs });
  }

  private putOff(id: ShortId): void {
    const gap = this.gaps.get(id);
    if (gap) gap.dueMs = Math.max(gap.dueMs, this.nowMs + 5 * this.frameMs);
  }

  private onWant(ids: readonly ShortId[]): void {
    for (const id of ids) {
      const carried = this.stock.byShortId(id);
      if (!carried) continue;
      carried.believed.clear();
      carried.isDoubtful = false;
      carried.awaited = undefined;
      carried.isAskedFor = true;
      this.answering.add(id);
      this.answerUntilMs = this.nowMs + this.frameMs / 4;
      this.stock.plan(carried, this.nowMs);
    }
  }

  private retryPending(): void {
    const pending = this.pending;
    this.pending = [];
    for (const { from, item, sinceMs } of pending)
      if (this.nowMs - sinceMs < 120_000) this.onBundle(from, item);
  }

  /** Those without a way may have one now. */
  private unpark(): void {
    for (const carried of this.stock.all()) {
      if (!carried.person || carried.isHandedOn || carried.dueMs !== undefined) continue;
      if (this.routeOf(carried)) this.stock.plan(carried, this.nowMs);
    }
  }

  // --- what goes

  /** Frames that wait for their turn and say what need not be said any more are made anew. */
  private takeBack(): void {
    for (const flight of this.flights) {
      const isStale =
        flight.bundles.length > 0 && flight.bundles.every(({ carried }) => !this.isWanted(carried));
      if (!isStale) continue;
      this.flights.delete(flight);
      this.counts.suppressed += 1;
      flight.cancel();
    }
  }

  /** Whether it still has to go. */
  private isWanted(carried: Carried): boolean {
    if (this.stock.get(carried.id) !== carried) return false;
    if (carried.person && !carried.isSought) return !carried.isHandedOn;
    return this.uncovered(carried).length > 0;
  }

  private uncovered(carried: Carried): LinkAddress[] {
    const { isLinked } = this.options;
    return this.neighbourhood
      .listeners()
      .filter(
        (address) => !carried.has.has(address) && !carried.believed.has(address) && !isLinked?.(address),
      );
  }

  private pump(): void {
    const { air, timers } = this.options;
    const outlook = air.outlook();
    if (!outlook) return;
    this.cancelTimer();
    const nowMs = this.nowMs;
    const due = this.dueBundles(nowMs);
    const mostUrgent = due[0];
    const isMoreUrgent = [...this.flights].every(
      ({ rank }) => mostUrgent && rankOf(mostUrgent.carried.priority) < rank,
    );
    const mustAnswer =
      nowMs < this.answerUntilMs &&
      [...this.owed].some(([id, atMs]) => atMs <= nowMs && this.answering.has(id));
    if (this.flights.size > 1 || (!isMoreUrgent && !mustAnswer)) return;
    const flight = this.compose(isMoreUrgent ? due : [], nowMs, outlook.frameBytes);
    if (!flight) {
      const next = this.nextDueMs(nowMs);
      if (next !== undefined) this.cancelTimer = timers.after(Math.max(10, next - nowMs), () => this.pump());
      return;
    }
    const priority =
      (["sos", "check-in", "direct", "room", "background"] as Priority[])[flight.rank] ?? "room";
    const bytes = encodeFrame({ number: this.number & 0xff, items: flight.items });
    const isAnswer =
      nowMs < this.answerUntilMs &&
      (flight.haves.some((short) => this.answering.has(short)) ||
        flight.bundles.some(({ carried }) => this.answering.has(carried.short)));
    const cancel = air.send({ bytes, priority, isAnswer }, (hasLeft) => this.onEnded(flight, hasLeft));
    if (!cancel) {
      this.cancelTimer = timers.after(30_000, () => this.pump());
      return;
    }
    flight.cancel = cancel;
    flight.airMs = outlook.airtimeMs(Math.min(bytes.length, outlook.frameBytes));
    this.flights.add(flight);
    if (flight.items.some(({ kind }) => kind === "hello")) this.isHelloDue = false;
    this.asks = this.asks.filter((ask) => !flight.items.includes(ask));
  }

  private dueBundles(nowMs: number): { carried: Carried; hop: LinkAddress | undefined }[] {
    const due: { carried: Carried; hop: LinkAddress | undefined }[] = [];
    const inFlight = new Set(
      [...this.flights].flatMap(({ bundles }) => bundles.map(({ carried }) => carried)),
    );
    const busy = new Set<LinkAddress>();
    for (const { awaited, dueMs } of this.stock.waiting)
      if (awaited !== undefined && dueMs !== undefined && dueMs > nowMs) busy.add(awaited);
    const ready = [...this.stock.waiting].filter(
      (carried) => carried.dueMs !== undefined && carried.dueMs <= nowMs && !inFlight.has(carried),
    );
    ready.sort((a, b) => rankOf(a.priority) - rankOf(b.priority) || a.sinceMs - b.sinceMs);
    for (const carried of ready) {
      if (carried.person) {
        if (carried.awaited !== undefined) {
          if (carried.isDoubtful) carried.isDoubtful = carried.tries < MOST_OFFERS;
          // It was not answered in time.
          this.counts.timeouts += 1;
          this.pressure += PRESSURE_WEIGHT * (1 - this.pressure);
          this.neighbourhood.answered(carried.awaited, false);
          carried.awaited = undefined;
          carried.tries += 1;
        }
        const home = this.homes.of(carried.person);
        if (home === this.options.air.address) {
          carried.isHandedOn = true;
          this.stock.plan(carried, undefined);
          continue;
        }
        carried.isSought = home === undefined;
        if (home !== undefined) {
          const route = this.routeOf(carried);
          if (!route) {
            carried.refusedBy.clear();
            this.stock.plan(carried, undefined);
            continue;
          }
          if (busy.has(route.via)) continue;
          due.push({ carried, hop: route.via });
          continue;
        }
      }
      if (carried.sent > 0 && !carried.isAskedFor && !this.mustGoAgain(carried)) {
        this.stock.plan(carried, undefined);
        continue;
      }
      if (this.uncovered(carried).length === 0) {
        this.counts.suppressed += 1;
        this.stock.plan(carried, undefined);
      } else due.push({ carried, hop: undefined });
    }
    return due;
  }

  private compose(
    due: { carried: Carried; hop: LinkAddress | undefined }[],
    nowMs: number,
    frameBytes: number,
  ): Flight | undefined {
    const flight: Flight = {
      items: [],
      bundles: [],
      haves: [],
      recents: [],
      rank: 4,
      airMs: 0,
      cancel: () => {},
    };
    const bundleItems: BundleItem[] = [];
    const owedDue = [...this.owed].filter(([, atMs]) => atMs <= nowMs).length > 0;
    const recentDue = [...this.recents].some(([, atMs]) => atMs + RECENT_AFTER_MS <= nowMs);
    const comparesDue = [...this.compares].filter(([, atMs]) => atMs <= nowMs).map(([prefix]) => prefix);
    const gapsDue = [...this.gaps].filter(([, { dueMs }]) => dueMs <= nowMs);
    const mayBundle = due.length > 0 && this.hasRoom(due[0]?.carried.priority ?? "room", nowMs);
    if (
      !mayBundle &&
      !owedDue &&
      !recentDue &&
      !this.isHelloDue &&
      this.asks.length === 0 &&
      gapsDue.length === 0 &&
      comparesDue.length === 0 &&
      this.refusals.size === 0
    )
      return undefined;
    let left = frameBytes - 1;
    const fit = (item: Item): boolean => {
      const bytes = itemBytes(item);
      if (bytes > left) return false;
      left -= bytes;
      flight.items.push(item);
      return true;
    };
    if (mayBundle)
      this.addBundles(flight, due, bundleItems, frameBytes, (bytes) => {
        if (bytes > left) return false;
        left -= bytes;
        return true;
      });
    // What somebody waits for, and will not hear from what goes on.
    const goingOn = new Set(flight.bundles.map(({ carried }) => carried.short));
    const isBeside =
      flight.bundles.length > 0 && !flight.bundles.some(({ carried }) => this.answering.has(carried.short));
    const haves = [...this.owed]
      .filter(([id, atMs]) => !goingOn.has(id) && (owedDue || atMs - nowMs < this.frameMs))
      .map(([id]) => id);
    if (isBeside || haves.length > 0)
      for (const id of [...this.repeats.keys()].slice(0, REPEATED_HAVES))
        if (!haves.includes(id) && !goingOn.has(id)) haves.push(id);
    if (haves.length > 0) {
      const ids = haves.slice(0, 20);
      const held = ids.map((id) => ({ id, hops: this.stock.byShortId(id)?.hops ?? ARRIVED }));
      if (fit({ kind: "have", held })) {
        flight.haves.push(...ids);
        flight.rank = Math.min(flight.rank, 1);
      }
    }
    if (this.refusals.size > 0) {
      const ids = [...this.refusals].slice(0, 10);
      if (fit({ kind: "refuse", ids })) for (const id of ids) this.refusals.delete(id);
    }
    for (const ask of this.asks) if (fit(ask)) flight.rank = Math.min(flight.rank, 2);
    const isPressing = flight.bundles.length > 0 && flight.rank <= 2;
    if (this.isHelloDue && !isPressing) {
      const hello = this.hello();
      if (fit(hello)) flight.rank = Math.min(flight.rank, 2);
    }
    if (gapsDue.length > 0) {
      const byHolder = new Map<LinkAddress, ShortId[]>();
      for (const [id, gap] of gapsDue) {
        const ids = byHolder.get(gap.from) ?? [];
        byHolder.set(gap.from, ids);
        if (ids.length < 12) ids.push(id);
      }
      for (const [of, ids] of byHolder) {
        if (!fit({ kind: "want", of: hopTagOf(of), ids })) continue;
        this.counts.wants += ids.length;
        flight.rank = Math.min(flight.rank, 3);
        for (const id of ids) {
          const gap = this.gaps.get(id);
          if (!gap) continue;
          gap.tries += 1;
          gap.dueMs = nowMs + (8 + 8 * this.options.random()) * this.frameMs * 2 ** gap.tries;
          if (gap.tries > 5) this.gaps.delete(id);
        }
      }
    }
    for (const prefix of isPressing ? [] : comparesDue) {
      const item: Item =
        prefix !== "" && (this.stock.fitsList(prefix) || prefix.length >= 4)
          ? {
              kind: "list",
              prefix,
              ids: this.stock
                .forAll(prefix)
                .map(({ short }) => short)
                .slice(0, MAX_IDS),
            }
          : { kind: "parts", prefix, sums: this.stock.parts(prefix) };
      if (fit(item)) {
        this.compares.delete(prefix);
        this.counts.compares += 1;
      }
    }
    if (this.recents.size > 0) {
      const isAlone = flight.items.length + bundleItems.length === 0;
      const isSpread = flight.bundles.some(({ hop }) => hop === undefined);
      const most = isAlone ? (recentDue ? MAX_IDS : 0) : isSpread || !isPressing ? RECENT_BESIDE : 0;
      const ids = [...this.recents.keys()]
        .filter((id) => !goingOn.has(id))
        .slice(0, Math.min(most, Math.floor((left - 2) / 4)));
      if (ids.length > 0 && fit({ kind: "recent", ids })) {
        flight.recents.push(...ids);
        flight.rank = Math.min(flight.rank, 3);
      }
    }
    flight.items.push(...bundleItems);
    return flight.items.length > 0 ? flight : undefined;
  }

  private addBundles(
    flight: Flight,
    due: { carried: Carried; hop: LinkAddress | undefined }[],
    items: BundleItem[],
    frameBytes: number,
    take: (bytes: number) => boolean,
  ): void {
    const offers = new Map<LinkAddress, ShortId[]>();
    for (const { carried, hop } of due) {
      const held = this.options.custody.get(carried.id);
      if (!held) {
        this.stock.remove(carried.id);
        continue;
      }
      if (carried.isDoubtful && hop !== undefined) {
        const offer = offers.get(hop) ?? [];
        offers.set(hop, offer);
        if (offer.length >= MAX_OFFERED || !take(offer.length === 0 ? OFFER_BYTES + 4 : 4)) continue;
        offer.push(carried.short);
        flight.bundles.push({ carried, hop });
        flight.rank = Math.min(flight.rank, rankOf(carried.priority));
        continue;
      }
      const item = this.itemOf(held, carried, hop);
      const bytes = itemBytes(item);
      const isLong = bytes > frameBytes - 1;
      if (isLong ? items.length > 0 : !take(bytes)) continue;
      if (isLong) take(frameBytes - 1);
      items.push(item);
      flight.bundles.push({ carried, hop });
      flight.rank = Math.min(flight.rank, rankOf(carried.priority));
      if (isLong) break;
    }
    for (const [hop, ids] of offers)
      if (ids.length > 0) flight.items.push({ kind: "offer", of: hopTagOf(hop), ids });
  }

  private itemOf(held: Held, carried: Carried, hop: LinkAddress | undefined): BundleItem {
    const { bundle, ageMs } = held;
    const full = this.fullOf.get(carried) ?? {
      sender: !this.keys.isKnownAround(keyHashOf(bundle.sender.key)),
      to: bundle.to.kind === "person" && !this.keys.isKnownAround(keyHashOf(bundle.to.key)),
    };
    this.fullOf.set(carried, full);
    return {
      kind: "bundle",
      hop: hop === undefined ? undefined : hopTagOf(hop),
      hops: Math.min(255, carried.hops + 1),
      origin: carried.origin,
      ageS: ageMs / 1000,
      form: encodeForm(bundle, full, this.options.code),
    };
  }

  private hello(): HelloItem {
    this.seqno = (this.seqno + 1) & 0xff;
    const isWhole = this.isNewAround;
    this.isNewAround = false;
    this.counts.hellos += 1;
    return {
      kind: "hello",
      seqno: this.seqno,
      heard: this.neighbourhood.heardBoxes().slice(0, 32),
      routes: this.routes.offers(isWhole),
      stored: this.stock.fingerprint(),
    };
  }

  /** Whether there is airtime for bundles beside what answers others. */
  private hasRoom(priority: Priority, nowMs: number): boolean {
    if (priority === "sos") return true;
    if (nowMs < this.restUntilMs || nowMs < this.blockedUntilMs) return false;
    const outlook = this.options.air.outlook();
    if (!outlook) return false;
    if (this.room.allows(this.frameMs, outlook, priority, nowMs)) return true;
    this.blockedUntilMs = nowMs + 20_500;
    return false;
  }

  private onEnded(flight: Flight, hasLeft: boolean): void {
    if (!this.flights.delete(flight)) return;
    const nowMs = this.nowMs;
    if (!hasLeft) {
      this.asks.push(...flight.items.filter(({ kind }) => kind === "want-keys" || kind === "keys"));
      this.cancelTimer();
      this.cancelTimer = this.options.timers.after(5_000, () => this.pump());
      return;
    }
    this.number += 1;
    this.room.sent(flight.airMs);
    if (flight.bundles.length > 0)
      this.restUntilMs = nowMs + this.pressure * REST_FRAMES * this.frameMs * (0.5 + this.options.random());
    this.counts.frames += 1;
    for (const id of flight.haves) {
      this.owed.delete(id);
      const left = (this.repeats.get(id) ?? 0) - 1;
      if (left > 0) this.repeats.set(id, left);
      else this.repeats.delete(id);
    }
    for (const id of flight.recents) this.recents.delete(id);
    for (const { carried, hop } of flight.bundles) {
      this.counts.bundles += 1;
      carried.sent += 1;
      const { sender, to } = this.fullOf.get(carried) ?? { sender: false, to: false };
      if (sender || to) {
        const bundle = this.options.custody.get(carried.id)?.bundle;
        if (bundle && sender) this.keys.knownAround(keyHashOf(bundle.sender.key));
        if (bundle?.to.kind === "person" && to) this.keys.knownAround(keyHashOf(bundle.to.key));
      }
      // Who handed it to us hears that it goes on.
      this.owed.delete(carried.short);
      if (hop === undefined) {
        this.counts.spreads += 1;
        for (const address of this.neighbourhood.listeners()) carried.believed.add(address);
        const waitMs = (RELAY_FRAMES + this.options.random()) * this.frameMs * 2 ** carried.tries;
        this.stock.plan(carried, carried.isAskedFor ? undefined : nowMs + waitMs);
        carried.isAskedFor = false;
      } else {
        carried.awaited = hop;
        const waitMs =
          flight.airMs +
          (ANSWER_FRAMES + this.options.random()) *
            this.frameMs *
            (1 + PATIENCE * this.pressure) *
            2 ** Math.min(carried.tries, 4);
        this.stock.plan(carried, nowMs + waitMs);
      }
    }
    this.pump();
  }

  private nextDueMs(nowMs: number): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { dueMs } of this.stock.waiting)
      if (dueMs !== undefined && dueMs > nowMs) next = Math.min(next, dueMs);
    for (const dueMs of this.owed.values()) next = Math.min(next, dueMs);
    for (const atMs of this.recents.values()) next = Math.min(next, atMs + RECENT_AFTER_MS);
    for (const atMs of this.compares.values()) next = Math.min(next, atMs);
    for (const { dueMs } of this.gaps.values()) next = Math.min(next, dueMs);
    for (const ms of [this.blockedUntilMs, this.restUntilMs]) if (ms > nowMs) next = Math.min(next, ms);
    return Number.isFinite(next) ? next : undefined;
  }
}
