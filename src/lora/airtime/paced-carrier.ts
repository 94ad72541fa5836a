import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier, SendOptions } from "../frame-carrier.ts";
import type { ChannelSettings } from "../modulation.ts";
import type { Priority } from "../priority.ts";
import type { FailureReason, Fate, Radio, Received } from "../radio.ts";
import type { AirtimeLedger } from "./airtime-ledger.ts";
import { ChannelAccess } from "./channel-access.ts";
import { FrameQueue, type QueuedFrame } from "./frame-queue.ts";
import { symbolMs, timeOnAirMs } from "./time-on-air.ts";

export interface PacedCarrierOptions {
  radio: Radio;
  /** How the radio is set, for the time on air. */
  channel: ChannelSettings;
  ledger: AirtimeLedger;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  /** Whether others are on the channel now, where the host can know: then it listens before it talks. */
  isBusy?: () => boolean;
  /** The share of each limit that is kept for what is most urgent; default 0.2. */
  sosReserve?: number;
  /** What may go in one turn after one contention, in ms on the air; default 20 frames of the largest size. */
  burstMs?: number;
}

/** LoRa's largest frame (SX1261/2 datasheet, section 6.1.3). */
const MAX_PHY_BYTES = 255;
const DEFAULT_SOS_RESERVE = 0.2;
const DEFAULT_BURST_FRAMES = 20;
/** After the first and the second frame of a burst. */
const BURST_DOUBTS = 2;
/** A radio that says nothing of a frame for so long after it must have left is given up. */
const SILENT_RADIO_MS = 30_000;
/** How often a frame that the radio's own queue had no room for is tried again. */
const FULL_RADIO_RETRY_MS = 250;

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });

/**
 * A radio that keeps within the law's airtime: frames wait here, the most urgent first, and one at a time goes to the
 * radio when the ledger has room and, on a raw radio, the channel is free. A station that has won the channel sends what
 * is in its queue as one burst, up to a limit (as the transmission opportunity of IEEE 802.11, section 10.23.2.4).
 */
export class PacedCarrier implements FrameCarrier {
  private readonly queue: FrameQueue;
  private readonly access: ChannelAccess | undefined;
  private readonly burstMs: number;
  private readonly sosReserve: number;
  /** With the radio, and not on the air yet. */
  private flying: { frame: QueuedFrame; giveUp: () => void } | undefined;
  private burstLeftMs = 0;
  /** Frames of this burst before which it is still doubted that the turn is ours alone. */
  private doubtsLeft = 0;
  private isSure = false;
  private cancelTimer: (() => void) | undefined;
  private closed: string | undefined;
  private readonly onClosed = (reason: string) => this.close(reason);

  constructor(private readonly options: PacedCarrierOptions) {
    const { radio, channel, timers, random, isBusy } = options;
    this.queue = new FrameQueue(() => timers.monotonicMs());
    this.sosReserve = options.sosReserve ?? DEFAULT_SOS_RESERVE;
    this.burstMs = options.burstMs ?? DEFAULT_BURST_FRAMES * this.airtimeMs(this.maxFrameBytes);
    if (isBusy && radio.capabilities.access === "raw") {
      this.access = new ChannelAccess({ slotMs: 4 * symbolMs(channel.modulation), timers, random, isBusy });
    }
    radio.once("closed", this.onClosed);
  }

  get maxFrameBytes(): number {
    const { maxPayloadBytes, overheadBytes } = this.options.radio.capabilities;
    return Math.min(maxPayloadBytes, MAX_PHY_BYTES - overheadBytes);
  }

  airtimeMs(bytes: number): number {
    const { radio, channel } = this.options;
    return timeOnAirMs(channel.modulation, Math.min(MAX_PHY_BYTES, bytes + radio.capabilities.overheadBytes));
  }

  etaMs(airtimeMs: number, priority: Priority): number {
    const { ledger, timers } = this.options;
    const nowMs = timers.monotonicMs();
    const share = this.shareOf(priority);
    const flyingMs = this.flying?.frame.airtimeMs ?? 0;
    // The whole of it counts as one transmission where it fits; where not, at the rate that the limits leave.
    const together = this.queue.airtimeAheadMs(priority) + flyingMs + airtimeMs;
    const accessMs = this.access?.meanMs ?? 0;
    const startMs = ledger.earliestStartMs(together, nowMs, share);
    if (Number.isFinite(startMs)) return startMs - nowMs + together + accessMs;
    const oneMs = this.airtimeMs(this.maxFrameBytes);
    if (!ledger.canEver(Math.min(airtimeMs, oneMs), share)) return Number.POSITIVE_INFINITY;
    const rates = ledger.subBand.limits.map((limit) => (limit.airtimeMs * share) / limit.windowMs);
    return (
      ledger.earliestStartMs(Math.min(together, oneMs), nowMs, share) -
      nowMs +
      together / Math.min(...rates, 1)
    );
  }

