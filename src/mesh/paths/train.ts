import type { Timers } from "../../host/timers.ts";
import { type Body, encodeBody, TRAIN_OVERHEAD } from "./body.ts";
import { DATAGRAM_OVERHEAD } from "./datagram.ts";

type Train = Body & { kind: "train" };
type Arrival = Body & { kind: "arrival" };

const LENGTH = 5;
const TRAINS_A_ROUND = 3;
const FIRST_ROUND_MS = 10_000;
const ROUND_MS = 3_600_000;
/** A path that is not fit at the time is looked at again after so long. */
const LATER_MS = 60_000;
const TRAIN_GAP_MS = 300;
const LAST_ANSWER_MS = 2_000;
/** At least two must have arrived for a round to tell anything. */
const FEWEST_TOLD = 2;
/** More cannot be told from so few bytes, with a clock that is read when the event loop comes to it. */
export const MOST_KBIT = 100_000;
/** Of each datagram, those of UDP and IPv4 included. */
const HEADERS_BYTES = 28 + DATAGRAM_OVERHEAD + TRAIN_OVERHEAD;

export interface TrainSenderOptions {
  timers: Timers;
  random: () => number;
  maxBodyBytes: () => number;
  /** Whether the path is worth it now. */
  isFit: () => boolean;
  send: (body: Uint8Array) => boolean;
  told: (kbit: number) => void;
}

/**
 * Estimates what a path can carry from how far apart datagrams arrive that left together: the narrowest link spreads them
 * (Keshav, "A control-theoretic approach to flow control", 1991; Dovrolis, Ramanathan, Moore, "What do packet dispersion
 * techniques measure?", 2001). Five of the largest size, three times an hour, 19 kB. Other traffic spreads them further, so
 * what is told is often too little; a receiver that was busy reads them all at once, so of the three the lowest is taken.
 */
export class TrainSender {
  private readonly under = new Set<number>();
  private told: number[] = [];
  private callOff: () => void = () => {};

  constructor(private readonly options: TrainSenderOptions) {}

  start(): void {
    this.later(FIRST_ROUND_MS, () => this.round());
  }

  stop(): void {
    this.callOff();
  }

  arrived({ train, bytes, spreadUs }: Arrival): void {
    if (!this.under.delete(train)) return;
    this.told.push(Math.min(MOST_KBIT, (bytes * 8 * 1_000) / Math.max(1, spreadUs)));
  }

  private round(): void {
    if (!this.options.isFit()) {
      this.later(LATER_MS, () => this.round());
      return;
    }
    this.told = [];
    this.under.clear();
    this.train(TRAINS_A_ROUND);
  }

  private train(left: number): void {
    if (left === 0) {
      this.later(LAST_ANSWER_MS, () => this.end());
      return;
    }
    const { random, maxBodyBytes, send } = this.options;
    const train = Math.floor(random() * 2 ** 16);
    this.under.add(train);
    const padding = Math.max(0, maxBodyBytes() - TRAIN_OVERHEAD);
    for (let index = 0; index < LENGTH; index++)
      if (!send(encodeBody({ kind: "train", train, index, count: LENGTH, padding }))) break;
    this.later(TRAIN_GAP_MS, () => this.train(left - 1));
  }

  private end(): void {
    if (this.told.length >= FEWEST_TOLD) this.options.told(Math.min(...this.told));
    this.later(ROUND_MS, () => this.round());
  }

  private later(delayMs: number, task: () => void): void {
    this.callOff = this.options.timers.after(delayMs * (1 - this.options.random() / 10), task);
  }
}

/** Notes how a peer's trains arrive, one at a time. */
export class TrainReceiver {
  private train: { number: number; came: number; bytes: number; firstMs: number } | undefined;

  /** @returns what to tell the sender, once the last of a train is there */
  take({ train, index, count, padding }: Train, nowMs: number): Arrival | undefined {
    if (this.train?.number !== train) {
      this.train = { number: train, came: 1, bytes: 0, firstMs: nowMs };
      return undefined;
    }
    this.train.came += 1;
    this.train.bytes += padding + HEADERS_BYTES;
    if (index < count - 1) return undefined;
    const { came, bytes, firstMs } = this.train;
    this.train = undefined;
    return {
      kind: "arrival",
      train,
      came: Math.min(255, came),
      bytes,
      spreadUs: Math.round((nowMs - firstMs) * 1_000),
    };
  }
}
