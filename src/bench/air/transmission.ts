import { symbolMs } from "../../lora/airtime/time-on-air.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import type { AirModem } from "./air-modem.ts";
import type { Loss } from "./air-stats.ts";

/**
 * What a receiver must hear undisturbed of the preamble: its last symbols. It can lose those before (LoRaSim: Bor et
 * al., MSWiM 2016, section 4.2).
 */
const CRITICAL_PREAMBLE_SYMBOLS = 5;

/** How one modem fares with a frame: `coming` up to the critical part of its preamble. */
export type Reception = "coming" | "receiving" | Loss;

export interface TransmissionStart {
  /** The sender. */
  modem: AirModem;
  frame: Uint8Array;
  settings: ChannelSettings;
  startMs: number;
  airtimeMs: number;
  /** The strength at each modem, by its place. */
  rssiDbm: readonly number[];
  done: () => void;
}

/** Another signal beside a frame: its power at each modem, and how much that counts there. */
export interface Rival {
  powerMw: readonly number[];
  weight: number;
}

/** Whether a frame is strong enough over all that is on the air beside it, at the modem of this place. */
export function survives({ powerMw }: Transmission, place: number, rivals: readonly Rival[]): boolean {
  let disturbance = 0;
  for (const rival of rivals) disturbance += (rival.powerMw[place] ?? 0) * rival.weight;
  return disturbance <= (powerMw[place] ?? 0);
}

/** One frame on the air. */
export class Transmission {
  readonly modem: AirModem;
  readonly frame: Uint8Array;
  readonly settings: ChannelSettings;
  readonly startMs: number;
  readonly symbolMs: number;
  /** From when a receiver must hear it undisturbed. */
  readonly criticalMs: number;
  readonly done: () => void;
  readonly endMs: number;
  ended = false;
  /** Whether the critical part has begun, and each modem's reception been decided. */
  decided = false;
  /** By the modems' places, as the next two. */
  readonly receptions: Reception[];
  readonly rssiDbm: readonly number[];
  readonly powerMw: readonly number[];
  /** Calls off what was to happen at the end of it. */
  callOff: (() => void)[] = [];

  constructor(start: TransmissionStart) {
    const { modulation } = start.settings;
    this.modem = start.modem;
    this.frame = start.frame;
    this.settings = start.settings;
    this.startMs = start.startMs;
    this.endMs = start.startMs + start.airtimeMs;
    this.symbolMs = symbolMs(modulation);
    this.criticalMs =
      start.startMs + Math.max(0, modulation.preambleSymbols - CRITICAL_PREAMBLE_SYMBOLS) * this.symbolMs;
    this.done = start.done;
    this.receptions = start.rssiDbm.map(() => "coming");
    this.rssiDbm = start.rssiDbm;
    this.powerMw = start.rssiDbm.map((dbm) => 10 ** (dbm / 10));
  }

  /** Whether it is on the air at `ms`; one that ends at that moment no more disturbs anything. */
  isOnAir(ms: number): boolean {
    return !this.ended && ms < this.endMs;
  }
}
