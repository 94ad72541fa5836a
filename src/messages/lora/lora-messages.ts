import type { LinkAddress } from "../../lora/index.ts";
import { rankOf } from "../../lora/priority.ts";
import type { BundleId } from "../bundle/bundle.ts";
import { isSigned } from "../bundle/bundle-codec.ts";
import type { Held, Outline, Taken } from "../custody/custody.ts";
import { Answers } from "./answers.ts";
import { MAX_AIR_BYTES } from "./bundle-air.ts";
import { keyHashOf } from "./bundle-form.ts";
import { LoraContext, type LoraMessagesOptions } from "./context.ts";
import { Digests } from "./digests.ts";
import { etaMs } from "./eta.ts";
import { isForLora } from "./for-lora.ts";
import { decodeFrame } from "./frame.ts";
import { FrameMaker } from "./frame-maker.ts";
import { GivingWay } from "./giving-way.ts";
import { Greeting } from "./greeting.ts";
import { HandingOn } from "./handing-on.ts";
import { type Arrival, type HeardBundle, Intake } from "./intake.ts";
import { type Frame, type HelloItem, hopTagOf, type Item, shortIdOf } from "./items.ts";
import { LoraFormError } from "./octets.ts";
import { Speaker } from "./speaker.ts";
import { Spreading } from "./spreading.ts";
import { type Carried, carriedOf, isForAll } from "./stock.ts";
import { Vouching } from "./vouching.ts";

/** A neighbour waits to hear that something is here for so long, if it is to hear it go on from here anyway. */
const HAVE_FRAMES = 0.8;
/** From that share of unanswered frames on answers are repeated. */
const PRESSED_FROM = 0.1;

/** Bundles that are taken up again in one go. */
const RESUMED_AT_A_TIME = 64;
const RESUME_EVERY_MS = 20;
/** After something has gone, until others take its place. */
const REFILL_AFTER_MS = 10_000;

/** A box in reach of this one by LoRa. */
export interface LoraNeighbour {
  address: LinkAddress;
  heardSecondsAgo: number;
  /** Bundles that wait here and that it has not got, as far as is known. */
  waiting: number;
}

/**
 * Carries bundles over LoRa, which everybody near hears and the law allows little of. What is for everyone is repeated by as
 * few as reach all (`spreading.ts`), and what was lost is found by comparing (`digests.ts`). What is for one person goes from
 * box to box (`handing-on.ts`). Every box keeps what it has taken until its lifetime is over, and says that it has taken it
 * only once it is in custody.
 */
export class LoraMessages {
  private readonly context: LoraContext;
  private readonly answers: Answers;
  private readonly digests: Digests;
  private readonly spreading: Spreading;
  private readonly handingOn: HandingOn;
  private readonly vouching: Vouching;
  private readonly givingWay: GivingWay;
  private readonly intake: Intake;
  private readonly speaker: Speaker;
  private readonly greeting: Greeting;
  private ends: (() => void)[] = [];
  /** What was in custody before is being taken up. */
  private isResuming = true;
  private endResuming = () => {};

  constructor(private readonly options: LoraMessagesOptions) {
    const context = new LoraContext(options);
    const answers = new Answers(context);
    const digests = new Digests(context);
    const spreading = new Spreading(context, answers);
    const greeting = new Greeting(context, () => this.speaker.pump());
    const handingOn = new HandingOn(context, answers, digests, () => greeting.hurry());
    const frames = new FrameMaker(context, answers, digests, (bytes) => greeting.take(bytes));
    const isHelloDue = () => greeting.isDue;
    this.context = context;
    this.greeting = greeting;
    this.answers = answers;
    this.digests = digests;
    this.spreading = spreading;
    this.handingOn = handingOn;
    this.vouching = new Vouching(context);
    const givingWay = new GivingWay(context);
    this.givingWay = givingWay;
    const parts = { context, answers, digests, spreading, handingOn, givingWay };
    this.speaker = new Speaker({ ...parts, frames, isHelloDue });
    this.intake = new Intake(
      context,
      answers,
      (heard) => this.onBundle(heard),
      (id, arrival, taken) => this.onTaken(id, arrival, taken),
    );
  }

