import type { Timers } from "../../host/timers.ts";
import { CONTROL_OVERHEAD, encodeBody, MAX_PARTS, type MessageId, URGENCIES, type Urgency } from "./body.ts";
import { ControlError } from "./control-error.ts";
import { afterWaiting } from "./patience.ts";
import type { Sender, Turns } from "./turns.ts";

/** A path, as far as messages take it. */
export interface Way {
  readonly id: string;
  /** Largest body of a datagram that it takes. */
  maxBodyBytes(): number;
  readonly rttMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** The least between two tries of a message: long where each is dear. */
  readonly leastRetryMs: number;
  /** @returns false where it could not leave */
  carry(body: Uint8Array): boolean;
  /** A message that went by it was not acknowledged in time. @param sentMs when it went by it, on the clock of the timers */
  unanswered(sentMs: number): void;
}

/** The ways to a peer now. */
export interface Ways {
  chosen: Way | undefined;
  second: Way | undefined;
  inDoubt: boolean;
  /** All that are proven, these two included. */
  usable: readonly Way[];
}

export interface CourierOptions {
  timers: Timers;
  turns: Turns;
  /** Unsigned 32 bit, of this courier alone among all that this peer ever has to do with. */
  epoch: number;
  ways: () => Ways;
}

export type Done = (error?: ControlError) => void;

interface Outgoing {
  channel: string;
  body: Uint8Array;
  urgency: Urgency;
  done: Done;
  /** Given once it is on its way. */
  number: number;
  attempts: number;
  /** To be sent now. */
  isDue: boolean;
  /** An acknowledgment should have come by the ways that it went by last. */
  isOverdue: boolean;
  sentOn: readonly Way[];
  sentMs: number;
  /** When the peer first said that nobody there takes it. */
  unservedMs: number | undefined;
  /** When it went last by ways on which each try is dear. */
  readonly dearSentMs: Map<string, number>;
  callOffRetry: () => void;
  callOffEnd: () => void;
}

/** Messages of one urgency that wait for their first turn, bytes of all, and messages on their way. */
const MAX_QUEUED = 512;
const MAX_BYTES = 262_144;
const MAX_UNDER_WAY = 64;
/** The receiver remembers twice as many. */
const MAX_SPAN = 2_048;
const LEAST_RETRY_MS = 60;
const UNKNOWN_RETRY_MS = 250;
const LONGEST_RETRY_MS = 1_000;
const RETRY_GROWTH = 1.5;
/** A channel that nobody serves may be one that nobody serves yet. */
const UNSERVED_MS = 2_000;
/** What setTimeout takes: 24 days. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;
/** A message goes on so many ways at a time at most. */
const MAX_WAYS = 4;

/** Takes messages to one peer until it has acknowledged them or their time is over. */
export class Courier implements Sender {
  private readonly queues: Record<Urgency, Outgoing[]> = { sos: [], control: [], message: [] };
  private readonly underWay = new Map<number, Outgoing>();
  private nextNumber = 0;
  private bytes = 0;
  private stopped: ControlError | undefined;

  constructor(private readonly options: CourierOptions) {}

  get waiting(): number {
    return URGENCIES.reduce((sum, urgency) => sum + this.queues[urgency].length, this.underWay.size);
  }

  /** @param done told once, before `submit` has returned only where the queue is full or the courier stopped */
  submit(channel: string, body: Uint8Array, urgency: Urgency, timeoutMs: number, done: Done): void {
    const queue = this.queues[urgency];
    if (this.stopped) {
      done(this.stopped);
      return;
    }
    if (queue.length >= MAX_QUEUED || this.bytes + body.length > MAX_BYTES) {
      done(new ControlError("busy", `${this.waiting} messages of ${this.bytes} bytes wait for this peer`));
      return;
    }
    this.bytes += body.length;
    const outgoing: Outgoing = {
      channel,
      body,
      urgency,
      done,
      number: -1,
      attempts: 0,
      isDue: false,
      isOverdue: false,
      sentOn: [],
      sentMs: 0,
      unservedMs: undefined,
      dearSentMs: new Map(),
      callOffRetry: () => {},
      callOffEnd: this.options.timers.after(Math.min(timeoutMs, LONGEST_TIMEOUT_MS), () => {
        this.end(outgoing, new ControlError("timeout", `not acknowledged in ${timeoutMs} ms`));
      }),
    };
    queue.push(outgoing);
    this.options.turns.ask(this);
  }

  /** The peer has it and nobody who takes it: perhaps soon, as when its parts start one after the other. */
  unserved({ epoch, number }: MessageId): void {
    const outgoing = epoch === this.options.epoch ? this.underWay.get(number) : undefined;
    if (!outgoing) return;
    const nowMs = this.options.timers.monotonicMs();
    outgoing.unservedMs ??= nowMs;
    if (nowMs - outgoing.unservedMs < UNSERVED_MS) return;
    this.end(outgoing, new ControlError("unserved", `nobody there takes ${outgoing.channel}`));
  }

  acknowledged(epoch: number, numbers: readonly number[]): void {
    if (epoch !== this.options.epoch) return;
    for (const number of numbers) {
      const outgoing = this.underWay.get(number);
      if (outgoing) this.end(outgoing);
    }
  }

