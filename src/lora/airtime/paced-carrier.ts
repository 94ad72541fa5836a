import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier, SendOptions } from "../frame-carrier.ts";
import type { ChannelSettings } from "../modulation.ts";
import type { Priority } from "../priority.ts";
import type { FailureReason, Fate, Radio, Received } from "../radio.ts";
import type { Planned } from "./airtime-forecast.ts";
import type { AirtimeLedger, Recorded } from "./airtime-ledger.ts";
import { ChannelAccess } from "./channel-access.ts";
import { FirmwareAirtime } from "./firmware-airtime.ts";
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
  /** The share of each limit of long windows that is kept for what is most urgent; default 0.2. */
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
/**
 * A radio that says nothing of a frame for so long after it must have left is given up. Firmware that waits for a free
 * channel may hold one for two minutes before it says more (Meshtastic); a frame that is told failed is not to leave later.
 */
const SILENT_RADIO_MS = { raw: 30_000, managed: 150_000 } as const;
/** How often a frame that the radio's own queue had no room for is tried again. */
const FULL_RADIO_RETRY_MS = 250;
/**
 * Of a frame that failed so it is certain that no part of it was on the air. Managed firmware refuses a frame to everyone
 * before it transmits; a raw radio's refusal may be one that failed while it sent.
 */
const NOT_SENT: Record<"raw" | "managed", readonly FailureReason[]> = {
  raw: ["queue-full", "too-large", "airtime"],
  managed: ["queue-full", "too-large", "airtime", "refused"],
};
/** After so many in a row one other frame goes that may: nobody can silence a box by calling for help without end. */
const SOS_IN_A_ROW = 8;
/** Longer queues are foretold in proportion. */
const MAX_FORETOLD_FRAMES = 4_096;

interface Flight {
  frame: QueuedFrame;
  recorded: Recorded;
  /** When it will have left if it goes at once. */
  endMs: number;
  giveUp: () => void;
  putBack: () => void;
}

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });

/**
 * A radio that keeps within the law's airtime: frames wait here, the most urgent first, and one at a time goes to the
 * radio when the ledger has room and, on a raw radio, the channel is free. A station that has won the channel sends what
 * is in its queue as one burst, up to a limit (as the transmission opportunity of IEEE 802.11, section 10.23.2.4). What
 * firmware sends of its own accord, as repetitions and acknowledgements, counts as the firmware reports it; a frame from
 * here is to everyone, so that no firmware repeats it for want of an acknowledgement.
 */
export class PacedCarrier implements FrameCarrier {
  private readonly queue: FrameQueue;
  private readonly access: ChannelAccess | undefined;
  /** Where the firmware sends of its own accord. */
  private readonly firmware: FirmwareAirtime | undefined;
  private readonly burstMs: number;
  private readonly sosReserve: number;
  /** With the radio, and not known to have left it. */
  private flying: Flight | undefined;
  private burstLeftMs = 0;
  /** Frames of this burst before which it is still doubted that the turn is ours alone. */
  private doubtsLeft = 0;
  private isSure = false;
  /** Until then nobody else can have begun since our last frame. */
  private turnUntilMs = Number.NEGATIVE_INFINITY;
  private sosInARow = 0;
  private fitting: { ofBytes: number; bytes: number } | undefined;
  private cancelTimer: (() => void) | undefined;
  private closed: string | undefined;
  private readonly slotMs: number;
  private readonly onClosed = (reason: string) => this.close(reason);
  private readonly onChanged = () => this.accountForFirmware();