  start(): void {
    const { air, custody } = this.options;
    this.ends = [
      air.onFrame((from, frame) => this.onFrame(from, frame)),
      custody.onNew((held) => this.onNew(held)),
      custody.onGone((id) => this.onGone(id)),
    ];
    this.resumeSome(this.notCarried(), 0, () => {
      this.greeting.start();
      this.speaker.pump();
    });
  }

  /** All in custody that may be carried and is not, the most urgent first. */
  private notCarried(): Outline[] {
    const { stock, options } = this.context;
    const outlines = [...options.custody.outline()];
    const rest = outlines.filter(({ id, bytes }) => bytes <= MAX_AIR_BYTES && !stock.get(id));
    return rest.sort((a, b) => rankOf(a.priority) - rankOf(b.priority));
  }

  /** Takes up what was in custody before, some at a time, as long as there is room. */
  private resumeSome(outlines: readonly Outline[], from: number, done: () => void): void {
    const { custody, timers } = this.options;
    const { stock } = this.context;
    const end = from + RESUMED_AT_A_TIME;
    for (const { id } of outlines.slice(from, end)) {
      const held = stock.get(id) || stock.isFull ? undefined : custody.get(id);
      if (held) this.resume(held);
    }
    if (end < outlines.length && !stock.isFull)
      this.endResuming = timers.after(RESUME_EVERY_MS, () => this.resumeSome(outlines, end, done));
    else {
      if (stock.isFull)
        for (const { id } of outlines.slice(from)) if (!stock.get(id)) stock.leaveOut(shortIdOf(id));
      this.isResuming = false;
      done();
    }
  }

  /** It is not in custody any more: in its place something is carried for which there was no room. */
  private onGone(id: BundleId): void {
    const { stock, options } = this.context;
    const { custody } = options;
    stock.remove(id);
    if (custody.knows(id) || custody.isShutOut?.(id)) this.digests.onGone(shortIdOf(id));
    if (!custody.knows(id)) this.answers.forget(shortIdOf(id));
    if (this.isResuming || stock.roomForLeftOut < RESUMED_AT_A_TIME) return;
    this.isResuming = true;
    // Much may go at once.
    this.endResuming = options.timers.after(REFILL_AFTER_MS, () =>
      this.resumeSome(this.notCarried(), 0, () => this.speaker.pump()),
    );
  }

  stop(): void {
    this.endResuming();
    this.greeting.stop();
    this.speaker.stop();
    for (const end of this.ends) end();
    this.ends = [];
  }

  /** Boxes that are heard here. */
  neighbours(): LoraNeighbour[] {
    const { neighbourhood, stock, nowMs } = this.context;
    const waiting = [...stock.waiting];
    return neighbourhood.near().map(({ address, heardAtMs }) => ({
      address,
      heardSecondsAgo: Math.round((nowMs - heardAtMs) / 1000),
      waiting: waiting.filter(({ has }) => !has.has(address)).length,
    }));
  }

  /**
   * A bundle that is to go by LoRa and that no other box has yet, as far as is known.
   * @returns when it will have gone, in ms, as things stand; undefined while no radio or no box is there to take it
   */
  underWay(id: BundleId): { etaMs: number | undefined } | undefined {
    const { stock, options } = this.context;
    const carried = stock.get(id);
    if (!carried || carried.has.size > 0 || carried.isHandedOn) return undefined;
    const outlook = options.air.outlook();
    if (!outlook || carried.dueMs === undefined || this.context.neighbourhood.listeners().length === 0)
      return { etaMs: undefined };
    return { etaMs: etaMs(carried, stock.waiting, outlook) };
  }

  /** A person is at this box now, and sends nothing: what is for them is to come here. */
  personIsHere(key: Uint8Array): void {
    this.context.homes.noteHere(key, this.context.nowMs);
  }

