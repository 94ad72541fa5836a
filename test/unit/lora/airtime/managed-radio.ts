import type { Timers } from "../../../../src/host/timers.ts";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import type { Fate, Outgoing, RadioCapabilities, RadioStatus } from "../../../../src/lora/radio.ts";
import { CHANNEL, FakeRadio } from "./fake-radio.ts";

const OVERHEAD_BYTES = 22;

/** Firmware that decides itself when a packet goes, is full at times, and sends of its own accord. */
export class ManagedRadio extends FakeRadio {
  override readonly capabilities: RadioCapabilities = {
    maxPayloadBytes: 233,
    bitRate: 1_074,
    access: "managed",
    routes: true,
    acknowledges: true,
    listensBeforeTalk: true,
    overheadBytes: OVERHEAD_BYTES,
  };
  airtimeShare: number | undefined;
  self: string | undefined;

  constructor(
    private readonly time: Timers,
    /** How long it keeps the next packet before it is on the air, in ms. */
    private readonly waitMs: () => number,
  ) {
    super(time);
  }

  override send({ payload, priority }: Outgoing, told: (fate: Fate) => void): void {
    const refusal = this.refusals.shift();
    if (refusal) {
      this.time.after(0, () => told(refusal));
      return;
    }
    const startMs = this.time.monotonicMs() + this.waitMs();
    const airtimeMs = timeOnAirMs(CHANNEL.modulation, payload.length + OVERHEAD_BYTES);
    this.seen.push({ startMs, endMs: startMs + airtimeMs, payload, priority });
    this.time.after(0, () => told({ state: "queued" }));
    this.time.after(startMs + airtimeMs - this.time.monotonicMs(), () => told({ state: "on-air" }));
  }

  /** It tells what it has sent in the last hour, others' packets included. */
  reports(airtimeShare: number): void {
    this.airtimeShare = airtimeShare;
    this.emit("changed");
  }

  override status(): RadioStatus {
    return { ...super.status(), self: this.self, airtimeShare: this.airtimeShare };
  }
}
