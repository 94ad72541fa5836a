import { EventEmitter } from "node:events";
import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier } from "../frame-carrier.ts";
import { type Priority, rankOf } from "../priority.ts";
import type { FailureReason, Fate, Received } from "../radio.ts";
import type { LinkAddress } from "./address.ts";
import {
  type DataFrame,
  decodeFrame,
  FrameError,
  type LinkFrame,
  type QuestionFrame,
  type ReportFrame,
  TO_EVERYONE_HEADER_BYTES,
  WHOLE_HEADER_BYTES,
} from "./frame.ts";
import { MAX_LIFETIME_MS } from "./lifetime.ts";
import type { MessageCode } from "./message-code.ts";
import { Neighbours } from "./neighbours.ts";
import type { Outgoing, OutgoingContext, OutgoingMessage } from "./outgoing.ts";
import { OutgoingToEveryone } from "./outgoing-to-everyone.ts";
import { OutgoingToOne } from "./outgoing-to-one.ts";
import { maxMessageBytes } from "./pieces.ts";
import { Reassembly } from "./reassembly.ts";
import { Reporter } from "./reporter.ts";
import type { SeenMessages } from "./seen-messages.ts";
import { Turns } from "./turns.ts";

export interface LinkMessage {
  payload: Uint8Array;
  priority: Priority;
  to: LinkAddress | "everyone";
  /** 0 < x ≤ {@link MAX_LIFETIME_MS}. */
  lifetimeMs: number;
  /** To everyone: sent once, whatever its priority, for whoever hands it in sees to it that it arrives. */
  isOnce?: boolean;
  /** To everyone: somebody is silent until it comes; see `FrameCarrier.send`. */
  isAnswer?: boolean;
}

/** What the air is like for whoever has more to say than goes at once. */
export interface AirOutlook {
  /** The longest payload to everyone that is one frame, in bytes. */
  readonly frameBytes: number;
  /** Time on the air of a payload to everyone that is one frame, in ms. */
  airtimeMs(payloadBytes: number): number;
  /** See {@link FrameCarrier.etaMs}. */
  etaMs(airtimeMs: number, priority: Priority): number;
}

/** Whether a message was taken on. */
export type Admission =
  | {
      accepted: true;
      /** When it will have been sent, by what is known now, in ms; undefined while no radio is there. */
      etaMs: number | undefined;
      /** Gives it up. */
      cancel: () => void;
    }
  | { accepted: false; reason: FailureReason; detail: string };

export interface Arrived {
  payload: Uint8Array;
  from: LinkAddress;
  isToEveryone: boolean;
  received: Received;
}

export interface LinkOptions {
  address: LinkAddress;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  /**
   * The number of the next message, 0 to 65535, one after the other and through restarts: a number that is used anew
   * while another box remembers it would make a new message look like an old one.
   */
  nextNumber: () => number;
  code?: MessageCode;
  /** What this box has had; for links of one box that may hear the same air, one for all. Default: its own. */
  seen?: SeenMessages;
}

export interface LinkEvents {
  message: [arrived: Arrived];
  /** Neighbours, or what is on its way, have changed. */
  changed: [];
}

/** Messages taken on and not yet at their end, and their bytes. */
const MAX_OUTGOING = 512;
const MAX_OUTGOING_BYTES = 4 * 1_048_576;
/** The most that one message may have once it is decoded. */
export const MAX_MESSAGE_BYTES = 65_536;
/** Messages to everyone that are sent at the same time. */
const MAX_ACTIVE = 16;
const STOPPING = "the box is stopping";

/**
 * Messages between boxes that hear each other: in pieces, each one whole and once, or known to have failed. A message is
 * taken on only when it can be sent within its lifetime; what was taken on outlives the radio, which may be unplugged and
 * come back in the middle of it.
 */
export class Link extends EventEmitter<LinkEvents> {
  readonly neighbours = new Neighbours();
  private readonly reassembly: Reassembly;
  private readonly reporter: Reporter;
  private readonly context: OutgoingContext;
  /** In the order in which they were taken on. */
  private readonly outgoing = new Set<Outgoing>();
  private readonly turns: Turns;
  private outgoingBytes = 0;
  private carrier: FrameCarrier | undefined;
  private endListening = () => {};
  private isClosed = false;

  constructor(private readonly options: LinkOptions) {
    super();
    const { address, timers, random, nextNumber } = options;
    const carrier = () => this.carrier;
    this.reassembly = new Reassembly(() => timers.monotonicMs(), options.seen);
    this.reporter = new Reporter({ address, timers, random, reassembly: this.reassembly, carrier });
    this.context = {
      address,
      timers,
      random,
      carrier,
      nextNumber,
      ended: (outgoing) => this.onEnded(outgoing),
      reschedule: () => this.schedule(),
    };
    this.turns = new Turns(this.context);
  }