  send(
    bytes: Uint8Array,
    priority: Priority,
    told: (fate: Fate) => void,
    { isAnswer = false }: SendOptions = {},
  ): () => void {
    const { timers, ledger } = this.options;
    const tell = (fate: Fate) => void timers.after(0, () => told(fate));
    const refusal = this.refusalOf(bytes);
    if (refusal) {
      tell(refusal);
      return () => {};
    }
    const airtimeMs = this.airtimeMs(bytes.length);
    const frame: QueuedFrame = { bytes: bytes.slice(), priority, isAnswer, airtimeMs, tell };
    if (!ledger.canEver(airtimeMs, this.shareOf(priority))) {
      tell(
        failed("airtime", `${Math.ceil(airtimeMs)} ms on the air is more than ${ledger.subBand.name} allows`),
      );
      return () => {};
    }
    const displaced = this.queue.add(frame);
    displaced?.tell(failed("queue-full", "what is more urgent took its place"));
    if (displaced !== frame) tell({ state: "queued" });
    this.pump();
    return () => {
      if (this.queue.remove(frame)) tell(failed("cancelled", "taken back"));
    };
  }

  onFrame(listener: (received: Received) => void): () => void {
    const { radio } = this.options;
    radio.on("received", listener);
    return () => radio.off("received", listener);
  }

  /** How many frames wait here. */
  get waiting(): number {
    return this.queue.size + (this.flying ? 1 : 0);
  }

  /** Gives every frame back that has not reached the air. The radio is left as it is. */
  close(reason = "closed"): void {
    if (this.closed !== undefined) return;
    this.closed = reason;
    this.options.radio.off("closed", this.onClosed);
    this.cancelTimer?.();
    this.access?.stop();
    this.flying?.giveUp();
    const given = this.flying ? [this.flying.frame, ...this.queue.takeAll()] : this.queue.takeAll();
    this.flying = undefined;
    for (const frame of given) frame.tell(failed("radio-gone", reason));
  }

  private refusalOf({ length }: Uint8Array): Fate | undefined {
    if (this.closed !== undefined) return failed("radio-gone", this.closed);
    if (length === 0) return failed("refused", "the frame is empty");
    if (length > this.maxFrameBytes)
      return failed("too-large", `${length} bytes, more than ${this.maxFrameBytes}`);
    return undefined;
  }

  private shareOf(priority: Priority): number {
    return priority === "sos" ? 1 : 1 - this.sosReserve;
  }

  /** Sends what may go now, or waits until it may. One frame at a time is with the radio. */
  private readonly pump = (): void => {
    if (this.closed !== undefined || this.flying || this.access?.isContending) return;
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    const { ledger, timers } = this.options;
    const nowMs = timers.monotonicMs();
    const frame = this.queue.first();
    if (!frame) {
      // Nothing more to say: the turn is over, and the next word contends anew.
      this.burstLeftMs = 0;
      return;
    }
    const startMs = ledger.earliestStartMs(frame.airtimeMs, nowMs, this.shareOf(frame.priority));
    if (startMs > nowMs) {
      this.burstLeftMs = 0;
      this.cancelTimer = timers.after(startMs - nowMs, this.pump);
      return;
    }
    if (!ledger.ensure(frame.airtimeMs, nowMs, this.pump)) return;
    if (this.access && !this.isOurTurn(this.access, frame)) return;
    this.transmit(frame, nowMs);
  };

  /** @returns whether a frame may go now; if not, there will be another pump */
  private isOurTurn(access: ChannelAccess, { airtimeMs, isAnswer }: QueuedFrame): boolean {
    if (this.burstLeftMs < airtimeMs || this.options.isBusy?.()) {
      this.burstLeftMs = 0;
      access.contend(isAnswer, () => {
        this.burstLeftMs = Math.max(this.burstMs, airtimeMs);
        this.doubtsLeft = BURST_DOUBTS;
        this.isSure = true;
        this.pump();
      });
      return false;
    }
    if (this.isSure || this.doubtsLeft === 0) return true;
    this.doubtsLeft -= 1;
    access.doubt(() => {
      this.isSure = true;
      this.pump();
    });
    return false;
  }

  private transmit(frame: QueuedFrame, nowMs: number): void {
    const { radio, ledger, timers } = this.options;
    this.queue.remove(frame);
    this.burstLeftMs -= frame.airtimeMs;
    this.isSure = false;
    // Written down before it is sent: what the radio then does not send is lost to us, never to the law.
    ledger.record(nowMs, frame.airtimeMs);
    const giveUp = timers.after(frame.airtimeMs + SILENT_RADIO_MS, () => {
      if (this.flying?.frame !== frame) return;
      this.flying = undefined;
      frame.tell(failed("radio-gone", "the radio did not say what became of the frame"));
      this.pump();
    });
    this.flying = { frame, giveUp };
    radio.send({ payload: frame.bytes, priority: frame.priority }, (fate) => this.onFate(frame, fate));
  }

  private onFate(frame: QueuedFrame, fate: Fate): void {
    if (this.flying?.frame !== frame || fate.state === "queued") return;
    this.flying.giveUp();
    this.flying = undefined;
    if (fate.state === "failed" && fate.reason === "queue-full") {
      this.queue.add(frame);
      this.cancelTimer = this.options.timers.after(FULL_RADIO_RETRY_MS, this.pump);
      return;
    }
    // To everyone, so that nobody acknowledges: on the air is the end.
    frame.tell(fate.state === "failed" ? fate : { state: "on-air" });
    this.pump();
  }
}
