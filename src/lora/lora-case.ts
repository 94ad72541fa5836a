import { EventEmitter } from "node:events";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import {
  type AirtimeLedger,
  PacedCarrier,
  type RegionName,
  type SubBand,
  subBandOf,
} from "./airtime/index.ts";
import type { FirmwareName } from "./drivers.ts";
import type { Link } from "./link/index.ts";
import type { ChannelSettings } from "./modulation.ts";
import { type Radio, RadioError, type RadioNode, type RadioStatus } from "./radio.ts";

/** A radio on a port that is open, before its handshake. */
export interface Connected {
  firmware: FirmwareName;
  radio: Radio;
}

export interface LoraCaseOptions {
  /** The adapter's own name, the same when it is found again. */
  key: string;
  link: Link;
  /** Whose limits hold; undefined: it only listens. */
  region: RegionName | undefined;
  /** What it is set to where the firmware leaves that to the host. */
  channel: ChannelSettings;
  sosReserve: number;
  ledgerOf: (subBand: SubBand) => AirtimeLedger;
  /**
   * Opens the port and finds out what is there.
   * @param known what was there the last time, to be tried first
   * @returns undefined when no radio answers
   * @throws Error when the port cannot be opened
   */
  connect: (known: FirmwareName | undefined) => Promise<Connected | undefined>;
  timers: Timers;
  random: () => number;
  log: Logger;
}

export type CaseState =
  /** Not there. */
  | "gone"
  /** It is being found out what it is. */
  | "looking"
  /** No radio answers. */
  | "no radio"
  /** It hears, and may not send. */
  | "listening"
  | "working";

export interface LoraCaseEvents {
  changed: [];
  /** Journalled by the part. */
  told: [kind: "lora-case-up" | "lora-case-down", detail: Record<string, string>];
}

const FIRST_RETRY_MS = 250;
/** Something that is no radio is asked again so seldom that it is not disturbed. */
const LONGEST_RETRY_MS = 300_000;
/** A radio that has worked is worth asking often. */
const LONGEST_KNOWN_RETRY_MS = 5_000;
/** Firmware that the host has to set; others keep a channel of their own, which their owner's other nodes share. */
const SET_BY_HOST: readonly FirmwareName[] = ["rylr998", "e22"];
/** So many failures in a row of what was there before, and it is found out anew: other firmware may be on it now. */
const TRUSTED_FAILURES = 3;
/** Smaller frames are all header. */
const LEAST_FRAME_BYTES = 40;

/** One LoRa case: found out, set up, paced, tied to its link, and taken up again whenever it comes back. */
export class LoraCase extends EventEmitter<LoraCaseEvents> {
  private current: CaseState = "gone";
  private why = "";
  private isPresent = false;
  private isStopped = false;
  private known: FirmwareName | undefined;
  /** Openings in a row that came to nothing. */
  private failures = 0;
  private radio: Radio | undefined;
  private carrier: PacedCarrier | undefined;
  private subBand: SubBand | undefined;
  private connect: LoraCaseOptions["connect"];
  private wake: () => void = () => {};
  private tending: Promise<void> | undefined;

  constructor(private readonly options: LoraCaseOptions) {
    super();
    this.connect = options.connect;
  }

  get key(): string {
    return this.options.key;
  }

  get link(): Link {
    return this.options.link;
  }

  get state(): CaseState {
    return this.current;
  }

  /** Why it is as it is, in words; "" while all is well. */
  get reason(): string {
    return this.why;
  }

  get firmware(): FirmwareName | undefined {
    return this.known;
  }

  get radioStatus(): RadioStatus | undefined {
    return this.radio?.status();
  }

  get nodes(): readonly RadioNode[] {
    return this.radio?.nodes() ?? [];
  }

  /** The sub-band that it sends in, with what it has used of it, each limit with its window. */
  get airtime(): { subBand: SubBand; usedMs: number[] } | undefined {
    const { subBand } = this;
    if (!subBand) return undefined;
    const ledger = this.options.ledgerOf(subBand);
    const nowMs = this.options.timers.monotonicMs();
    return { subBand, usedMs: subBand.limits.map((limit) => ledger.usedMs(limit, nowMs)) };
  }

  /** From now on it is opened in this way. */
  connectBy(connect: LoraCaseOptions["connect"]): void {
    this.connect = connect;
  }

  /** It is plugged in. */
  come(): void {
    this.isPresent = true;
    this.wake();
    this.tending ??= this.tend().finally(() => {
      this.tending = undefined;
    });
  }

  /** It is not there any more. */
  go(): void {
    this.isPresent = false;
    this.wake();
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    this.go();
    await this.tending;
  }

