import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier } from "../frame-carrier.ts";
import type { LinkAddress } from "./address.ts";
import { type DataFrame, encodeFrame } from "./frame.ts";
import { holdingsOf, type Partial, type Reassembly } from "./reassembly.ts";

export interface ReporterOptions {
  address: LinkAddress;
  timers: Timers;
  random: () => number;
  reassembly: Reassembly;
  carrier: () => FrameCarrier | undefined;
}

/** How often one box asks for the missing pieces of a message to everyone. */
const MOST_ASKS = 4;
/** Silence after which a piece that has not come will not: so many frames of the largest size, and up to as many more. */
const GAP_FRAMES = 3;
/** The share of missing pieces from which a report is sent twice. */
const REPEAT_FROM_LOSS = 0.1;
/** Reports that are remembered so that a newer one can take their place. */
const MAX_WAITING = 64;

interface Gap {
  asks: number;
  cancel: () => void;
}

/** Tells sources what is there of their messages: when asked, and of messages to everyone when pieces stay away. */
export class Reporter {
  /** What takes back the newest reports, by message: a newer one takes the place of one that waits in the carrier. */
  private readonly waiting = new Map<string, () => void>();
  private readonly gaps = new Map<Partial, Gap>();

  constructor(private readonly options: ReporterOptions) {}

  /** Answers the source of a frame. */
  answer(frame: DataFrame): void {
    const { base, beyond } = this.options.reassembly.holdings(frame);
    const missing = beyond.filter((isThere) => !isThere).length;
    // Where many pieces are lost, reports are too, and one that is lost costs more than it is long.
    const isLossy = missing > beyond.length * REPEAT_FROM_LOSS;
    this.send(frame.source, frame.message, base, beyond, isLossy ? 2 : 1);
  }

  /** A piece of a message to everyone has come, and others are missing. */
  watch(partial: Partial): void {
    const gap = this.gaps.get(partial) ?? { asks: 0, cancel: () => {} };
    this.gaps.set(partial, gap);
    // What comes is worth asking for more of.
    gap.asks = 0;
    this.askLater(partial, gap);
  }

  /** Another box has asked for pieces of this message: what is sent for it may serve us too. */
  overheard(source: LinkAddress, message: number): void {
    for (const [partial, gap] of this.gaps) {
      if (partial.source === source && partial.message === message) this.askLater(partial, gap);
    }
  }

  stop(): void {
    for (const { cancel } of this.gaps.values()) cancel();
    this.gaps.clear();
    this.waiting.clear();
  }

  private askLater(partial: Partial, gap: Gap): void {
    const carrier = this.options.carrier();
    gap.cancel();
    if (!carrier) return;
    const frameMs = carrier.airtimeMs(carrier.maxFrameBytes);
    const delayMs = frameMs * GAP_FRAMES * (1 + this.options.random()) * 2 ** gap.asks;
    gap.cancel = this.options.timers.after(delayMs, () => this.ask(partial, gap));
  }

  private ask(partial: Partial, gap: Gap): void {
    if (!this.options.reassembly.isHeld(partial) || gap.asks >= MOST_ASKS) {
      this.gaps.delete(partial);
      return;
    }
    gap.asks += 1;
    const { base, beyond } = holdingsOf(partial);
    this.send(partial.source, partial.message, base, beyond, 0);
    this.askLater(partial, gap);
  }

  private send(
    destination: LinkAddress,
    message: number,
    base: number,
    beyond: boolean[],
    answers: 0 | 1 | 2,
  ): void {
    const carrier = this.options.carrier();
    if (!carrier) return;
    const key = `${destination} ${message}`;
    this.waiting.get(key)?.();
    const frame = encodeFrame({
      kind: "report",
      source: this.options.address,
      destination,
      message,
      base,
      beyond,
    });
    const copies = Array.from({ length: Math.max(1, answers) }, () =>
      carrier.send(frame, "direct", () => {}, { isAnswer: answers > 0 }),
    );
    this.waiting.delete(key);
    this.waiting.set(key, () => {
      for (const cancel of copies) cancel();
    });
    for (const oldest of this.waiting.keys()) {
      if (this.waiting.size <= MAX_WAITING) break;
      this.waiting.delete(oldest);
    }
  }
}