  constructor(private readonly options: PacedCarrierOptions) {
    const { radio, channel, timers, random, isBusy } = options;
    this.queue = new FrameQueue(() => timers.monotonicMs());
    this.sosReserve = options.sosReserve ?? DEFAULT_SOS_RESERVE;
    this.slotMs = 4 * symbolMs(channel.modulation);
    this.burstMs = options.burstMs ?? DEFAULT_BURST_FRAMES * this.airtimeMs(this.maxFrameBytes);
    if (isBusy && radio.capabilities.access === "raw") {
      this.access = new ChannelAccess({ slotMs: this.slotMs, timers, random, isBusy });
    }
    if (radio.capabilities.access === "managed") {
      this.firmware = FirmwareAirtime.of(options.ledger, radio.status().self);
    }
    radio.once("closed", this.onClosed);
    radio.on("changed", this.onChanged);
    this.accountForFirmware();
  }

  /** What the radio takes and every priority may send: a short dwell time leaves less than the radio does. */
  get maxFrameBytes(): number {
    const ofBytes = this.radioMaxBytes;
    if (this.fitting?.ofBytes !== ofBytes) {
      const { ledger } = this.options;
      let bytes = ofBytes;
      while (bytes > 0 && !ledger.canEver(this.airtimeMs(bytes), 1 - this.sosReserve)) bytes -= 1;
      this.fitting = { ofBytes, bytes };
    }
    return this.fitting.bytes;
  }

  airtimeMs(bytes: number): number {
    const { radio, channel } = this.options;
    return timeOnAirMs(channel.modulation, Math.min(MAX_PHY_BYTES, bytes + radio.capabilities.overheadBytes));
  }

  etaMs(airtimeMs: number, priority: Priority): number {
    const { ledger, timers } = this.options;
    const nowMs = timers.monotonicMs();
    const frames = Math.max(1, Math.ceil(airtimeMs / this.airtimeMs(this.maxFrameBytes)));
    if (frames > MAX_FORETOLD_FRAMES) {
      const part = MAX_FORETOLD_FRAMES / frames;
      return this.etaMs(airtimeMs * part, priority) / part;
    }
    const ahead = this.queue.ahead(priority).map((frame) => this.planned(frame.airtimeMs, frame.priority));
    const own = Array.from({ length: frames }, () => this.planned(airtimeMs / frames, priority));
    const aheadMs = ahead.reduce((sum, frame) => sum + frame.airtimeMs, 0);
    const turns = Math.ceil((aheadMs + airtimeMs) / this.burstMs);
    const fromMs = Math.max(nowMs, this.flying?.endMs ?? nowMs);
    return ledger.forecastEndMs([...ahead, ...own], fromMs) - nowMs + turns * (this.access?.meanMs ?? 0);
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
      if (!this.queue.remove(frame)) return;
      tell(failed("cancelled", "taken back"));
      // A smaller one behind it may go earlier.
      this.pump();
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
    const { radio, timers } = this.options;
    radio.off("closed", this.onClosed);
    radio.off("changed", this.onChanged);
    this.cancelTimer?.();
    this.access?.stop();
    const given = this.queue.takeAll();
    if (this.flying) {
      this.flying.giveUp();
      // The radio may be about to send it.
      this.flying.recorded.endedAt(timers.monotonicMs() + this.flying.frame.airtimeMs);
      given.unshift(this.flying.frame);
    }
    this.flying = undefined;
    for (const frame of given) frame.tell(failed("radio-gone", reason));
  }

  private get radioMaxBytes(): number {
    const { maxPayloadBytes, overheadBytes } = this.options.radio.capabilities;
    return Math.min(maxPayloadBytes, MAX_PHY_BYTES - overheadBytes);
  }

  private refusalOf({ length }: Uint8Array): Fate | undefined {
    if (this.closed !== undefined) return failed("radio-gone", this.closed);
    if (length === 0) return failed("refused", "the frame is empty");
    if (length > this.radioMaxBytes)
      return failed("too-large", `${length} bytes, more than ${this.radioMaxBytes}`);
    return undefined;
  }