  get address(): LinkAddress {
    return this.options.address;
  }

  get isAttached(): boolean {
    return this.carrier !== undefined;
  }

  /** undefined while no radio is there. */
  get outlook(): AirOutlook | undefined {
    const { carrier } = this;
    if (!carrier) return undefined;
    return {
      frameBytes: carrier.maxFrameBytes - WHOLE_HEADER_BYTES,
      airtimeMs: (payloadBytes) => carrier.airtimeMs(payloadBytes + TO_EVERYONE_HEADER_BYTES),
      etaMs: (airtimeMs, priority) => carrier.etaMs(airtimeMs, priority),
    };
  }

  /** Messages on their way. */
  get waiting(): number {
    return this.outgoing.size;
  }

  /** A radio is there: what waits goes on. */
  attach(carrier: FrameCarrier): void {
    if (this.isClosed) return;
    this.detach();
    this.carrier = carrier;
    this.endListening = carrier.onFrame((received) => this.onFrame(received));
    this.turns.pump();
    this.schedule();
    this.emit("changed");
  }

  /** The radio is gone: what waits is kept for the next one. */
  detach(): void {
    if (!this.carrier) return;
    this.endListening();
    this.carrier = undefined;
    this.reporter.stop();
    this.turns.pause();
    for (const outgoing of this.outgoing) outgoing.pause();
    this.emit("changed");
  }

  /** The box is stopping: what is on its way fails, and nothing more is taken on. Its timers tell the last fates. */
  close(): void {
    this.isClosed = true;
    this.detach();
    for (const outgoing of [...this.outgoing])
      outgoing.end({ state: "failed", reason: "cancelled", detail: STOPPING });
  }

  /**
   * Takes a message on, or says at once why not.
   * @param told its fates: `queued`, `on-air` when it begins to go (to everyone: when all of it has gone, and nothing comes
   *   after that), then `acknowledged` when the other box has all of it, or `failed`. Never called before this returns.
   */
  submit(message: LinkMessage, told: (fate: Fate) => void = () => {}): Admission {
    const { payload, priority, to, lifetimeMs, isOnce = false, isAnswer = false } = message;
    const { address, timers, code } = this.options;
    const refused = (reason: FailureReason, detail: string): Admission => ({
      accepted: false,
      reason,
      detail,
    });
    if (this.isClosed) return refused("refused", STOPPING);
    if (to === address) return refused("refused", "to: this box itself");
    if (payload.length === 0) return refused("refused", "payload: it is empty");
    if (payload.length > MAX_MESSAGE_BYTES)
      return refused("too-large", `payload: ${payload.length} bytes, more than ${MAX_MESSAGE_BYTES}`);
    if (!Number.isFinite(lifetimeMs))
      return refused("refused", `lifetimeMs: ${lifetimeMs} is no finite number`);
    if (lifetimeMs > MAX_LIFETIME_MS)
      return refused("refused", `lifetimeMs: ${lifetimeMs} is more than 7 days, ${MAX_LIFETIME_MS}`);
    if (!(lifetimeMs > 0)) return refused("expired", `lifetimeMs: ${lifetimeMs} is not more than 0`);
    const coded = code?.encode(payload) ?? payload;
    const isCoded = coded.length < payload.length;
    const bytes = (isCoded ? coded : payload).slice();
    const most = this.carrier ? maxMessageBytes(this.carrier.maxFrameBytes) : MAX_MESSAGE_BYTES;
    if (bytes.length > most) return refused("too-large", `payload: ${bytes.length} bytes, more than ${most}`);
    if (this.outgoing.size >= MAX_OUTGOING || this.outgoingBytes + bytes.length > MAX_OUTGOING_BYTES)
      return refused("queue-full", `${this.outgoing.size} messages are on their way already`);
    const expiresAtMs = timers.monotonicMs() + lifetimeMs;
    const outgoing = this.outgoingFor({ bytes, isCoded, priority, expiresAtMs, isOnce, isAnswer, told }, to);
    const etaMs = this.carrier ? this.etaMs(this.carrier, outgoing) : undefined;
    if (etaMs !== undefined && etaMs > lifetimeMs) {
      outgoing.discard();
      return Number.isFinite(etaMs)
        ? refused("expired", `it would take ${Math.ceil(etaMs / 1000)} s, longer than its lifetime`)
        : refused("airtime", "the limits on airtime never let it go");
    }
    this.outgoing.add(outgoing);
    this.outgoingBytes += bytes.length;
    timers.after(0, () => told({ state: "queued" }));
    if (outgoing instanceof OutgoingToOne) this.turns.add(outgoing);
    else this.schedule();
    this.emit("changed");
    return {
      accepted: true,
      etaMs,
      cancel: () => outgoing.end({ state: "failed", reason: "cancelled", detail: "given up" }),
    };
  }