  private onFrame(from: LinkAddress, bytes: Uint8Array): void {
    const { neighbourhood } = this.context;
    let frame: Frame;
    try {
      frame = decodeFrame(bytes);
    } catch (error) {
      // The air is everyone's.
      if (error instanceof LoraFormError) return;
      throw error;
    }
    const wasSilent = neighbourhood.isSilent(from);
    if (neighbourhood.heard(from, frame.number)) {
      this.givingWay.onNewNeighbour();
      this.greeting.onNewNeighbour();
      this.spreading.onNewNeighbour(from);
      this.handingOn.onListener(from);
    }
    this.answers.onFrame(frame.items.filter(({ kind }) => kind === "bundle").length === 1);
    for (const item of frame.items) this.onItem(from, item);
    if (wasSilent || frame.items.some(({ kind }) => kind === "hello")) this.handingOn.onPaths();
    this.speaker.takeBackStale();
    this.speaker.pump();
  }

  private onItem(from: LinkAddress, item: Item): void {
    const { stock, address } = this.context;
    const isToUs = "of" in item && item.of === hopTagOf(address);
    switch (item.kind) {
      case "bundle":
        this.intake.onItem(from, item);
        return;
      case "have":
        for (const { id, hops } of item.held) this.onHas(from, stock.byShortId(id), hops);
        return;
      case "refuse":
        this.givingWay.onRefused();
        for (const id of item.ids) this.onRefused(from, stock.byShortId(id));
        return;
      case "offer":
        if (isToUs) this.handingOn.onOffer(from, item.ids);
        return;
      case "want":
        if (!isToUs) this.digests.onOthersWant(item);
        else for (const id of item.ids) this.onWant(from, stock.byShortId(id));
        return;
      case "want-recent":
        if (!isToUs) this.digests.onOthersWant(item);
        else for (const tag of item.tags) this.onWant(from, stock.tagged(tag).findLast(isNamed));
        return;
      case "want-keys":
        if (isToUs) this.intake.onWantKeys(from, item.hashes);
        return;
      case "keys":
        this.intake.onKeys(item.keys);
        return;
      case "recent":
        this.digests.onRecent(from, item.tags);
        return;
      case "parts":
        this.digests.onParts(from, item);
        return;
      case "list":
        this.digests.onList(from, item);
        return;
      case "hello":
        this.onHello(from, item);
        return;
    }
  }

  private onHello(from: LinkAddress, { seqno, heard, routes, stored }: HelloItem): void {
    const hearsNow = this.context.neighbourhood.told(from, heard, this.greeting.isHeard);
    if (hearsNow) this.handingOn.onListener(from);
    this.context.routes.onHello(from, seqno, routes);
    this.digests.onFingerprint(from, stored);
    if (this.context.routes.hasNews) this.greeting.hurry();
  }

  private onHas(from: LinkAddress, carried: Carried | undefined, hops: number): void {
    if (!carried) return;
    this.context.noteHas(from, carried);
    this.handingOn.onHas(carried, from, hops);
  }

  private onRefused(from: LinkAddress, carried: Carried | undefined): void {
    if (!carried) return;
    carried.believed.add(from);
    if (carried.person === undefined) carried.refusedBy.add(from);
    this.handingOn.onRefused(carried, from);
    this.vouching.onRefused(carried, from);
  }

  private onWant(from: LinkAddress, carried: Carried | undefined): void {
    if (!carried) return;
    if (carried.person === undefined || carried.isSought) this.spreading.onWanted(carried, from);
    else this.handingOn.onWanted(carried, from);
  }

  private onBundle(heard: HeardBundle): void {
    const { id, arrival } = heard;
    const { from, hops, isToUs, isToAll } = arrival;
    const { stock, options } = this.context;
    const carried = stock.get(id);
    if (carried) {
      // Who hands it on has had it for one hop less.
      this.onHas(from, carried, hops - 1);
      if (isToAll) this.spreading.onHeard(carried, from);
      // Whoever repeats what begins there does not know that it has arrived: it was not heard to go on from here.
      if (isToAll && arrival.origin === from && carried.sent === 0 && carried.dueMs === undefined)
        this.answers.owe(carried.short, this.context.frames(0, 2));
      if (!isToUs) return;
      this.answers.takeWord(carried.short);
      this.answers.owe(carried.short, 0);
      this.handingOn.onReturn(carried, from, hops);
    } else if (options.custody.knows(id)) {
      this.digests.onGone(shortIdOf(id));
      if (isToUs) this.answers.owe(shortIdOf(id), 0);
    } else if (isToUs || isToAll) this.intake.take(heard);
  }