  private planned(airtimeMs: number, priority: Priority): Planned {
    return { airtimeMs, share: this.shareOf(priority), overtakes: priority === "sos" };
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
    const next = this.next(nowMs);
    if (!next) {
      // Who hands in one frame at a time keeps its turn for a moment; after it the next word contends anew.
      this.isSure = false;
      return;
    }
    const { frame, startMs } = next;
    if (startMs > nowMs) {
      this.burstLeftMs = 0;
      this.cancelTimer = timers.after(startMs - nowMs, this.pump);
      return;
    }
    if (!ledger.ensure(frame.airtimeMs, nowMs, this.pump)) return;
    if (this.access && !this.isOurTurn(this.access, frame)) return;
    this.transmit(frame, nowMs);
  };

  /** The most urgent, unless another has its turn; and when it may start. */
  private next(nowMs: number): { frame: QueuedFrame; startMs: number } | undefined {
    const when = (frame: QueuedFrame | undefined) =>
      frame && {
        frame,
        startMs: this.options.ledger.earliestStartMs(frame.airtimeMs, nowMs, this.shareOf(frame.priority)),
      };
    const first = when(this.queue.first());
    if (!first) return undefined;
    if (first.frame.priority !== "sos") {
      // What an SOS has for itself alone is of no use to a report before it.
      const sos =
        first.startMs > nowMs ? when(this.queue.first(({ priority }) => priority === "sos")) : undefined;
      return sos && sos.startMs < first.startMs ? sos : first;
    }
    if (first.frame.isAnswer || this.sosInARow < SOS_IN_A_ROW) return first;
    const other = when(this.queue.first(({ priority, isAnswer }) => priority !== "sos" && !isAnswer));
    return other && other.startMs <= nowMs ? other : first;
  }

  /** @returns whether a frame may go now; if not, there will be another pump */
  private isOurTurn(access: ChannelAccess, { airtimeMs, isAnswer }: QueuedFrame): boolean {
    const isOver = !this.isSure && this.options.timers.monotonicMs() > this.turnUntilMs;
    if (isOver || this.burstLeftMs < airtimeMs || this.options.isBusy?.()) {
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
    const putBack = this.queue.take(frame);
    this.burstLeftMs -= frame.airtimeMs;
    this.isSure = false;
    this.sosInARow = frame.priority === "sos" ? this.sosInARow + 1 : 0;
    // Written down before it is sent: when the radio dies over it, its airtime is lost to us, never to the law.
    const recorded = ledger.record(nowMs, frame.airtimeMs);
    const giveUp = timers.after(frame.airtimeMs + SILENT_RADIO_MS[radio.capabilities.access], () => {
      this.flying = undefined;
      recorded.endedAt(timers.monotonicMs());
      frame.tell(failed("radio-gone", "the radio did not say what became of the frame"));
      this.pump();
    });
    this.flying = { frame, recorded, endMs: nowMs + frame.airtimeMs, giveUp, putBack };
    radio.send({ payload: frame.bytes, priority: frame.priority }, (fate) => this.onFate(frame, fate));
  }

  private onFate(frame: QueuedFrame, fate: Fate): void {
    const { flying } = this;
    if (flying?.frame !== frame || fate.state === "queued") return;
    flying.giveUp();
    this.flying = undefined;
    const { radio, timers } = this.options;
    const nowMs = timers.monotonicMs();
    this.turnUntilMs = nowMs + this.slotMs / 2;
    if (fate.state === "failed" && NOT_SENT[radio.capabilities.access].includes(fate.reason))
      flying.recorded.takeBack();
    else flying.recorded.endedAt(nowMs);
    if (fate.state === "failed" && fate.reason === "queue-full") {
      flying.putBack();
      this.cancelTimer = timers.after(FULL_RADIO_RETRY_MS, this.pump);
      return;
    }
    if (fate.state !== "failed") this.firmware?.sent(frame.airtimeMs, nowMs);
    // To everyone, so that nobody acknowledges: on the air is the end.
    frame.tell(fate.state === "failed" ? fate : { state: "on-air" });
    this.pump();
  }

  private accountForFirmware(): void {
    const { radio, timers } = this.options;
    this.firmware?.reports(radio.status().airtimeShare, timers.monotonicMs());
  }
}
