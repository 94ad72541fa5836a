import type { Timers } from "../../host/timers.ts";
import { symbolMs, timeOnAirMs } from "../../lora/airtime/time-on-air.ts";
import { bigEndian } from "../../lora/rnode/big-endian.ts";
import {
  ASK,
  COMMAND,
  DETECT_REQUEST,
  DETECT_RESPONSE,
  ERROR,
  MTU,
  RESET_BYTE,
  RSSI_OFFSET,
} from "../../lora/rnode/commands.ts";
import { KissDecoder, type KissFrame, kissFrame } from "../../lora/rnode/kiss.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import type { Firmware, ToHost } from "../firmware.ts";
import { RnodeAirtime, SAMPLE_MS } from "./rnode-airtime.ts";
import { contentionWindow, RnodeCsma } from "./rnode-csma.ts";
import { framesOf, RnodeAssembler } from "./rnode-packets.ts";
import { phyOf } from "./rnode-phy.ts";
import { RnodeRegisters } from "./rnode-registers.ts";

/** Of the boards with an ESP32 (RNode_Firmware, Boards.h). */
const QUEUE_PACKETS = 200;
const QUEUE_BYTES = 6_144;
/** What its UART holds while it sends and does not look; more is lost. */
const UART_BYTES = 6_144;
const CHANNEL_STATS_MS = 1_000;
const BATTERY_MS = 5_000;
const NOISE_FLOOR_DBM = -110;
const BOOT_TEXT =
  "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x17 (SPI_FAST_FLASH_BOOT)\r\n";

export interface RNodeFirmwareOptions {
  modem: Modem;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  toHost: ToHost;
  /** Major, minor; default 1.86. */
  version?: readonly [number, number];
  /** More is cut to this; default 22 dBm, an SX1262's. */
  maxPowerDbm?: number;
  /** 0 to 100; default: no battery is told of. */
  batteryPercent?: number;
  /** From power to listening; default 600 ms. */
  bootMs?: number;
  /** The radio chip is broken: it does not start. */
  isBroken?: boolean;
}

/**
 * RNode firmware as on an ESP32 with an SX1262. While it sends it is deaf to the host, and it never says that it has
 * sent: all the host gets is its account of the airtime, afterwards and about once a second.
 */
export class RNodeFirmware implements Firmware {
  private readonly decoder = new KissDecoder(MTU, (frame) => this.obey(frame));
  private readonly csma: RnodeCsma;
  private airtime = new RnodeAirtime();
  private assembler = new RnodeAssembler();
  private state: "off" | "booting" | "on" = "off";
  private registers: RnodeRegisters;
  private isRadioOn = false;
  private isSending = false;
  private queue: Uint8Array[] = [];
  private uart: number[] = [];
  private band = 1;
  private stops = new Map<string, () => void>();

  constructor(private readonly options: RNodeFirmwareOptions) {
    this.registers = this.newRegisters();
    this.csma = new RnodeCsma({
      timers: options.timers,
      random: options.random,
      isFree: () => !options.modem.isBusy(),
      slotMs: () => this.phy.slotMs,
      window: () => contentionWindow(this.airtime.shares(this.nowMs).ownShort),
    });
    this.boot();
  }

  receive(bytes: Uint8Array): void {
    if (this.state !== "on") return;
    if (this.isSending) {
      this.uart.push(...bytes.subarray(0, UART_BYTES - this.uart.length));
      return;
    }
    this.decoder.push(bytes);
    this.serve();
  }

  stop(): void {
    this.state = "off";
    this.stopRadio();
    for (const stop of this.stops.values()) stop();
    this.stops.clear();
  }

  private get nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  private newRegisters(): RnodeRegisters {
    return new RnodeRegisters(this.options.maxPowerDbm ?? 22);
  }

  private get phy() {
    return phyOf(this.registers.channel.modulation);
  }

