import type { ChannelSettings } from "../modulation.ts";
import { RadioError } from "../radio.ts";
import { bigEndian, fromBigEndian } from "./big-endian.ts";
import { ASK, COMMAND } from "./commands.ts";
import type { KissFrame } from "./kiss.ts";

/** One thing that the host sets, asks for and reads back. */
export interface Setting {
  /** As the operator knows it. */
  field: string;
  command: number;
  value: number;
  bytes: 1 | 4;
  /** How far the chip's steps may bring it from what was asked. */
  tolerance: number;
}

/** A radio's synthesizer goes in steps of up to 61 Hz (Semtech SX1276 datasheet, section 4.1.4). */
const FREQUENCY_TOLERANCE_HZ = 100;
/** The SX126x and SX127x can be set to nothing else; the firmware takes the next one above. */
const BANDWIDTHS_HZ = [
  7_800, 10_400, 15_600, 20_800, 31_250, 41_700, 62_500, 125_000, 250_000, 500_000, 203_125, 406_250, 812_500,
  1_625_000,
];

/**
 * The preamble is not among them: the firmware chooses its length.
 * @throws {RadioError} `refused`, with the field named that no RNode can be set to
 */
export function settingsOf({ frequencyHz, modulation, powerDbm }: ChannelSettings): Setting[] {
  const { spreadingFactor, bandwidthHz, codingRate } = modulation;
  check("frequencyHz", frequencyHz, isIntegerIn(frequencyHz, 137_000_000, 3_000_000_000), "137 MHz to 3 GHz");
  check("modulation.bandwidthHz", bandwidthHz, BANDWIDTHS_HZ.includes(bandwidthHz), "a bandwidth of LoRa");
  check("powerDbm", powerDbm, isIntegerIn(powerDbm, 0, 37), "a whole number from 0 to 37");
  check("modulation.spreadingFactor", spreadingFactor, isIntegerIn(spreadingFactor, 5, 12), "5 to 12");
  check("modulation.codingRate", codingRate, isIntegerIn(codingRate, 5, 8), "5 to 8");
  const setting = (field: string, command: number, value: number, bytes: 1 | 4, tolerance = 0): Setting => ({
    field,
    command,
    value,
    bytes,
    tolerance,
  });
  return [
    setting("frequencyHz", COMMAND.FREQUENCY, frequencyHz, 4, FREQUENCY_TOLERANCE_HZ),
    setting("modulation.bandwidthHz", COMMAND.BANDWIDTH, bandwidthHz, 4),
    setting("powerDbm", COMMAND.TX_POWER, powerDbm, 1),
    setting("modulation.spreadingFactor", COMMAND.SPREADING_FACTOR, spreadingFactor, 1),
    setting("modulation.codingRate", COMMAND.CODING_RATE, codingRate, 1),
  ];
}

/** What sets it. */
export const setFrame = ({ command, value, bytes }: Setting): KissFrame => ({
  command,
  payload: Uint8Array.from(bigEndian(value, bytes)),
});

/** What asks for it. */
export const askFrame = ({ command, bytes }: Setting): KissFrame => ({
  command,
  payload: Uint8Array.from(bytes === 4 ? [0, 0, 0, 0] : [ASK]),
});

/** Whether a frame says what the setting is. */
export const isAbout = ({ command, bytes }: Setting, frame: KissFrame): boolean =>
  frame.command === command && frame.payload.length === bytes;

/** @throws {RadioError} `refused` when the radio is set to something else than was asked */
export function verify({ field, value, tolerance }: Setting, { payload }: KissFrame): void {
  const actual = fromBigEndian(payload);
  if (Math.abs(actual - value) > tolerance) {
    throw new RadioError("refused", `${field}: the radio can do ${actual}, not ${value}`);
  }
}

const isIntegerIn = (value: number, from: number, to: number): boolean =>
  Number.isInteger(value) && value >= from && value <= to;

function check(field: string, value: number, holds: boolean, allowed: string): void {
  if (!holds) throw new RadioError("refused", `${field}: ${value} is not ${allowed}`);
}
