import type { Timers } from "../../host/timers.ts";
import { timeOnAirMs } from "../../lora/airtime/time-on-air.ts";
import { AIR_HEADER_BYTES } from "../../lora/meshtastic/wire-sizes.ts";
import type { ChannelSettings, Modulation } from "../../lora/modulation.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import { type AirPacket, decodeAirPacket, encodeAirPacket } from "./air-packet.ts";
import type { AirUse } from "./air-use.ts";
import { ownDelayMs, repeatDelayMs } from "./timing.ts";
import { type QueuedPacket, TxQueue } from "./tx-queue.ts";

/** What a chip measures at most, in dB; the firmware reckons with no more than 10. */
const MAX_SNR_DB = 12;

export interface HeardPacket extends Pick<HeardFrame, "rssiDbm" | "snrDb"> {
  packet: AirPacket;
  airtimeMs: number;
}

export interface TransmitterOptions {
  modem: Modem;
  timers: Timers;
  random: () => number;
  airUse: AirUse;
  heard: (heard: HeardPacket) => void;
  /** A line for whoever watches. */
  debug: (line: string) => void;
}

/**
 * The firmware's way to the channel: a random number of slots, then a look at it, and all over again when it is taken
 * (RadioLibInterface.cpp).
 */
export class Transmitter {
  readonly queue = new TxQueue();
  private modulation: Modulation | undefined;
  private isSending = false;
  private callOff: (() => void) | undefined;
  private readonly stopHearing: () => void;

  constructor(private readonly options: TransmitterOptions) {
    this.stopHearing = options.modem.onFrame((frame) => this.receive(frame));
  }

  /** @param settings undefined: deaf and mute, as without a region */
  configure(settings: ChannelSettings | undefined): void {
    this.modulation = settings?.modulation;
    this.options.modem.configure(settings);
  }

  /** @returns false when it was not taken: the queue is full */
  send(item: QueuedPacket): boolean {
    const isTaken = this.queue.add(item);
    if (isTaken) this.plan();
    return isTaken;
  }

  airtimeMs({ body }: Pick<AirPacket, "body">): number {
    return this.modulation ? timeOnAirMs(this.modulation, AIR_HEADER_BYTES + body.length) : 0;
  }

  stop(): void {
    this.callOff?.();
    this.stopHearing();
    this.options.modem.configure(undefined);
  }

  /** A wait that has begun is not begun anew. */
  private plan(): void {
    const { first } = this.queue;
    const { modulation } = this;
    if (this.callOff || !first || !modulation) return;
    const { timers, random, airUse } = this.options;
    const delayMs =
      first.snrDb === undefined
        ? ownDelayMs(modulation, airUse.channelPercent(), random)
        : repeatDelayMs(modulation, first.snrDb, random);
    this.callOff = timers.after(delayMs, () => {
      this.callOff = undefined;
      this.look();
    });
  }

  private look(): void {
    if (this.isSending || this.options.modem.isBusy()) this.plan();
    else this.transmit();
  }

  private transmit(): void {
    const item = this.queue.takeFirst();
    if (!item) return;
    this.isSending = true;
    const airtimeMs = this.options.modem.transmit(encodeAirPacket(item.packet), () => {
      this.isSending = false;
      this.options.airUse.sent(airtimeMs);
      this.options.debug(`[RadioIf] Completed sending (id=0x${item.packet.id.toString(16)})`);
      this.plan();
    });
  }

  private receive({ bytes, rssiDbm, snrDb }: HeardFrame): void {
    if (!this.modulation) return;
    const airtimeMs = timeOnAirMs(this.modulation, bytes.length);
    this.options.airUse.heard(airtimeMs);
    const packet = decodeAirPacket(bytes);
    if (packet) this.options.heard({ packet, rssiDbm, snrDb: Math.min(snrDb, MAX_SNR_DB), airtimeMs });
    this.plan();
  }
}