  private outgoingFor(message: OutgoingMessage, to: LinkMessage["to"]): Outgoing {
    return to === "everyone"
      ? new OutgoingToEveryone(this.context, message)
      : new OutgoingToOne(this.context, message, this.neighbours.at(to));
  }

  private etaMs(carrier: FrameCarrier, outgoing: Outgoing): number {
    const { priority } = outgoing.message;
    let aheadMs = 0;
    for (const other of this.outgoing) {
      const isAhead = rankOf(other.message.priority) <= rankOf(priority);
      if (isAhead && !this.isHeldBack(other)) aheadMs += other.backlogMs(carrier);
    }
    return carrier.etaMs(aheadMs + outgoing.backlogMs(carrier), priority);
  }

  /** Whether it waits for a box that does not answer. */
  private isHeldBack({ destination }: Outgoing): boolean {
    return destination !== undefined && this.neighbours.isSilent(destination);
  }

  /** Lets the most urgent messages to everyone go, several at a time. */
  private schedule(): void {
    if (!this.carrier) return;
    const toEveryone = [...this.outgoing]
      .filter((outgoing) => outgoing instanceof OutgoingToEveryone)
      .filter(({ wantsToGo }) => wantsToGo);
    toEveryone.sort((a, b) => rankOf(a.message.priority) - rankOf(b.message.priority));
    for (const outgoing of toEveryone.slice(0, MAX_ACTIVE)) outgoing.go();
  }

  private onEnded(outgoing: Outgoing): void {
    if (!this.outgoing.delete(outgoing)) return;
    this.outgoingBytes -= outgoing.message.bytes.length;
    if (outgoing instanceof OutgoingToOne) this.turns.remove(outgoing);
    else this.schedule();
    this.emit("changed");
  }

  private onFrame(received: Received): void {
    let frame: LinkFrame;
    try {
      frame = decodeFrame(received.payload);
    } catch (error) {
      // Somebody else's: the air is everyone's.
      if (error instanceof FrameError) return;
      throw error;
    }
    // Another radio of this very box, or somebody who uses its address.
    if (frame.source === this.address) return;
    this.neighbours.heard(frame.source, received, this.options.timers.monotonicMs());
    if (frame.kind === "report") this.onReport(frame);
    else if (frame.kind === "question") this.onQuestion(frame);
    else this.onData(frame, received);
    if (this.carrier) this.turns.onHeard(frame.source, this.carrier);
    this.emit("changed");
  }

  private onReport({ source, destination, holdings }: ReportFrame): void {
    if (destination !== this.address) {
      for (const { message } of holdings) this.reporter.overheard(destination, message);
      return;
    }
    this.turns.onReport(source, holdings);
    for (const outgoing of this.outgoing) {
      if (!(outgoing instanceof OutgoingToEveryone)) continue;
      const holding = holdings.find(({ message }) => message === outgoing.number);
      if (holding) outgoing.onHolding(holding);
    }
  }

  private onQuestion({ source, destination, message }: QuestionFrame): void {
    if (destination === this.address) this.reporter.answer(source, message, true);
  }

  private onData(frame: DataFrame, received: Received): void {
    if (frame.destination !== undefined && frame.destination !== this.address) return;
    const taken = this.reassembly.take(frame);
    if (frame.destination !== undefined) {
      this.reporter.note(frame.source, frame.message);
      if (frame.wantsReport) this.reporter.answer(frame.source, frame.message, taken.state === "known");
    }
    if (taken.state === "partial" && taken.partial.isToEveryone) this.reporter.watch(taken.partial);
    if (taken.state !== "whole") return;
    const payload = this.decoded(frame, taken.message);
    if (!payload) return;
    const isToEveryone = frame.destination === undefined;
    this.emit("message", { payload, from: frame.source, isToEveryone, received });
  }

  private decoded({ isCoded }: DataFrame, message: Uint8Array): Uint8Array | undefined {
    if (!isCoded) return message;
    try {
      return this.options.code?.decode(message, MAX_MESSAGE_BYTES);
    } catch {
      // Whole, and yet no message: made by somebody who does not speak this code. There is nobody to tell.
      return undefined;
    }
  }
}
