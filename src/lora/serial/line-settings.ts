import type { OpenOptions } from "./bindings-interface.ts";
import { CONTROL, INPUT, raw, readTermios, type Termios, writeTermios } from "./termios.ts";

/** How a line is set; all of {@link OpenOptions} that termios(3) has to do with. */
export type LineSettings = Required<
  Pick<
    OpenOptions,
    "baudRate" | "dataBits" | "stopBits" | "parity" | "rtscts" | "xon" | "xoff" | "xany" | "hupcl"
  >
>;

const DATA_BITS: Readonly<Record<number, number>> = {
  5: CONTROL.CS5,
  6: CONTROL.CS6,
  7: CONTROL.CS7,
  8: CONTROL.CS8,
};

/** CMSPAR makes the parity bit constant: that of PARODD is 1. */
const PARITY: Readonly<Record<string, number>> = {
  none: 0,
  even: CONTROL.PARENB,
  odd: CONTROL.PARENB | CONTROL.PARODD,
  mark: CONTROL.PARENB | CONTROL.PARODD | CONTROL.CMSPAR,
  space: CONTROL.PARENB | CONTROL.CMSPAR,
};

/** A UART that cannot hit a rate to this share of it does not understand the other end (10 bits a character). */
const RATE_TOLERANCE = 0.03;

/**
 * What `now` becomes: raw, with these settings; the modem lines do not matter (CLOCAL) and the receiver is on.
 * @throws {RangeError} that names the setting
 */
export function withSettings(now: Termios, settings: LineSettings): Termios {
  const { CSIZE, CSTOPB, CREAD, PARENB, PARODD, CMSPAR, HUPCL, CLOCAL, CRTSCTS } = CONTROL;
  const { IXON, IXOFF, IXANY, IGNPAR, INPCK } = INPUT;
  const line = raw(now);
  const dataBits = known("dataBits", DATA_BITS, settings.dataBits);
  const parity = known("parity", PARITY, settings.parity);
  const kept = line.control & ~(CSIZE | CSTOPB | PARENB | PARODD | CMSPAR | HUPCL | CRTSCTS);
  return {
    ...line,
    input:
      line.input |
      // A character with a wrong parity bit is dropped.
      IGNPAR |
      (parity === 0 ? 0 : INPCK) |
      (settings.xon ? IXON : 0) |
      (settings.xoff ? IXOFF : 0) |
      (settings.xany ? IXANY : 0),
    control:
      (kept |
        CLOCAL |
        CREAD |
        dataBits |
        parity |
        (hasSecondStopBit(settings) ? CSTOPB : 0) |
        (settings.hupcl ? HUPCL : 0) |
        (settings.rtscts ? CRTSCTS : 0)) >>>
      0,
    baudRate: checkedRate(settings.baudRate),
  };
}

/**
 * Sets an open line.
 * @throws {RangeError} a setting that no line has, or a rate that this one cannot be set to
 * @throws {SystemError} ENOTTY when it is no serial line
 */
export function setLine(descriptor: number, settings: LineSettings): void {
  const now = readTermios(descriptor);
  writeTermios(descriptor, withSettings(now, settings));
  expectRate(descriptor, settings.baudRate);
}

/** Changes nothing but the rate. @throws as {@link setLine} */
export function setBaudRate(descriptor: number, baudRate: number): void {
  writeTermios(descriptor, { ...readTermios(descriptor), baudRate: checkedRate(baudRate) });
  expectRate(descriptor, baudRate);
}

/** Start bit, data, parity and stop bits: what a character takes on the line. */
export function bitsPerCharacter({ dataBits, parity, stopBits }: LineSettings): number {
  return 1 + dataBits + (parity === "none" ? 0 : 1) + stopBits;
}

/** Drivers set the nearest rate that they can do and report it, without an error (tty_ioctl.c). */
function expectRate(descriptor: number, wanted: number): void {
  const actual = readTermios(descriptor).baudRate;
  if (Math.abs(actual - wanted) > wanted * RATE_TOLERANCE)
    throw new RangeError(`baudRate: this line cannot do ${wanted}; the nearest is ${actual}`);
}

function checkedRate(baudRate: number): number {
  // 0 would hang up (termios(3)).
  if (!Number.isInteger(baudRate) || baudRate < 1 || baudRate > 0xffff_ffff)
    throw new RangeError(`baudRate: ${baudRate} is not a rate in bit/s`);
  return baudRate;
}

/** A 16550 makes it one and a half with five data bits, and knows no such thing otherwise. */
function hasSecondStopBit({ stopBits, dataBits }: LineSettings): boolean {
  if (stopBits === 1) return false;
  if (stopBits === 2 || (stopBits === 1.5 && dataBits === 5)) return true;
  throw new RangeError(`stopBits: ${stopBits} with ${dataBits} data bits`);
}

function known(
  name: string,
  values: Readonly<Record<string | number, number>>,
  value: string | number,
): number {
  const found = Object.hasOwn(values, value) ? values[value] : undefined;
  if (found === undefined)
    throw new RangeError(`${name}: ${value}; known: ${Object.keys(values).join(", ")}`);
  return found;
}
