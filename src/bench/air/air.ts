import type { Timers } from "../../host/timers.ts";
import { timeOnAirMs } from "../../lora/airtime/time-on-air.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import { type Random, seededRandom } from "../seeded-random.ts";
import { AirModem, type AroundModem, type Tuning } from "./air-modem.ts";
import { type AirStats, type Loss, noStats } from "./air-stats.ts";
import { AirtimeRecord } from "./airtime-record.ts";
import { sameSignal, weightOf } from "./interference.ts";
import { Links } from "./links.ts";
import { type AirPosition, type PathLoss, suburban } from "./path-loss.ts";
import { noiseFloorDbm } from "./sensitivity.ts";
import { type Reception, type Rival, survives, Transmission } from "./transmission.ts";

/** Channel activity detection compares so many symbols before it can tell (Semtech AN1200.48). */
const CAD_SYMBOLS = 2;

export interface AirOptions {
  timers: Timers;
  /** Any integer: what is random comes out the same for the same seed. */
  seed: number;
  /** Default: {@link suburban}. */
  pathLoss?: PathLoss;
  /** Of every receiver; default 6 dB. */
  noiseFigureDb?: number;
  /** The share of frames that are lost at each receiver for no other reason, 0 to 1; default 0. */
  frameLoss?: number;
  /**
   * `relocks` (default): a later frame that is stronger by the capture threshold is received instead of the one before,
   * as in LoRaSim. `holds-on`: a receiver stays with the first frame whose preamble it heard, to its end.
   */
  receiver?: "relocks" | "holds-on";
  /** How long {@link Air.airtime} remembers; default for ever, which a long run cannot afford. */
  airtimeMemoryMs?: number;
}

/**
 * One stretch of air that all its modems share. Signals weaken by distance and take no time to travel (15 km take
 * 50 µs, a twentieth of ShortTurbo's symbol). A frame is received whole by a modem that listens from the critical part
 * of its preamble to its end, and to which it is strong enough over the noise and over the sum of all others all that
 * time. It awaits nothing, and on virtual time a run can be repeated to the last bit.
 */
export class Air implements AroundModem {
  readonly noiseFigureDb: number;
  /** Each modem's time on the air, as seen from outside. */
  readonly airtime: AirtimeRecord;
  private readonly timers: Timers;
  private readonly random: Random;
  private readonly links: Links;
  private readonly frameLoss: number;
  private readonly holdsOn: boolean;
  private readonly modems: AirModem[] = [];
  private onAir: readonly Transmission[] = [];
  private readonly counted: AirStats = noStats();

  constructor(options: AirOptions) {
    const { frameLoss = 0 } = options;
    if (!(frameLoss >= 0 && frameLoss <= 1)) throw new RangeError(`frameLoss: ${frameLoss} is not 0 to 1`);
    this.timers = options.timers;
    this.random = seededRandom(options.seed);
    this.links = new Links(options.pathLoss ?? suburban(), options.seed);
    this.noiseFigureDb = options.noiseFigureDb ?? 6;
    this.frameLoss = frameLoss;
    this.holdsOn = options.receiver === "holds-on";
    this.airtime = new AirtimeRecord(options.airtimeMemoryMs);
  }

  /**
   * A new modem, which sleeps until it is configured.
   * @param name unlike every other one; what stands between two modems depends on their names alone
   */
  modem({ position, name }: { position: AirPosition; name: string }): AirModem {
    if (this.modems.some((modem) => modem.name === name)) throw new Error(`name: ${name} is taken`);
    const modem = new AirModem(this, this.modems.length, name, position);
    this.modems.push(modem);
    return modem;
  }

  stats(): AirStats {
    return { ...this.counted, lost: { ...this.counted.lost } };
  }

  /** How strongly one modem is heard by another when it sends with these settings, in dBm. */
  rssiDbm(from: AirModem, to: AirModem, { frequencyHz, powerDbm }: ChannelSettings): number {
    return powerDbm - this.links.lossDb(from, to, frequencyHz);
  }

  begin(modem: AirModem, settings: ChannelSettings, frame: Uint8Array, done: () => void): number {
    const startMs = this.timers.monotonicMs();
    const airtimeMs = timeOnAirMs(settings.modulation, frame.length);
    const rssiDbm = this.modems.map((other) =>
      other === modem ? Number.NEGATIVE_INFINITY : this.rssiDbm(modem, other, settings),
    );
    const transmission = new Transmission({ modem, frame, settings, startMs, airtimeMs, rssiDbm, done });
    transmission.callOff = [
      this.timers.after(transmission.criticalMs - startMs, () => this.decide(transmission)),
      this.timers.after(airtimeMs, () => this.end(transmission)),
    ];
    modem.sending = transmission;
    this.disturb(transmission, startMs);
    this.onAir = [...this.onAir, transmission];
    this.counted.sent++;
    this.counted.airtimeMs += airtimeMs;
    this.airtime.note(modem.name, {
      frequencyHz: settings.frequencyHz,
      bandwidthHz: settings.modulation.bandwidthHz,
      startMs,
      endMs: transmission.endMs,
    });
    return airtimeMs;
  }

