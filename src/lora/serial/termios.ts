import { ioctl } from "./libc.ts";

/** asm-generic/ioctls.h; the same on arm64 and x86-64, as all numbers of this file. */
const TCGETS2 = 0x802c_542a;
const TCSETS2 = 0x402c_542b;

/** asm-generic/termbits-common.h and termbits.h. */
export const INPUT = {
  IGNBRK: 0o1,
  BRKINT: 0o2,
  IGNPAR: 0o4,
  PARMRK: 0o10,
  INPCK: 0o20,
  ISTRIP: 0o40,
  INLCR: 0o100,
  IGNCR: 0o200,
  ICRNL: 0o400,
  IUCLC: 0o1000,
  IXON: 0o2000,
  IXANY: 0o4000,
  IXOFF: 0o10000,
  IMAXBEL: 0o20000,
} as const;

export const OUTPUT = { OPOST: 0o1 } as const;

export const CONTROL = {
  CBAUD: 0o10017,
  BOTHER: 0o10000,
  CSIZE: 0o60,
  CS5: 0,
  CS6: 0o20,
  CS7: 0o40,
  CS8: 0o60,
  CSTOPB: 0o100,
  CREAD: 0o200,
  PARENB: 0o400,
  PARODD: 0o1000,
  HUPCL: 0o2000,
  CLOCAL: 0o4000,
  CIBAUD: 0o2003600000,
  CMSPAR: 0o10000000000,
  CRTSCTS: 0o20000000000,
} as const;

export const LOCAL = {
  ISIG: 0o1,
  ICANON: 0o2,
  ECHO: 0o10,
  ECHOE: 0o20,
  ECHOK: 0o40,
  ECHONL: 0o100,
  IEXTEN: 0o100000,
} as const;

/**
 * termbits.h: a rate's place here is its number in CBAUD; from 57,600 on they count from BOTHER, whose own number means
 * a rate by itself. Programs that only know the numbers, as stty, see those rates.
 */
const STANDARD_RATES = [
  [0, 50, 75, 110, 134, 150, 200, 300, 600, 1_200, 1_800, 2_400, 4_800, 9_600, 19_200, 38_400],
  [
    0, // BOTHER itself.
    57_600,
    115_200,
    230_400,
    460_800,
    500_000,
    576_000,
    921_600,
    1_000_000,
    1_152_000,
    1_500_000,
    2_000_000,
    2_500_000,
    3_000_000,
    3_500_000,
    4_000_000,
  ],
];

function rateBits(baudRate: number): number {
  const [slow, fast] = STANDARD_RATES.map((rates) => rates.indexOf(baudRate));
  if (slow !== undefined && slow > 0) return slow;
  return CONTROL.BOTHER + Math.max(fast ?? 0, 0);
}

const VTIME = 5;
const VMIN = 6;

/** asm-generic/termbits.h, struct termios2: four words, c_line, 19 control characters, two speeds. */
const OFFSET = {
  input: 0,
  output: 4,
  control: 8,
  local: 12,
  characters: 17,
  inputSpeed: 36,
  outputSpeed: 40,
};
const SIZE = 44;

/** The settings of a terminal line that a serial port has to do with. */
export interface Termios {
  input: number;
  output: number;
  control: number;
  local: number;
  /** The least number of bytes that a read returns. */
  minBytes: number;
  /** How long a read waits for them, in tenths of a second. */
  timeTenths: number;
  baudRate: number;
}

/** @throws {SystemError} ENOTTY when it is no terminal, EIO when it has hung up */
export function readTermios(descriptor: number): Termios {
  const view = new DataView(fetchRaw(descriptor).buffer);
  return {
    input: view.getUint32(OFFSET.input, true),
    output: view.getUint32(OFFSET.output, true),
    control: view.getUint32(OFFSET.control, true),
    local: view.getUint32(OFFSET.local, true),
    minBytes: view.getUint8(OFFSET.characters + VMIN),
    timeTenths: view.getUint8(OFFSET.characters + VTIME),
    baudRate: view.getUint32(OFFSET.outputSpeed, true),
  };
}

/**
 * Sets a line at once, with what is not in {@link Termios} left as it is. The driver may do less than asked without an
 * error (termios(3)): who depends on a setting reads it back.
 * @throws {SystemError}
 */
export function writeTermios(descriptor: number, termios: Termios): void {
  const bytes = fetchRaw(descriptor);
  const view = new DataView(bytes.buffer);
  view.setUint32(OFFSET.input, termios.input, true);
  view.setUint32(OFFSET.output, termios.output, true);
  // With CIBAUD empty, the input follows the output.
  const control = (termios.control & ~(CONTROL.CBAUD | CONTROL.CIBAUD)) | rateBits(termios.baudRate);
  view.setUint32(OFFSET.control, control >>> 0, true);
  view.setUint32(OFFSET.local, termios.local, true);
  view.setUint8(OFFSET.characters + VMIN, termios.minBytes);
  view.setUint8(OFFSET.characters + VTIME, termios.timeTenths);
  view.setUint32(OFFSET.inputSpeed, termios.baudRate, true);
  view.setUint32(OFFSET.outputSpeed, termios.baudRate, true);
  ioctl(descriptor, "TCSETS2", TCSETS2, bytes);
}

function fetchRaw(descriptor: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(SIZE);
  ioctl(descriptor, "TCGETS2", TCGETS2, bytes);
  return bytes;
}

/** Bytes go through as they are: nothing is translated, echoed, or made a signal (termios(3), cfmakeraw). */
export function raw(termios: Termios): Termios {
  const { IGNBRK, BRKINT, PARMRK, ISTRIP, INLCR, IGNCR, ICRNL, IUCLC, IXON, IXANY, IXOFF, IMAXBEL, INPCK } =
    INPUT;
  const { ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, IEXTEN } = LOCAL;
  return {
    ...termios,
    input:
      termios.input &
      ~(
        IGNBRK |
        BRKINT |
        PARMRK |
        INPCK |
        ISTRIP |
        INLCR |
        IGNCR |
        ICRNL |
        IUCLC |
        IXON |
        IXANY |
        IXOFF |
        IMAXBEL
      ),
    output: termios.output & ~OUTPUT.OPOST,
    local: termios.local & ~(ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHONL | IEXTEN),
    minBytes: 1,
    timeTenths: 0,
  };
}
