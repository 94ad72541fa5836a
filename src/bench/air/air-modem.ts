import type { ChannelSettings } from "../../lora/modulation.ts";
import type { Loss } from "./air-stats.ts";
import type { HeardFrame, Modem } from "./modem.ts";
import type { AirPosition } from "./path-loss.ts";
import { sensitivityDbm, snrLimitDb } from "./sensitivity.ts";
import type { Transmission } from "./transmission.ts";

/** The length field of LoRa's explicit header has eight bits. */
export const MAX_FRAME_BYTES = 255;

/** What a modem needs of the air around it. */
export interface AroundModem {
  readonly noiseFigureDb: number;
  /** @returns time on air in ms */
  begin(modem: AirModem, settings: ChannelSettings, frame: Uint8Array, done: () => void): number;
  /** What the modem was receiving is lost. */
  stopReceiving(modem: AirModem, why: Loss): void;
  cutOff(transmission: Transmission): void;
  hearsSignal(modem: AirModem, tuning: Tuning): boolean;
}

/** How a modem listens, worked out once. */
export interface Tuning {
  settings: ChannelSettings;
  sensitivityDbm: number;
}

/**
 * A modem on the virtual air. Settings that come while it sends hold from the end of the frame, as firmware that drives
 * a chip waits for it; sleep comes at once and cuts the frame off, as the loss of power does, and its `done` is not
 * called.
 */
export class AirModem implements Modem {
  tuning: Tuning | undefined;
  sending: Transmission | undefined;
  /** What it holds on to, on an air whose receivers do. */
  holding: Transmission | undefined;
  private listeners: readonly ((frame: HeardFrame) => void)[] = [];

  constructor(
    private readonly air: AroundModem,
    /** Its place among the modems of the air. */
    readonly place: number,
    readonly name: string,
    public position: AirPosition,
  ) {}

  /** @throws RangeError with the field named that no modem can be set to */
  configure(settings: ChannelSettings | undefined): void {
    if (settings) checkSettings(settings);
    this.air.stopReceiving(this, "retuned");
    if (!settings && this.sending) {
      this.air.cutOff(this.sending);
    }
    this.tuning = settings && tuned(settings, this.air.noiseFigureDb);
  }

  transmit(frame: Uint8Array, done: () => void): number {
    if (!this.tuning) throw new Error(`${this.name}: a sleeping modem cannot send`);
    if (this.sending) throw new Error(`${this.name}: it is sending already`);
    if (frame.length === 0 || frame.length > MAX_FRAME_BYTES) {
      throw new Error(`${this.name}: frame: ${frame.length} bytes, not 1 to ${MAX_FRAME_BYTES}`);
    }
    this.air.stopReceiving(this, "half-duplex");
    return this.air.begin(this, this.tuning.settings, frame.slice(), done);
  }

  isBusy(): boolean {
    if (this.sending) return true;
    return this.tuning !== undefined && this.air.hearsSignal(this, this.tuning);
  }

  onFrame(listener: (frame: HeardFrame) => void): () => void {
    const own = (frame: HeardFrame) => listener(frame);
    this.listeners = [...this.listeners, own];
    return () => {
      this.listeners = this.listeners.filter((other) => other !== own);
    };
  }

  /** Each listener gets bytes of its own. */
  hear(bytes: Uint8Array, rssiDbm: number, snrDb: number): void {
    for (const listener of this.listeners) listener({ bytes: bytes.slice(), rssiDbm, snrDb });
  }
}

const tuned = (settings: ChannelSettings, noiseFigureDb: number): Tuning => ({
  settings: { ...settings, modulation: { ...settings.modulation } },
  sensitivityDbm: sensitivityDbm(settings.modulation, noiseFigureDb),
});

function checkSettings({ frequencyHz, modulation, powerDbm }: ChannelSettings): void {
  const { spreadingFactor, bandwidthHz, codingRate, preambleSymbols } = modulation;
  snrLimitDb(spreadingFactor);
  const isPositive = (value: number) => Number.isFinite(value) && value > 0;
  if (!isPositive(bandwidthHz)) throw new RangeError(`bandwidthHz: ${bandwidthHz} is not above 0`);
  if (![5, 6, 7, 8].includes(codingRate))
    throw new RangeError(`codingRate: ${codingRate} is not one of 5 to 8`);
  if (!isPositive(preambleSymbols))
    throw new RangeError(`preambleSymbols: ${preambleSymbols} is not above 0`);
  if (!isPositive(frequencyHz)) throw new RangeError(`frequencyHz: ${frequencyHz} is not above 0`);
  if (!Number.isFinite(powerDbm)) throw new RangeError(`powerDbm: ${powerDbm} is not a number`);
}
