import type { Timers } from "../../../../src/host/timers.ts";
import type { FrameCarrier } from "../../../../src/lora/frame-carrier.ts";
import type { Received } from "../../../../src/lora/radio.ts";

export interface Roughness {
  /** Shares of frames, 0 to 1. */
  loss: number;
  duplication: number;
  /** Frames arrive up to so much later, one before another, in ms. */
  delayMs: number;
}

export interface RoughAir {
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  roughness: Roughness;
}

/** A carrier between two links and nobody else that loses, doubles, delays and swaps frames, as no radio does. */
export class RoughCarrier implements FrameCarrier {
  private readonly listeners = new Set<(received: Received) => void>();
  private freeAtMs = 0;
  peer: RoughCarrier | undefined;

  constructor(
    private readonly air: RoughAir,
    readonly maxFrameBytes: number,
  ) {}

  airtimeMs(bytes: number): number {
    return 10 + bytes;
  }

  etaMs(airtimeMs: number): number {
    return airtimeMs + Math.max(0, this.freeAtMs - this.air.timers.monotonicMs());
  }

  send: FrameCarrier["send"] = (frame, _priority, told) => {
    const { timers, random, roughness } = this.air;
    const nowMs = timers.monotonicMs();
    const startMs = Math.max(nowMs, this.freeAtMs);
    this.freeAtMs = startMs + this.airtimeMs(frame.length);
    timers.after(0, () => told({ state: "queued" }));
    const callOff = timers.after(this.freeAtMs - nowMs, () => {
      told({ state: "on-air" });
      const copies = random() < roughness.duplication ? 2 : 1;
      for (let copy = 0; copy < copies; copy += 1) {
        if (random() < roughness.loss) continue;
        timers.after(random() * roughness.delayMs, () => this.peer?.hear(frame.slice()));
      }
    });
    return () => {
      callOff();
      timers.after(0, () => told({ state: "failed", reason: "cancelled", detail: "taken back" }));
    };
  };

  onFrame(listener: (received: Received) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private hear(payload: Uint8Array): void {
    const received: Received = {
      payload,
      from: undefined,
      to: undefined,
      rssiDbm: -90,
      snrDb: 5,
      hops: undefined,
    };
    for (const listener of this.listeners) listener(received);
  }
}
