import { rankOf } from "../../lora/priority.ts";
import { AirtimeRoom } from "./airtime-room.ts";
import type { Answers } from "./answers.ts";
import { keyHashOf } from "./bundle-form.ts";
import type { LoraContext } from "./context.ts";
import type { Digests } from "./digests.ts";
import { encodeFrame } from "./frame.ts";
import type { Due, Flight, FrameMaker } from "./frame-maker.ts";
import type { GivingWay } from "./giving-way.ts";
import type { HandingOn } from "./handing-on.ts";
import type { Spreading } from "./spreading.ts";
import type { Carried } from "./stock.ts";

/** After a frame that the radio did not send. */
const RETRY_MS = 5_000;
/** How often it is looked whether a radio has come. */
const NO_RADIO_MS = 5_000;
/** So long until it is looked again whether the law leaves airtime. */
const BLOCKED_MS = 20_500;
/** Where nothing is answered, this box is silent up to so many frames after each of its own. */
const REST_FRAMES = 5;
const LEAST_WAIT_MS = 10;
/** Of a bundle that was not answered so often in a row an answer is not to be expected. */
const MOST_AWAITED = 5;
/** One that waits for the air, and one that is more urgent. */
const MOST_FLIGHTS = 2;

export interface SpeakerOptions {
  context: LoraContext;
  answers: Answers;
  digests: Digests;
  spreading: Spreading;
  handingOn: HandingOn;
  givingWay: GivingWay;
  frames: FrameMaker;
  isHelloDue: () => boolean;
}

/** Says what is due, the most urgent first, as long as there is airtime. */
export class Speaker {
  /** Frames that have left. */
  framesSent = 0;
  /** What waits for the air, with what takes it back. */
  private readonly flights = new Map<Flight, () => void>();
  private readonly room = new AirtimeRoom();
  private blockedUntilMs = 0;
  private restUntilMs = 0;
  private callOff = () => {};
  private isStopped = false;

  constructor(private readonly options: SpeakerOptions) {}

  stop(): void {
    this.isStopped = true;
    this.callOff();
    for (const takeBack of this.flights.values()) takeBack();
    this.flights.clear();
  }

  isUnderWay(carried: Carried): boolean {
    return [...this.flights.keys()].some(({ bundles }) => bundles.some((due) => due.carried === carried));
  }

  /** What waits for the air and need not be said any more is made anew. */
  takeBackStale(): void {
    for (const [flight, takeBack] of this.flights) {
      if (flight.bundles.length === 0 || flight.bundles.some(({ carried }) => this.isWanted(carried)))
        continue;
      this.flights.delete(flight);
      takeBack();
    }
  }

  /** To be called whenever something may be due. */
  readonly pump = (): void => {
    const { context, answers, digests, frames, isHelloDue } = this.options;
    const { air, timers } = context.options;
    const outlook = air.outlook();
    if (this.isStopped) return;
    this.callOff();
    if (!outlook) {
      this.callOff = timers.after(NO_RADIO_MS, this.pump);
      return;
    }
    const due = this.due();
    const rank = due[0] ? rankOf(due[0].carried.priority) : Number.POSITIVE_INFINITY;
    const isFirst = [...this.flights.keys()].every(({ priority }) => rank < rankOf(priority));
    if (this.flights.size >= MOST_FLIGHTS || (!isFirst && !answers.mustSpeakNow)) return;
    const may = isFirst && this.mayBundlesGo(due[0]) ? due : [];
    const isAnyDue = may.length > 0 || answers.isDue || digests.isDue || isHelloDue();
    const flight = isAnyDue ? frames.make(may, outlook.frameBytes, [...this.flights.keys()]) : undefined;
    if (flight) this.send(flight);
    // What is due is said by what waits for the air: when that has left it is looked again.
    else if (this.flights.size === 0) {
      const waitMs = this.nextMs() - context.nowMs;
      if (Number.isFinite(waitMs)) this.callOff = timers.after(Math.max(LEAST_WAIT_MS, waitMs), this.pump);
    }
  };

  private send(flight: Flight): void {
    const { air, timers } = this.options.context.options;
    const { items, priority, isAnswer } = flight;
    const bytes = encodeFrame({ number: this.framesSent & 0xff, items });
    const outlook = air.outlook();
    const airMs = outlook?.airtimeMs(Math.min(bytes.length, outlook.frameBytes)) ?? 0;
    const takeBack = air.send({ bytes, priority, isAnswer }, (hasLeft) => {
      if (!this.flights.delete(flight)) return;
      if (hasLeft) this.onLeft(flight, airMs);
      else this.callOff = timers.after(RETRY_MS, this.pump);
    });
    if (takeBack) this.flights.set(flight, takeBack);
    else this.callOff = timers.after(RETRY_MS, this.pump);
  }