  private boot(): void {
    const { timers, toHost, bootMs = 600, batteryPercent } = this.options;
    this.state = "booting";
    // From the boot loader, at speeds and levels that the line does not have yet.
    const noise = Array.from({ length: 12 }, () => Math.floor(this.options.random() * 256));
    toHost(Uint8Array.of(...noise, ...new TextEncoder().encode(BOOT_TEXT)));
    this.later("boot", bootMs, () => {
      this.state = "on";
      this.say(COMMAND.RESET, RESET_BYTE);
    });
    if (batteryPercent === undefined) return;
    const tellBattery = () => {
      if (this.state === "on" && !this.isSending) this.say(COMMAND.STAT_BATTERY, 1, batteryPercent);
      this.stops.set("battery", timers.after(BATTERY_MS, tellBattery));
    };
    this.later("battery", BATTERY_MS, tellBattery);
  }

  private reset(): void {
    this.stop();
    this.registers = this.newRegisters();
    this.queue = [];
    this.uart = [];
    this.airtime = new RnodeAirtime();
    this.boot();
  }

  private obey({ command, payload }: KissFrame): void {
    if (this.state !== "on") return;
    if (command === COMMAND.DATA) {
      this.enqueue(payload);
      return;
    }
    const told = this.registers.take(command, payload, () => this.retune());
    if (told) this.say(command, ...told);
    else if (payload[0] !== undefined) this.answer(command, payload[0]);
  }

  private answer(command: number, byte: number): void {
    const { version = [1, 86] } = this.options;
    if (command === COMMAND.RESET && byte === RESET_BYTE) this.reset();
    else if (command === COMMAND.RADIO_STATE) this.setRadioState(byte);
    else if (command === COMMAND.DETECT && byte === DETECT_REQUEST) this.say(command, DETECT_RESPONSE);
    else if (command === COMMAND.READY) this.say(command, this.isQueueFull ? 0 : 1);
    else if (command === COMMAND.FIRMWARE_VERSION) this.say(command, ...version);
    else if (command === COMMAND.PLATFORM) this.say(command, 0x80);
    else if (command === COMMAND.MCU) this.say(command, 0x81);
    else if (command === COMMAND.RANDOM) this.say(command, Math.floor(this.options.random() * 256));
    else if (command === COMMAND.RADIO_LOCK) this.say(command, this.registers.isComplete ? 0 : 1);
    // These are never counted up.
    else if (command === COMMAND.STAT_RX || command === COMMAND.STAT_TX) this.say(command, 0, 0, 0, 0);
  }

  private setRadioState(byte: number): void {
    if (byte === 0) this.stopRadio();
    else if (byte === 1) this.startRadio();
    else if (byte !== ASK) return;
    this.sayRadioState();
    // Starting says it by itself, and then the command does, as in startRadio and serial_callback.
    if (byte === 1) this.sayRadioState();
  }

  private sayRadioState(): void {
    this.say(COMMAND.RADIO_STATE, this.isRadioOn ? 1 : 0);
  }

  private startRadio(): void {
    if (this.isRadioOn || !this.registers.isComplete) return;
    if (this.options.isBroken) {
      this.say(COMMAND.ERROR, ERROR.INIT_RADIO);
      return;
    }
    this.isRadioOn = true;
    this.stops.set(
      "hear",
      this.options.modem.onFrame((frame) => this.hear(frame)),
    );
    this.retune();
    this.later("stats", CHANNEL_STATS_MS, () => this.tellStats());
    this.later("look", SAMPLE_MS, () => this.look());
    this.serve();
  }

  private stopRadio(): void {
    this.isRadioOn = false;
    this.isSending = false;
    this.csma.stop();
    for (const name of ["hear", "stats", "look"]) {
      this.stops.get(name)?.();
      this.stops.delete(name);
    }
    this.options.modem.configure(undefined);
  }