  stopReceiving(modem: AirModem, why: Loss): void {
    modem.holding = undefined;
    for (const { receptions } of this.onAir) {
      if (receptions[modem.place] === "receiving") receptions[modem.place] = why;
    }
  }

  cutOff(transmission: Transmission): void {
    const nowMs = this.timers.monotonicMs();
    for (const callOff of transmission.callOff) callOff();
    this.decide(transmission);
    this.counted.airtimeMs -= transmission.endMs - nowMs;
    this.airtime.cutOff(transmission.modem.name, nowMs);
    this.takeOff(transmission);
    this.count(transmission, () => "cut-off");
  }

  hearsSignal(modem: AirModem, { settings, sensitivityDbm }: Tuning): boolean {
    const nowMs = this.timers.monotonicMs();
    return this.onAir.some(
      (other) =>
        other.isOnAir(nowMs) &&
        other.startMs + CAD_SYMBOLS * other.symbolMs <= nowMs &&
        sameSignal(settings, other.settings) &&
        (other.rssiDbm[modem.place] ?? Number.NEGATIVE_INFINITY) >= sensitivityDbm,
    );
  }

  /** The critical part of a preamble begins: from here on a receiver hears it undisturbed, or not at all. */
  private decide(transmission: Transmission): void {
    if (transmission.decided) return;
    transmission.decided = true;
    const nowMs = this.timers.monotonicMs();
    const rivals = this.rivalsOf(transmission, nowMs);
    for (const modem of this.modems.slice(0, transmission.receptions.length)) {
      if (modem === transmission.modem) continue;
      const reception = this.receptionBy(modem, transmission, rivals, nowMs);
      transmission.receptions[modem.place] = reception;
      if (reception === "receiving") modem.holding = transmission;
    }
  }

  private receptionBy(
    modem: AirModem,
    transmission: Transmission,
    rivals: readonly Rival[],
    nowMs: number,
  ): Reception {
    const { tuning, holding } = modem;
    if (!tuning) return "asleep";
    if (!sameSignal(tuning.settings, transmission.settings)) return "tuned-elsewhere";
    if ((transmission.rssiDbm[modem.place] ?? 0) < tuning.sensitivityDbm) return "too-weak";
    if (modem.sending) return "half-duplex";
    if (this.holdsOn && holding?.isOnAir(nowMs)) return "locked";
    return survives(transmission, modem.place, rivals) ? "receiving" : "collision";
  }

  /** A frame comes on the air: what others were receiving may not survive it. */
  private disturb(newcomer: Transmission, nowMs: number): void {
    for (const transmission of this.onAir) {
      if (!transmission.decided || !transmission.isOnAir(nowMs)) continue;
      const weight = weightOf(transmission.settings, newcomer.settings);
      if (weight === 0) continue;
      const rivals = [...this.rivalsOf(transmission, nowMs), { powerMw: newcomer.powerMw, weight }];
      transmission.receptions.forEach((reception, place) => {
        if (reception !== "receiving" || survives(transmission, place, rivals)) return;
        transmission.receptions[place] = "collision";
      });
    }
  }

  private rivalsOf(transmission: Transmission, nowMs: number): Rival[] {
    const rivals: Rival[] = [];
    for (const other of this.onAir) {
      if (other === transmission || !other.isOnAir(nowMs)) continue;
      const weight = weightOf(transmission.settings, other.settings);
      if (weight > 0) rivals.push({ powerMw: other.powerMw, weight });
    }
    return rivals;
  }

  private end(transmission: Transmission): void {
    this.decide(transmission);
    this.takeOff(transmission);
    const isLost = () => this.frameLoss > 0 && this.random() < this.frameLoss;
    const receivers = this.count(transmission, () => (isLost() ? "random" : "receiving"));
    const noiseDbm = noiseFloorDbm(transmission.settings.modulation.bandwidthHz, this.noiseFigureDb);
    // Told only once all is counted: whoever is told may send at once.
    for (const modem of receivers) {
      const rssiDbm = transmission.rssiDbm[modem.place] ?? Number.NEGATIVE_INFINITY;
      modem.hear(transmission.frame, rssiDbm, rssiDbm - noiseDbm);
    }
    transmission.done();
  }

  private takeOff(transmission: Transmission): void {
    transmission.ended = true;
    transmission.modem.sending = undefined;
    this.onAir = this.onAir.filter((other) => other !== transmission);
  }

  /** @returns who has received it */
  private count(transmission: Transmission, verdict: () => Loss | "receiving"): AirModem[] {
    const receivers: AirModem[] = [];
    for (const modem of this.modems.slice(0, transmission.receptions.length)) {
      if (modem === transmission.modem) continue;
      const reception = transmission.receptions[modem.place];
      const outcome = reception === "receiving" ? verdict() : reception;
      if (outcome === "receiving") {
        this.counted.received++;
        receivers.push(modem);
      } else if (outcome !== undefined && outcome !== "coming") {
        this.counted.lost[outcome]++;
      }
    }
    return receivers;
  }
}
