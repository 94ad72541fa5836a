import type { Timers } from "../../host/timers.ts";
import type { ChannelSettings } from "../../lora/modulation.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import type { Firmware, ToHost } from "../firmware.ts";
import { decodeRylrFrame, encodeRylrFrame } from "./rylr998-frame.ts";

export interface Rylr998FirmwareOptions {
  modem: Modem;
  timers: Timers;
  toHost: ToHost;
  /** 0 to 65535; a new module has 0. */
  address?: number;
  /** 3 to 15, or 18. */
  networkId?: number;
  settings?: ChannelSettings;
  version?: string;
  /** Whether a packet is answered at once or when it has left: both are met. Default "at-once". */
  answers?: "at-once" | "when-sent";
}

/** As a new module has it: 915 MHz, SF9, 125 kHz, 4/5, preamble 12, 22 dBm. */
const DEFAULTS: ChannelSettings = {
  frequencyHz: 915_000_000,
  modulation: { spreadingFactor: 9, bandwidthHz: 125_000, codingRate: 5, preambleSymbols: 12 },
  powerDbm: 22,
};

const ERROR = {
  noEnd: 1,
  noHead: 2,
  unknown: 4,
  wrongLength: 5,
  tooLong: 13,
  busy: 17,
  preamble: 18,
} as const;
const BANDWIDTHS: Readonly<Record<number, number>> = { 7: 125_000, 8: 250_000, 9: 500_000 };
const MAX_FACTOR: Readonly<Record<number, number>> = { 7: 9, 8: 10, 9: 11 };
const MAX_DATA = 240;
const ANSWER_MS = 2;
/** A line that is not ended within this time is an error. */
const LINE_MS = 100;
const FREE_NETWORK = 18;

/** A REYAX RYLR998 as its host and others on the air see it (REYAX AT command guide, 23 October 2023). */
export class Rylr998Firmware implements Firmware {
  address: number;
  networkId: number;
  settings: ChannelSettings;
  private readonly options: Rylr998FirmwareOptions;
  private line = "";
  private callOffLine: () => void = () => {};
  private sending = false;
  private stopped = false;
  private readonly stopHearing: () => void;

  constructor(options: Rylr998FirmwareOptions) {
    this.options = options;
    this.address = options.address ?? 0;
    this.networkId = options.networkId ?? FREE_NETWORK;
    this.settings = options.settings ?? DEFAULTS;
    options.modem.configure(this.settings);
    this.stopHearing = options.modem.onFrame((frame) => this.hear(frame));
    this.say("+READY");
  }

  receive(bytes: Uint8Array): void {
    if (this.stopped) return;
    this.callOffLine();
    this.line += Buffer.from(bytes).toString("latin1");
    for (let end = this.line.indexOf("\r\n"); end >= 0; end = this.line.indexOf("\r\n")) {
      const line = this.line.slice(0, end);
      this.line = this.line.slice(end + 2);
      this.onCommand(line);
    }
    if (this.line === "") return;
    this.callOffLine = this.options.timers.after(LINE_MS, () => {
      this.line = "";
      this.fail(ERROR.noEnd);
    });
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.callOffLine();
    this.stopHearing();
    this.options.modem.configure(undefined);
  }

  private say(line: string): void {
    this.sayBytes(Buffer.from(`${line}\r\n`, "latin1"));
  }

  private sayBytes(bytes: Uint8Array): void {
    this.options.timers.after(ANSWER_MS, () => {
      if (!this.stopped) this.options.toHost(bytes);
    });
  }

  private fail(code: number): void {
    this.say(`+ERR=${code}`);
  }

  private onCommand(line: string): void {
    if (!line.startsWith("AT")) {
      this.fail(ERROR.noHead);
      return;
    }
    if (line === "AT") {
      this.say("+OK");
      return;
    }
    const [, name = "", separator = "", value = ""] = /^AT\+([A-Z]+)([=?]?)([\s\S]*)$/.exec(line) ?? [];
    if (separator === "?") this.read(name);
    else if (name === "SEND" && separator === "=") this.send(value);
    else if (name === "RESET") this.reset();
    else this.write(name, value);
  }

  private reset(): void {
    this.say("+RESET");
    this.say("+READY");
  }

