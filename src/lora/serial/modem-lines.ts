import type { PortStatus, SetOptions } from "./bindings-interface.ts";
import { ioctl } from "./libc.ts";

/** asm-generic/ioctls.h; the same on arm64 and x86-64. */
const TIOCMGET = 0x5415;
const TIOCMBIS = 0x5416;
const TIOCMBIC = 0x5417;
const TIOCSBRK = 0x5427;
const TIOCCBRK = 0x5428;

/** asm-generic/termios.h */
const DTR = 0x002;
const RTS = 0x004;
const CTS = 0x020;
const CD = 0x040;
const DSR = 0x100;

/** What the interface sets where nothing else is asked for. */
const DEFAULTS = { brk: false, dtr: true, rts: true };

/** The bits that TIOCMBIS is to set and TIOCMBIC is to clear; CTS and DSR are the other end's. */
export function modemChange(options: SetOptions): { set: number; clear: number; brk: boolean } {
  const { brk, dtr, rts } = { ...DEFAULTS, ...options };
  const set = (dtr ? DTR : 0) | (rts ? RTS : 0);
  return { set, clear: (DTR | RTS) & ~set, brk };
}

export function modemStatus(bits: number): PortStatus {
  return { cts: (bits & CTS) !== 0, dsr: (bits & DSR) !== 0, dcd: (bits & CD) !== 0 };
}

/** @throws {SystemError} ENOTTY on a line without modem lines, as a pseudo-terminal */
export function setModemLines(descriptor: number, options: SetOptions): void {
  const { set, clear, brk } = modemChange(options);
  ioctl(descriptor, brk ? "TIOCSBRK" : "TIOCCBRK", brk ? TIOCSBRK : TIOCCBRK, 0);
  // Cleared first: on many boards DTR and RTS together mean something that neither means alone.
  if (clear !== 0) ioctl(descriptor, "TIOCMBIC", TIOCMBIC, word(clear));
  if (set !== 0) ioctl(descriptor, "TIOCMBIS", TIOCMBIS, word(set));
}

/** @throws {SystemError} as {@link setModemLines} */
export function getModemLines(descriptor: number): PortStatus {
  const bits = word(0);
  ioctl(descriptor, "TIOCMGET", TIOCMGET, bits);
  return modemStatus(new DataView(bits.buffer).getInt32(0, true));
}

function word(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
