import type { Timers } from "../../host/timers.ts";
import type { ChannelSettings, Modulation } from "../../lora/modulation.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import type { Firmware, ToHost } from "../firmware.ts";
import { decodeE22Frame, encodeE22Frame } from "./e22-frame.ts";

export type E22Mode = "transparent" | "wake-on-radio" | "configuration" | "sleep";

export interface E22FirmwareOptions {
  modem: Modem;
  timers: Timers;
  toHost: ToHost;
  /** Registers 00 to 06; default as it comes. */
  registers?: Uint8Array;
  /** Bit 4 of REG1: whether modes are switched by a command; default off, as it comes. */
  hasSoftwareSwitch?: boolean;
  /** What its pins say; default transparent. */
  mode?: E22Mode;
}

const MODES: readonly E22Mode[] = ["transparent", "wake-on-radio", "configuration", "sleep"];
const FACTORY = [0, 0, 0, 0x62, 0, 18, 0];
const SOFTWARE_SWITCH = 0x10;
const BAUD = [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200];
const SUB_PACKETS = [240, 128, 64, 32];
const POWERS_DBM = [22, 17, 13, 10];
/** By air data rate; the maker does not publish these. */
const MODULATIONS = [
  [12, 125_000],
  [11, 250_000],
  [11, 500_000],
  [10, 500_000],
  [9, 500_000],
  [8, 500_000],
  [6, 500_000],
  [5, 500_000],
] as const;
/** What comes while this is full is lost. */
const BUFFER_BYTES = 1_000;
const EVERYONE = 0xffff;
const MAX_WAIT_MS = 2_000;
const LISTEN_AGAIN_MS = 50;
const WRONG_FORMAT = Uint8Array.of(0xff, 0xff, 0xff);
const REGISTERS_WITH_KEY = 9;

/** An EBYTE E22-900T22S behind its serial line (E22-xxxT22S user manual). */
export class E22Firmware implements Firmware {
  /** 00 to 06, and the two bytes of the key, which are never read out. */
  readonly registers = new Uint8Array(REGISTERS_WITH_KEY);
  private readonly options: E22FirmwareOptions;
  private mode: E22Mode;
  private buffer: number[] = [];
  private callOffSilence: () => void = () => {};
  private sending = false;
  private waitedMs = 0;
  private stopped = false;
  private readonly stopHearing: () => void;

  constructor(options: E22FirmwareOptions) {
    this.options = options;
    this.registers.set(options.registers ?? FACTORY);
    if (options.hasSoftwareSwitch) this.registers[4] = this.register(4) | SOFTWARE_SWITCH;
    this.mode = options.mode ?? "transparent";
    this.stopHearing = options.modem.onFrame((frame) => this.hear(frame));
    this.tune();
  }

  /** Somebody sets M0 and M1. */
  setPins(mode: E22Mode): void {
    this.mode = mode;
    this.buffer = [];
    this.tune();
  }

  receive(bytes: Uint8Array): void {
    if (this.stopped || this.mode === "sleep") return;
    const room = BUFFER_BYTES - this.buffer.length;
    this.buffer.push(...bytes.subarray(0, room));
    this.callOffSilence();
    // A packet, or a command, ends with silence as long as three bytes.
    this.callOffSilence = this.options.timers.after(this.serialMs(3), () => this.onSilence());
    if (this.mode === "transparent" && this.buffer.length >= this.subPacketBytes) this.sendNext();
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.callOffSilence();
    this.stopHearing();
    this.options.modem.configure(undefined);
  }

  private register(at: number): number {
    return this.registers[at] ?? 0;
  }

  private get subPacketBytes(): number {
    return SUB_PACKETS[this.register(4) >> 6] ?? 240;
  }

  private serialMs(bytes: number): number {
    const baud = this.mode === "configuration" ? 9_600 : (BAUD[this.register(3) >> 5] ?? 9_600);
    return (bytes * 10_000) / baud;
  }

  private settings(channel = this.register(5)): ChannelSettings {
    const [spreadingFactor, bandwidthHz] = MODULATIONS[this.register(3) & 7] ?? MODULATIONS[2];
    const modulation: Modulation = { spreadingFactor, bandwidthHz, codingRate: 5, preambleSymbols: 8 };
    const powerDbm = POWERS_DBM[this.register(4) & 3] ?? 22;
    return { frequencyHz: 850_125_000 + channel * 1_000_000, modulation, powerDbm };
  }