  private onLeft({ items, bundles }: Flight, airMs: number): void {
    const { context, answers, digests, spreading, handingOn } = this.options;
    this.framesSent += 1;
    this.room.sent(airMs);
    answers.onSaid(items, new Set(bundles.map(({ carried }) => carried.short)));
    for (const item of items)
      if ("tags" in item || item.kind === "want" || item.kind === "parts" || item.kind === "list")
        digests.onSaid(item);
    for (const { carried, hop } of bundles) {
      this.noteKeys(carried);
      if (hop === undefined) spreading.onSent(carried);
      else handingOn.onSent(carried, hop, airMs);
      // Nobody has to answer what went to everyone because one had asked: it may have been lost.
      if (carried.isSought && !carried.isHandedOn && carried.dueMs === undefined)
        handingOn.seekLater(carried);
    }
    if (bundles.length > 0)
      this.restUntilMs = context.nowMs + handingOn.pressure * context.frames(REST_FRAMES / 2, REST_FRAMES);
    this.pump();
  }

  /** Everybody near has heard the keys that were whole. */
  private noteKeys({ id, full }: Carried): void {
    const { keys, options } = this.options.context;
    if (!full?.sender && !full?.to) return;
    const bundle = options.custody.get(id)?.bundle;
    if (bundle && full.sender) keys.knownAround(keyHashOf(bundle.sender.key));
    if (bundle?.to.kind === "person" && full.to) keys.knownAround(keyHashOf(bundle.to.key));
  }

  /** Bundles that may go now, the most urgent first. */
  private due(): Due[] {
    const { context, spreading, handingOn } = this.options;
    const { stock, nowMs } = context;
    // While a box has an answer to give, more would only be in its way. What it never answers holds up nothing else.
    const busy = new Set<number>();
    for (const { awaited, tries, dueMs = 0 } of stock.waiting)
      if (awaited !== undefined && tries < MOST_AWAITED && dueMs > nowMs) busy.add(awaited);
    const ready = [...stock.waiting].filter(
      (carried) => (carried.dueMs ?? nowMs) <= nowMs && !this.isUnderWay(carried) && !this.givesWay(carried),
    );
    ready.sort((a, b) => rankOf(a.priority) - rankOf(b.priority) || a.sinceMs - b.sinceMs);
    const due: Due[] = [];
    for (const carried of ready) {
      const hop = handingOn.next(carried);
      if (hop === undefined) continue;
      if (hop !== "everyone") {
        if (!busy.has(hop)) due.push({ carried, hop });
      } else if (spreading.isToGo(carried)) due.push({ carried, hop: undefined });
      else if (carried.isSought && !carried.isHandedOn && carried.dueMs === undefined)
        handingOn.seekLater(carried);
    }
    return due;
  }

  /** Whether it waits for what others have to say now. */
  private givesWay({ priority, airBytes }: Carried): boolean {
    const { context, givingWay } = this.options;
    if (priority === "sos" || context.nowMs >= givingWay.untilMs) return false;
    return airBytes > (context.options.air.outlook()?.frameBytes ?? airBytes);
  }

  private isWanted(carried: Carried): boolean {
    const { context, spreading } = this.options;
    if (context.stock.get(carried.id) !== carried) return false;
    if (carried.person !== undefined && !carried.isSought) return !carried.isHandedOn;
    return spreading.isWanted(carried);
  }

  /** Whether there is airtime for bundles beside what answers others; a call for help asks nobody. */
  private mayBundlesGo(first: Due | undefined): boolean {
    if (!first) return false;
    const { priority } = first.carried;
    if (priority === "sos") return true;
    const { nowMs, frameMs, options } = this.options.context;
    if (nowMs < this.restUntilMs || nowMs < this.blockedUntilMs) return false;
    const outlook = options.air.outlook();
    if (!outlook) return false;
    if (this.room.allows(frameMs, outlook, priority, nowMs)) return true;
    this.blockedUntilMs = nowMs + BLOCKED_MS;
    return false;
  }

  private nextMs(): number {
    const { context, answers, digests, givingWay } = this.options;
    const { stock, nowMs } = context;
    let next = Math.min(answers.nextMs, digests.nextMs);
    for (const { dueMs = 0 } of stock.waiting) if (dueMs > nowMs) next = Math.min(next, dueMs);
    for (const ms of [this.blockedUntilMs, this.restUntilMs, givingWay.untilMs])
      if (ms > nowMs) next = Math.min(next, ms);
    return next;
  }
}