  private async tend(): Promise<void> {
    let waitMs = FIRST_RETRY_MS;
    while (this.isPresent && !this.isStopped) {
      this.become("looking");
      const startedMs = this.options.timers.monotonicMs();
      const why = await this.serve().catch((error: unknown) =>
        error instanceof Error ? error.message : String(error),
      );
      const servedMs = this.options.timers.monotonicMs() - startedMs;
      const longestMs = this.known === undefined ? LONGEST_RETRY_MS : LONGEST_KNOWN_RETRY_MS;
      waitMs =
        servedMs > LONGEST_KNOWN_RETRY_MS && this.known ? FIRST_RETRY_MS : Math.min(waitMs * 2, longestMs);
      if (!this.isPresent || this.isStopped) break;
      this.become("no radio", why);
      await this.pause(waitMs);
    }
    this.become("gone");
  }

  /** @returns why it is over */
  private async serve(): Promise<string> {
    this.failures += 1;
    if (this.failures > TRUSTED_FAILURES) this.known = undefined;
    const connected = await this.connect(this.known);
    if (!connected) return "no LoRa firmware answers";
    const { radio, firmware } = connected;
    const closed = new Promise<string>((resolve) => radio.once("closed", resolve));
    await radio.open();
    try {
      if (!this.isPresent || this.isStopped) return "gone";
      this.known = firmware;
      this.failures = 0;
      this.radio = radio;
      radio.on("changed", () => this.emit("changed"));
      if (SET_BY_HOST.includes(firmware)) await this.setChannel(radio);
      this.useRadio(radio);
      this.emit("told", "lora-case-up", {
        firmware: radio.status().firmware,
        state: this.current,
        ...(this.why === "" ? {} : { reason: this.why }),
      });
      const gone = new Promise<string>((resolve) => {
        this.wake = () => {
          if (!this.isPresent || this.isStopped) resolve("unplugged");
        };
      });
      const why = await Promise.race([closed, gone]);
      this.emit("told", "lora-case-down", { reason: why });
      return why;
    } finally {
      this.wake = () => {};
      this.options.link.detach();
      this.carrier?.close("the case is gone");
      this.carrier = undefined;
      this.subBand = undefined;
      this.radio = undefined;
      await radio
        .close()
        .catch((error: unknown) => this.options.log.debug({ error }, `${this.key}: closing`));
    }
  }

  private async setChannel(radio: Radio): Promise<void> {
    try {
      await radio.setChannel(this.options.channel);
    } catch (error) {
      if (!(error instanceof RadioError) || error.reason !== "unsupported") throw error;
      this.options.log.warn({ error }, `${this.key}: it keeps the channel that it has`);
    }
  }

  /** Ties the radio to the link, if it may send as it is set. */
  private useRadio(radio: Radio): void {
    const { region, link, ledgerOf, timers, random, sosReserve } = this.options;
    if (region === undefined) {
      this.become("listening", "lora.region is not set: it sends nothing");
      return;
    }
    try {
      const channel = channelOf(radio, this.options.channel);
      const subBand = subBandOf(region, channel);
      const isBusy = busySignOf(radio);
      const carrier = new PacedCarrier({
        radio,
        channel,
        ledger: ledgerOf(subBand),
        timers,
        random,
        sosReserve,
        ...(isBusy ? { isBusy } : {}),
      });
      if (carrier.maxFrameBytes < LEAST_FRAME_BYTES) {
        carrier.close("not used");
        throw new Error(
          `${region} leaves frames of ${carrier.maxFrameBytes} bytes at this speed, which carry nothing: set lora.preset = "ShortTurbo"`,
        );
      }
      this.subBand = subBand;
      this.carrier = carrier;
      link.attach(carrier);
      this.become("working");
    } catch (error) {
      this.become("listening", error instanceof Error ? error.message : String(error));
    }
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.options.timers.after(ms, resolve);
      this.wake = () => {
        cancel();
        resolve();
      };
    });
  }

  private become(state: CaseState, why = ""): void {
    if (this.current === state && this.why === why) return;
    this.current = state;
    this.why = why;
    this.emit("changed");
  }
}

/** How a radio is set, by its own word where it has one. */
function channelOf(radio: Radio, wanted: ChannelSettings): ChannelSettings {
  const { frequencyHz, modulation, powerDbm } = radio.status().channel;
  return {
    frequencyHz: frequencyHz ?? wanted.frequencyHz,
    modulation: modulation ?? wanted.modulation,
    powerDbm: powerDbm ?? wanted.powerDbm,
  };
}

/** Some radios can say whether others are on the channel. */
function busySignOf(radio: Radio): (() => boolean) | undefined {
  if (!("isBusy" in radio) || typeof radio.isBusy !== "function") return undefined;
  const ask = radio.isBusy.bind(radio);
  return () => ask() === true;
}