  /** The ways have changed: what was on its way on others goes again now. */
  waysChanged(): void {
    for (const outgoing of this.underWay.values()) {
      outgoing.attempts = Math.min(outgoing.attempts, 1);
      outgoing.isDue = true;
    }
    if (this.waiting > 0) this.options.turns.ask(this);
  }

  stop(why: ControlError): void {
    this.stopped = why;
    this.options.turns.leave(this);
    for (const outgoing of this.underWay.values()) this.end(outgoing, why);
    for (const urgency of URGENCIES)
      for (const outgoing of [...this.queues[urgency]]) this.end(outgoing, why);
  }

  sendOne(): boolean {
    const ways = this.options.ways();
    // Nothing to go by: the next change of ways asks anew.
    if (this.stopped || !ways.chosen) return false;
    const outgoing = this.next();
    if (!outgoing) return false;
    this.send(outgoing, ways);
    return true;
  }

  /** The most urgent that is due, and among these what was sent before. */
  private next(): Outgoing | undefined {
    for (const urgency of URGENCIES) {
      for (const outgoing of this.underWay.values())
        if (outgoing.isDue && outgoing.urgency === urgency) return outgoing;
      const [first] = this.queues[urgency];
      if (first && this.hasRoom()) {
        this.queues[urgency].shift();
        first.number = this.nextNumber++;
        this.underWay.set(first.number, first);
        return first;
      }
    }
    return undefined;
  }

  private hasRoom(): boolean {
    if (this.underWay.size >= MAX_UNDER_WAY) return false;
    const [oldest] = this.underWay.keys();
    return oldest === undefined || this.nextNumber - oldest < MAX_SPAN;
  }

  private send(outgoing: Outgoing, ways: Ways): void {
    if (outgoing.isOverdue) for (const way of outgoing.sentOn) way.unanswered(outgoing.sentMs);
    outgoing.isOverdue = false;
    const nowMs = this.options.timers.monotonicMs();
    const taken = waysFor(ways, outgoing.attempts).filter(
      ({ id, leastRetryMs }) => nowMs - (outgoing.dearSentMs.get(id) ?? -Infinity) >= leastRetryMs,
    );
    for (const { id, leastRetryMs } of taken) if (leastRetryMs > 0) outgoing.dearSentMs.set(id, nowMs);
    outgoing.sentMs = nowMs;
    outgoing.sentOn = taken.filter((way) => this.carry(outgoing, way));
    outgoing.isDue = false;
    outgoing.callOffRetry();
    const waitMs = retryMs(taken.length > 0 ? taken : ways.usable, outgoing.attempts);
    outgoing.attempts += 1;
    outgoing.callOffRetry = afterWaiting(this.options.timers, waitMs, () => {
      outgoing.isDue = true;
      outgoing.isOverdue = true;
      this.options.turns.ask(this);
    });
  }

  private carry({ number, urgency, channel, body }: Outgoing, way: Way): boolean {
    const room = way.maxBodyBytes() - CONTROL_OVERHEAD - channel.length;
    const count = Math.max(1, Math.ceil(body.length / Math.max(1, room)));
    if (room < 1 || count > MAX_PARTS) return false;
    const size = Math.ceil(body.length / count);
    const id = { epoch: this.options.epoch, number };
    for (let part = 0; part < count; part++) {
      const piece = body.subarray(part * size, (part + 1) * size);
      if (!way.carry(encodeBody({ kind: "control", id, urgency, part, count, channel, body: piece })))
        return false;
    }
    return true;
  }

  private end(outgoing: Outgoing, error?: ControlError): void {
    outgoing.callOffRetry();
    outgoing.callOffEnd();
    this.bytes -= outgoing.body.length;
    if (outgoing.number >= 0) this.underWay.delete(outgoing.number);
    else {
      const queue = this.queues[outgoing.urgency];
      const at = queue.indexOf(outgoing);
      if (at >= 0) queue.splice(at, 1);
    }
    outgoing.done(error);
    // There is room for another.
    if (!this.stopped && URGENCIES.some((urgency) => this.queues[urgency].length > 0))
      this.options.turns.ask(this);
  }
}

/** On the chosen way; in doubt, or unanswered, on the second too; unanswered again on all that are proven. */
export function waysFor({ chosen, second, inDoubt, usable }: Ways, attempts: number): Way[] {
  const pair = [chosen, ...(inDoubt || attempts >= 1 ? [second] : [])];
  const all = attempts >= 2 ? usable : [];
  return [...new Set([...pair, ...all].filter((way) => way !== undefined))].slice(0, MAX_WAYS);
}

/** By the quickest of the ways that it went by. */
export function retryMs(taken: readonly Way[], attempts: number): number {
  if (taken.length === 0) return LONGEST_RETRY_MS;
  const first = Math.min(
    ...taken.map(({ rttMs, jitterMs, leastRetryMs }) =>
      Math.max(
        leastRetryMs,
        LEAST_RETRY_MS,
        rttMs === undefined || jitterMs === undefined ? UNKNOWN_RETRY_MS : 2 * rttMs + 4 * jitterMs,
      ),
    ),
  );
  return Math.min(Math.max(first, LONGEST_RETRY_MS), first * RETRY_GROWTH ** Math.min(attempts, 20));
}