  private read(name: string): void {
    const { frequencyHz, modulation, powerDbm } = this.settings;
    const { spreadingFactor, bandwidthHz, codingRate, preambleSymbols } = modulation;
    const code = Object.keys(BANDWIDTHS).find((key) => BANDWIDTHS[Number(key)] === bandwidthHz);
    const values: Readonly<Record<string, string | number>> = {
      VER: this.options.version ?? "RYLR998_REYAX_V1.2.2",
      ADDRESS: this.address,
      NETWORKID: this.networkId,
      BAND: frequencyHz,
      PARAMETER: [spreadingFactor, code, codingRate - 4, preambleSymbols].join(","),
      CRFOP: powerDbm,
      IPR: 115_200,
    };
    const value = values[name];
    if (value === undefined) this.fail(ERROR.unknown);
    else this.say(`+${name}=${value}`);
  }

  private write(name: string, value: string): void {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    switch (name) {
      case "ADDRESS":
        this.accept(number <= 0xffff, () => {
          this.address = number;
        });
        break;
      case "NETWORKID":
        this.accept((number >= 3 && number <= 15) || number === FREE_NETWORK, () => {
          this.networkId = number;
        });
        break;
      case "BAND":
        this.accept(number >= 820_000_000 && number <= 960_000_000, () => this.tune({ frequencyHz: number }));
        break;
      case "CRFOP":
        this.accept(number >= 0 && number <= 22, () => this.tune({ powerDbm: number }));
        break;
      case "PARAMETER":
        this.setParameter(value);
        break;
      default:
        this.fail(ERROR.unknown);
    }
  }

  private accept(isValid: boolean, set: () => void): void {
    if (!isValid) {
      this.fail(ERROR.unknown);
      return;
    }
    set();
    this.say("+OK");
  }

  private tune(change: Partial<ChannelSettings>): void {
    this.settings = { ...this.settings, ...change };
    this.options.modem.configure(this.settings);
  }

  private setParameter(value: string): void {
    const [spreadingFactor = 0, code = 0, rate = 0, preambleSymbols = 0] = value.split(",").map(Number);
    const bandwidthHz = BANDWIDTHS[code];
    const maxFactor = MAX_FACTOR[code];
    const isValid =
      bandwidthHz !== undefined &&
      maxFactor !== undefined &&
      spreadingFactor >= 5 &&
      spreadingFactor <= maxFactor &&
      rate >= 1 &&
      rate <= 4;
    if (!isValid) {
      this.fail(ERROR.unknown);
      return;
    }
    const isAny = this.networkId === FREE_NETWORK && preambleSymbols >= 4 && preambleSymbols <= 24;
    if (!isAny && preambleSymbols !== 12) {
      this.fail(ERROR.preamble);
      return;
    }
    this.tune({ modulation: { spreadingFactor, bandwidthHz, codingRate: rate + 4, preambleSymbols } });
    this.say("+OK");
  }

  private send(value: string): void {
    const [, to = "", length = "", data = ""] = /^(\d+),(\d+),([\s\S]*)$/.exec(value) ?? [];
    if (to === "" || Number(to) > 0xffff) this.fail(ERROR.unknown);
    else if (Number(length) > MAX_DATA) this.fail(ERROR.tooLong);
    else if (Number(length) !== data.length || data.length === 0) this.fail(ERROR.wrongLength);
    else if (this.sending) this.fail(ERROR.busy);
    else this.transmit(Number(to), data);
  }

  private transmit(to: number, data: string): void {
    this.sending = true;
    const isLate = this.options.answers === "when-sent";
    if (!isLate) this.say("+OK");
    const { networkId, address: from } = this;
    const frame = encodeRylrFrame({ networkId, to, from, data: Buffer.from(data, "latin1") });
    this.options.modem.transmit(frame, () => {
      this.sending = false;
      if (isLate && !this.stopped) this.say("+OK");
    });
  }

  private hear({ bytes, rssiDbm, snrDb }: HeardFrame): void {
    const frame = decodeRylrFrame(bytes);
    if (this.stopped || frame?.networkId !== this.networkId) return;
    if (frame.to !== 0 && frame.to !== this.address) return;
    const head = `+RCV=${frame.from},${frame.data.length},`;
    const tail = `,${Math.round(rssiDbm)},${Math.round(snrDb)}\r\n`;
    this.sayBytes(Buffer.concat([Buffer.from(head), frame.data, Buffer.from(tail)]));
  }
}