  private retune(): void {
    if (!this.isRadioOn) return;
    const channel = this.registers.roundedByChip();
    this.options.modem.configure(channel);
    const { slotMs, preambleSymbols } = this.phy;
    const perSymbolMs = symbolMs(channel.modulation);
    const words = [
      perSymbolMs * 1_000,
      1_000 / perSymbolMs,
      preambleSymbols,
      preambleSymbols * perSymbolMs,
      slotMs,
      2 * slotMs,
    ];
    this.say(COMMAND.STAT_PHY, ...words.flatMap((word) => bigEndian(Math.floor(word) & 0xffff, 2)));
  }

  private get isQueueFull(): boolean {
    const bytes = this.queue.reduce((sum, { length }) => sum + length, 0);
    return this.queue.length >= QUEUE_PACKETS || bytes >= QUEUE_BYTES;
  }

  private enqueue(packet: Uint8Array): void {
    if (packet.length === 0) return;
    if (this.isQueueFull) this.say(COMMAND.ERROR, ERROR.QUEUE_FULL);
    else this.queue.push(packet);
  }

  /** Sends what waits, when the channel and the airtime locks allow. */
  private serve(): void {
    if (!this.isRadioOn || this.isSending || this.queue.length === 0 || this.isOverLock) return;
    this.csma.contend(() => {
      const packets = this.phy.emptiesQueue ? this.queue.splice(0) : this.queue.splice(0, 1);
      this.isSending = true;
      this.transmit(packets.flatMap((packet) => framesOf(packet, this.options.random)));
    });
  }

  private get isOverLock(): boolean {
    const { ownShort, ownLong } = this.airtime.shares(this.nowMs);
    const { shortLock, longLock } = this.registers;
    return (shortLock > 0 && ownShort >= shortLock) || (longLock > 0 && ownLong >= longLock);
  }

  private transmit(frames: readonly Uint8Array[]): void {
    const [frame, ...rest] = frames;
    if (!frame) {
      this.sent();
      return;
    }
    this.options.modem.transmit(frame, () => {
      this.airtime.add(timeOnAirMs(this.registers.channel.modulation, frame.length), this.nowMs);
      this.transmit(rest);
    });
  }

  private sent(): void {
    this.isSending = false;
    this.sayStats();
    const waited = Uint8Array.from(this.uart);
    this.uart = [];
    this.decoder.push(waited);
    this.serve();
  }

  private hear(frame: HeardFrame): void {
    const packet = this.assembler.take(frame);
    if (!packet) return;
    this.say(COMMAND.STAT_RSSI, clamp(Math.round(frame.rssiDbm) + RSSI_OFFSET, 0, 255));
    this.say(COMMAND.STAT_SNR, clamp(Math.round(frame.snrDb * 4), -128, 127) & 0xff);
    this.say(COMMAND.DATA, ...packet);
  }

  private look(): void {
    if (!this.isSending) this.airtime.look(this.options.modem.isBusy(), this.nowMs);
    this.later("look", SAMPLE_MS, () => this.look());
  }

  private tellStats(): void {
    if (!this.isSending) {
      this.sayStats();
      this.serve();
    }
    this.later("stats", CHANNEL_STATS_MS, () => this.tellStats());
  }

  private sayStats(): void {
    const { ownShort, ownLong, useShort, useLong } = this.airtime.shares(this.nowMs);
    const { band, firstSlot, lastSlot } = contentionWindow(ownShort);
    if (band !== this.band) this.say(COMMAND.STAT_CSMA, band, firstSlot, lastSlot);
    this.band = band;
    const shares = [ownShort, ownLong, useShort, useLong];
    const noise = NOISE_FLOOR_DBM + RSSI_OFFSET;
    this.say(
      COMMAND.STAT_CHANNEL,
      ...shares.flatMap((share) => bigEndian(Math.floor(share * 10_000), 2)),
      noise,
      noise,
      0xff,
    );
  }

  private say(command: number, ...payload: number[]): void {
    if (this.state === "on") this.options.toHost(kissFrame(command, payload));
  }

  private later(name: string, ms: number, task: () => void): void {
    this.stops.set(name, this.options.timers.after(ms, task));
  }
}

const clamp = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most));
