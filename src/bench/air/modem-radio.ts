import type { Timers } from "../../host/timers.ts";
import { bitRate } from "../../lora/airtime/time-on-air.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import {
  type FailureReason,
  type Fate,
  type Outgoing,
  Radio,
  type RadioCapabilities,
  RadioError,
  type RadioNode,
  type RadioStatus,
} from "../../lora/radio.ts";
import { MAX_FRAME_BYTES } from "./air-modem.ts";
import type { Modem } from "./modem.ts";

/** Frames that wait behind the one on the air; more are refused. */
const QUEUE_LENGTH = 16;

export interface ModemRadioOptions {
  modem: Modem;
  settings: ChannelSettings;
  timers: Timers;
  /** For {@link RadioStatus.name}. */
  name?: string;
}

interface Waiting {
  payload: Uint8Array;
  told: (fate: Fate) => void;
}

/**
 * A raw radio straight on a modem, with no firmware and no serial line between, for simulations. It awaits nothing:
 * what its asynchronous methods do is done when they return. Frames go in the order in which they were handed in,
 * each at once when the one before has left; nobody is addressed, so `to` is not looked at.
 */
export class ModemRadio extends Radio {
  private readonly modem: Modem;
  private readonly timers: Timers;
  private readonly name: string | undefined;
  private settings: ChannelSettings;
  private state: "new" | "open" | "closed" = "new";
  private sending: Waiting | undefined;
  private queue: Waiting[] = [];
  private stopHearing: () => void = () => {};

  constructor({ modem, settings, timers, name }: ModemRadioOptions) {
    super();
    this.modem = modem;
    this.settings = settings;
    this.timers = timers;
    this.name = name;
  }

  get capabilities(): RadioCapabilities {
    return {
      maxPayloadBytes: MAX_FRAME_BYTES,
      bitRate: bitRate(this.settings.modulation),
      access: "raw",
      routes: false,
      acknowledges: false,
      listensBeforeTalk: true,
      overheadBytes: 0,
    };
  }

  /** Whether another's signal is on the channel now, or this radio sends. */
  isBusy(): boolean {
    return this.modem.isBusy();
  }

  async open(): Promise<void> {
    if (this.state !== "new")
      throw new RadioError("refused", `a radio that is ${this.state} cannot be opened`);
    this.tune(this.settings);
    this.state = "open";
    this.stopHearing = this.modem.onFrame(({ bytes, rssiDbm, snrDb }) => {
      this.emit("received", { payload: bytes, from: undefined, to: undefined, rssiDbm, snrDb, hops: 0 });
    });
  }

  async close(): Promise<void> {
    this.closeFor("closed by the host");
  }

  /** The case is pulled out: what a host sees of it, and what it leaves on the air. */
  unplug(): void {
    this.closeFor("unplugged");
  }

  send({ payload }: Outgoing, told: (fate: Fate) => void): void {
    const failure = this.failureOf(payload);
    this.timers.after(0, () => told(failure ?? { state: "queued" }));
    if (failure) return;
    this.queue.push({ payload: payload.slice(), told });
    this.sendNext();
  }

  status(): RadioStatus {
    return {
      firmware: "none",
      hardware: "virtual modem",
      self: undefined,
      name: this.name,
      channel: this.settings,
      airtimeShare: undefined,
      channelUse: undefined,
      batteryPercent: undefined,
      position: undefined,
    };
  }

  nodes(): readonly RadioNode[] {
    return [];
  }

  async setChannel(settings: ChannelSettings): Promise<void> {
    if (this.state === "open") this.tune(settings);
    this.settings = settings;
    this.emit("changed");
  }

  private failureOf({ length }: Uint8Array): Fate | undefined {
    const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });
    if (this.state !== "open") return failed("radio-gone", `the radio is ${this.state}`);
    if (length === 0) return failed("refused", "payload: it is empty");
    if (length > MAX_FRAME_BYTES)
      return failed("too-large", `payload: ${length} bytes, more than ${MAX_FRAME_BYTES}`);
    if (this.queue.length >= QUEUE_LENGTH) return failed("queue-full", `${QUEUE_LENGTH} frames wait already`);
    return undefined;
  }

  private tune(settings: ChannelSettings): void {
    try {
      this.modem.configure(settings);
    } catch (error) {
      throw new RadioError("refused", error instanceof Error ? error.message : String(error));
    }
  }

  private sendNext(): void {
    if (this.sending) return;
    const next = this.queue.shift();
    if (!next) return;
    this.sending = next;
    this.modem.transmit(next.payload, () => {
      this.sending = undefined;
      next.told({ state: "on-air" });
      this.sendNext();
    });
  }

  private closeFor(reason: string): void {
    if (this.state === "closed") return;
    const wasOpen = this.state === "open";
    this.state = "closed";
    if (!wasOpen) return;
    this.stopHearing();
    this.modem.configure(undefined);
    const underWay = this.sending ? [this.sending, ...this.queue] : this.queue;
    for (const { told } of underWay) {
      this.timers.after(0, () => told({ state: "failed", reason: "radio-gone", detail: reason }));
    }
    this.sending = undefined;
    this.queue = [];
    this.emit("closed", reason);
  }
}