  private tune(): void {
    this.options.modem.configure(this.mode === "transparent" ? this.settings() : undefined);
    // A frame that is cut off never tells its end.
    if (this.mode !== "transparent") this.sending = false;
  }

  private say(bytes: Uint8Array): void {
    this.options.timers.after(this.serialMs(bytes.length), () => {
      if (!this.stopped) this.options.toHost(bytes);
    });
  }

  private onSilence(): void {
    if (this.switchMode()) return;
    if (this.mode === "configuration") this.configure(Uint8Array.from(this.buffer.splice(0)));
    else if (this.mode === "transparent") this.sendNext();
  }

  /** `C0 C1 C2 C3 02` and the mode, answered without its first byte. */
  private switchMode(): boolean {
    const isOn = (this.register(4) & SOFTWARE_SWITCH) !== 0;
    const [c0, c1, c2, c3, two, mode] = this.buffer;
    const isCommand = c0 === 0xc0 && c1 === 0xc1 && c2 === 0xc2 && c3 === 0xc3 && two === 2;
    const wanted = MODES[mode ?? MODES.length];
    if (!isOn || !isCommand || this.buffer.length !== 6 || !wanted) return false;
    this.buffer = [];
    this.say(Uint8Array.of(0xc1, 0xc2, 0xc3, 2, mode ?? 0));
    this.mode = wanted;
    this.tune();
    return true;
  }

  private configure(command: Uint8Array): void {
    const [head, start = 0, length = 0, ...values] = command;
    const isInside = length > 0 && start + length <= REGISTERS_WITH_KEY;
    const isRead = head === 0xc1 && values.length === 0;
    const isWrite = (head === 0xc0 || head === 0xc2) && values.length === length;
    if (!isInside || !(isRead || isWrite)) {
      this.say(WRONG_FORMAT);
      return;
    }
    if (isWrite) this.registers.set(values, start);
    const shown = this.registers
      .slice(start, start + length)
      .map((value, at) => (start + at >= 7 ? 0 : value));
    this.say(Uint8Array.of(0xc1, start, length, ...shown));
  }

  /** Listens first where bit 4 of REG3 says so, for two seconds at most. */
  private isHeldBack(): boolean {
    const listens = (this.register(6) & 0x10) !== 0;
    if (!listens || this.waitedMs >= MAX_WAIT_MS || !this.options.modem.isBusy()) {
      this.waitedMs = 0;
      return false;
    }
    this.waitedMs += LISTEN_AGAIN_MS;
    this.options.timers.after(LISTEN_AGAIN_MS, () => this.sendNext());
    return true;
  }

  private sendNext(): void {
    if (this.sending || this.stopped || this.mode !== "transparent" || this.buffer.length === 0) return;
    if (this.isHeldBack()) return;
    const isFixed = (this.register(6) & 0x40) !== 0;
    const head = isFixed ? this.buffer.splice(0, 3) : [];
    const data = Uint8Array.from(this.buffer.splice(0, this.subPacketBytes));
    const [high = 0, low = 0, channel = this.register(5)] = head;
    // Too short to say where it goes.
    if (data.length === 0) return;
    const own = (this.register(0) << 8) | this.register(1);
    const address = isFixed ? (high << 8) | low : own;
    const { modem } = this.options;
    this.sending = true;
    modem.configure(this.settings(channel));
    modem.transmit(encodeE22Frame({ networkId: this.register(2), address, data }), () => {
      this.sending = false;
      if (this.stopped) return;
      this.tune();
      this.sendNext();
    });
  }

  private hear({ bytes, rssiDbm }: HeardFrame): void {
    const frame = decodeE22Frame(bytes);
    if (this.stopped || this.mode !== "transparent" || frame?.networkId !== this.register(2)) return;
    const own = (this.register(0) << 8) | this.register(1);
    if (own !== EVERYONE && frame.address !== EVERYONE && frame.address !== own) return;
    const hasRssi = (this.register(6) & 0x80) !== 0;
    const rssi = 256 + Math.round(Math.max(-255, Math.min(-1, rssiDbm)));
    this.say(hasRssi ? Uint8Array.of(...frame.data, rssi) : frame.data);
  }
}
