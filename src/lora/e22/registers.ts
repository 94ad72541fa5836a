import type { Modulation } from "../modulation.ts";

/** The registers of a module, 00 to 06 (E22-xxxT22S user manual, chapter 7.2). */
export interface Registers {
  /** 0xffff hears, and is heard by, all addresses. */
  address: number;
  networkId: number;
  /** The three bits of the air data rate. */
  airRate: number;
  /** REG0 without these: the serial line. */
  serialBits: number;
  subPacketBytes: number;
  /** Two bits: 0 is the most. */
  power: number;
  /** REG1 without sub-packet and power. */
  otherBits: number;
  channel: number;
  hasRssiByte: boolean;
  /** Fixed transmission: each packet begins with address and channel. */
  isFixed: boolean;
  listensBeforeTalk: boolean;
  /** REG3 without these. */
  modeBits: number;
}

export const REGISTER_BYTES = 7;
const SUB_PACKETS = [240, 128, 64, 32];

export function decodeRegisters(bytes: Uint8Array): Registers {
  const [high = 0, low = 0, networkId = 0, reg0 = 0, reg1 = 0, channel = 0, reg3 = 0] = bytes;
  return {
    address: (high << 8) | low,
    networkId,
    airRate: reg0 & 7,
    serialBits: reg0 & 0xf8,
    subPacketBytes: SUB_PACKETS[reg1 >> 6] ?? 240,
    power: reg1 & 3,
    otherBits: reg1 & 0x3c,
    channel,
    hasRssiByte: (reg3 & 0x80) !== 0,
    isFixed: (reg3 & 0x40) !== 0,
    listensBeforeTalk: (reg3 & 0x10) !== 0,
    modeBits: reg3 & 0x2f,
  };
}

export function encodeRegisters(registers: Registers): Uint8Array {
  const { address, networkId, serialBits, airRate, otherBits, power, channel, modeBits } = registers;
  const reg1 = (SUB_PACKETS.indexOf(registers.subPacketBytes) << 6) | otherBits | power;
  const reg3 =
    (registers.hasRssiByte ? 0x80 : 0) |
    (registers.isFixed ? 0x40 : 0) |
    (registers.listensBeforeTalk ? 0x10 : 0) |
    modeBits;
  return Uint8Array.of(address >> 8, address & 0xff, networkId, serialBits | airRate, reg1, channel, reg3);
}

/** As it comes: address 0, 9600 8N1, 2.4 kbit/s, sub-packets of 240 bytes, most power, channel 18, transparent. */
export const FACTORY: Registers = decodeRegisters(Uint8Array.of(0, 0, 0, 0x62, 0, 18, 0));

/** The serial line's speed as it comes, and always in configuration mode, in bit/s. */
export const LINE_BAUD = 9_600;

/** Bit/s on the serial line, by the upper three bits of REG0. */
export const serialBaud = ({ serialBits }: Registers): number =>
  [1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 57_600, 115_200][serialBits >> 5] ?? 9_600;

/**
 * The air data rates 0.3, 1.2, 2.4, 4.8, 9.6, 19.2, 38.4 and 62.5 kbit/s. The maker does not publish the modulation
 * behind them: these have the bit rate that is nearest from below, so that a time on air is not underestimated.
 */
const MODULATIONS: readonly (readonly [spreadingFactor: number, bandwidthHz: number])[] = [
  [12, 125_000],
  [11, 250_000],
  [11, 500_000],
  [10, 500_000],
  [9, 500_000],
  [8, 500_000],
  [6, 500_000],
  [5, 500_000],
];

export const AIR_RATE_NAMES = ["0.3", "1.2", "2.4", "4.8", "9.6", "19.2", "38.4", "62.5"];

export function modulationOf(airRate: number): Modulation {
  const [spreadingFactor, bandwidthHz] = MODULATIONS[airRate] ?? [12, 125_000];
  return { spreadingFactor, bandwidthHz, codingRate: 5, preambleSymbols: 8 };
}

/** @returns undefined when no air data rate has this modulation */
export function airRateOf({ spreadingFactor, bandwidthHz, codingRate }: Modulation): number | undefined {
  const rate = MODULATIONS.findIndex(
    ([factor, bandwidth]) => factor === spreadingFactor && bandwidth === bandwidthHz,
  );
  return rate < 0 || codingRate !== 5 ? undefined : rate;
}

/** What the same registers mean on different modules. */
export interface ModuleKind {
  name: string;
  baseHz: number;
  stepHz: number;
  channels: number;
  /** By the two bits of power. */
  powersDbm: readonly number[];
}

const at900 = { baseHz: 850_125_000, stepHz: 1_000_000, channels: 81 };

/** The 868/915 MHz module of 22 dBm: its registers do not tell it from the others. */
export const E22_900T22: ModuleKind = { name: "EBYTE E22-900T22", ...at900, powersDbm: [22, 17, 13, 10] };
export const E22_900T30: ModuleKind = { name: "EBYTE E22-900T30", ...at900, powersDbm: [30, 27, 24, 21] };
export const E22_400T22: ModuleKind = {
  name: "EBYTE E22-400T22",
  baseHz: 410_125_000,
  stepHz: 1_000_000,
  channels: 84,
  powersDbm: [22, 17, 13, 10],
};

export const frequencyOf = ({ baseHz, stepHz }: ModuleKind, channel: number): number =>
  baseHz + channel * stepHz;
