import type { Timers } from "../../../../src/host/timers.ts";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import {
  type Fate,
  type Outgoing,
  Radio,
  type RadioCapabilities,
  type RadioNode,
  type RadioStatus,
} from "../../../../src/lora/radio.ts";
import type { Seen } from "./rolling-window.ts";

export const CHANNEL: ChannelSettings = {
  frequencyHz: 869_525_000,
  modulation: PRESETS.LongFast,
  powerDbm: 14,
};

/** A raw radio that sends one frame at a time and writes down when each was on the air. */
export class FakeRadio extends Radio {
  readonly capabilities: RadioCapabilities = {
    maxPayloadBytes: 255,
    bitRate: 1_074,
    access: "raw",
    routes: false,
    acknowledges: false,
    listensBeforeTalk: true,
    overheadBytes: 0,
  };
  readonly seen: (Seen & { payload: Uint8Array; priority: string })[] = [];
  /** What it answers the next packets with instead of sending them. */
  readonly refusals: Fate[] = [];
  /** Takes packets and says nothing of them. */
  isDeaf = false;

  constructor(
    private readonly timers: Timers,
    private readonly channel = CHANNEL,
  ) {
    super();
  }

  async open(): Promise<void> {}

  async close(): Promise<void> {
    this.emit("closed", "closed");
  }

  send({ payload, priority }: Outgoing, told: (fate: Fate) => void): void {
    const refusal = this.refusals.shift();
    if (refusal) {
      this.timers.after(0, () => told(refusal));
      return;
    }
    const startMs = this.timers.monotonicMs();
    const airtimeMs = timeOnAirMs(this.channel.modulation, payload.length);
    this.seen.push({ startMs, endMs: startMs + airtimeMs, payload, priority });
    if (this.isDeaf) return;
    this.timers.after(0, () => told({ state: "queued" }));
    this.timers.after(airtimeMs, () => told({ state: "on-air" }));
  }

  status(): RadioStatus {
    return {
      firmware: "fake",
      hardware: undefined,
      self: undefined,
      name: undefined,
      channel: this.channel,
      airtimeShare: undefined,
      channelUse: undefined,
      batteryPercent: undefined,
      position: undefined,
    };
  }

  nodes(): readonly RadioNode[] {
    return [];
  }

  async setChannel(): Promise<void> {}
}