  private onTaken(id: BundleId, { isToUs }: Arrival, taken: Taken): void {
    const short = shortIdOf(id);
    if (taken.state === "refused") {
      this.digests.onRefused(short);
      this.answers.refuse(short);
      if (taken.reason === "not-allowed") this.givingWay.onRefused();
    } else if (isToUs && this.options.custody.knows(id)) {
      if (this.handingOn.pressure > PRESSED_FROM) this.answers.repeat(short);
      this.speaker.pump();
      const carried = this.context.stock.get(id);
      const goesOn = carried !== undefined && this.speaker.isUnderWay(carried);
      this.answers.owe(short, goesOn ? this.context.frames(HAVE_FRAMES) : 0);
    }
    this.speaker.pump();
  }

  /** Custody has something new. */
  private onNew(held: Held): void {
    const arrival = this.intake.arrivalOf(held.id);
    if (held.bundle.kind === "credentials") this.intake.onCertificates(held.bundle.sender.key);
    if (!arrival) this.noteHome(held);
    const carried = this.carried(held, arrival);
    if (!carried) return;
    if (carried.person !== undefined && !carried.isSought) {
      if (arrival?.isToUs) this.answers.takeWord(carried.short);
      this.handingOn.begin(carried);
    } else {
      this.digests.onCame(carried.short);
      this.spreading.begin(carried, held.ageMs, arrival?.from);
    }
    if (!arrival) this.speaker.pump();
  }

  /** From before this box was started: what is for everyone is compared, what is for one person is offered. */
  private resume(held: Held): void {
    this.noteHome(held);
    const carried = this.carried(held, undefined);
    if (carried?.person === undefined) return;
    carried.isDoubtful = true;
    this.handingOn.begin(carried);
  }

  private carried({ id, bundle, encoded, source }: Held, arrival: Arrival | undefined): Carried | undefined {
    const { keys, stock, homes, address, nowMs } = this.context;
    keys.addAllOf(bundle);
    if (!isForLora(bundle, encoded.length)) return undefined;
    const { kind, priority, to } = bundle;
    const person = to.kind === "person" ? to.key : undefined;
    // Where it began is forgotten with a restart. Its sender is not here, but that way.
    const origin = arrival?.origin ?? (source.by === "lora" ? source.address : address);
    const airBytes = encoded.length;
    const senderHash = keyHashOf(bundle.sender.key);
    const carried = carriedOf(id, {
      ...{ kind, priority, senderHash, person, origin, airBytes },
      sinceMs: nowMs,
    });
    if (!stock.add(carried)) return undefined;
    if (!arrival) return carried;
    carried.full = arrival.full;
    carried.hops = arrival.hops;
    this.context.noteHas(arrival.from, carried);
    if (arrival.isToAll) {
      this.spreading.onHeard(carried, arrival.from);
      carried.isSought = person !== undefined && homes.of(person) === undefined;
    }
    return carried;
  }

  /**
   * Whoever wrote something at this box is here; whoever wrote what other carriers brought is reached by it, if by nobody nearer.
   * What is not signed anybody can have written.
   */
  private noteHome({ bundle, source, ageMs }: Held): void {
    if (!isSigned(bundle)) return;
    const { homes, nowMs } = this.context;
    const { key } = bundle.sender;
    const isHere = source.by === "guest" || source.by === "self";
    if (isHere || (source.by !== "lora" && homes.of(key) === undefined)) homes.noteHere(key, nowMs - ageMs);
  }
}

/** Whether neighbours are told that it is here. */
const isNamed = (carried: Carried): boolean => isForAll(carried) || carried.isSought;
