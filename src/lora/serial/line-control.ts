import { ioctl, lastErrno, libc, SystemError } from "./libc.ts";

/** asm-generic/ioctls.h and termbits-common.h; the same on arm64 and x86-64. */
const TCFLSH = 0x540b;
const TIOCEXCL = 0x540c;
const TIOCNXCL = 0x540d;
const TIOCOUTQ = 0x5411;
const TIOCGSERIAL = 0x541e;
const TIOCSSERIAL = 0x541f;
const TCIFLUSH = 0;
const TCOFLUSH = 1;
const TCIOFLUSH = 2;

/** flock(2) */
const LOCK_EX = 2;
const LOCK_NB = 4;
const LOCK_UN = 8;

/** linux/serial.h, struct serial_struct of 64-bit machines: 72 bytes, `flags` after four words. */
const SERIAL_STRUCT_BYTES = 72;
const FLAGS_OFFSET = 16;
/** linux/tty_flags.h */
const ASYNC_LOW_LATENCY = 1 << 13;

/**
 * Keeps other programs out: those that lock as well, and by TIOCEXCL all that do not run as root. Both end by
 * {@link unlockLine}.
 * @throws {SystemError} EAGAIN when another program holds the lock
 */
export function lockLine(descriptor: number): void {
  if (libc().flock(descriptor, LOCK_EX | LOCK_NB) < 0) throw new SystemError("flock", lastErrno());
  ioctl(descriptor, "TIOCEXCL", TIOCEXCL, 0);
}

/**
 * Neither need end with the descriptor: TIOCEXCL lasts while another program has the line open, the lock while a copy of
 * the descriptor is open, and Bun closes its own in its own time. That a line that has hung up says no does no harm.
 */
export function unlockLine(descriptor: number): void {
  libc().flock(descriptor, LOCK_UN);
  libc().ioctl(descriptor, TIOCNXCL, null);
}

/** Throws away what the kernel holds of one or both directions. @throws {SystemError} */
export function flushLine(descriptor: number, what: "input" | "output" | "both"): void {
  const queue = { input: TCIFLUSH, output: TCOFLUSH, both: TCIOFLUSH }[what];
  ioctl(descriptor, "TCFLSH", TCFLSH, queue);
}

/** Bytes that the kernel or the driver has not given to the hardware yet. @throws {SystemError} */
export function unsentBytes(descriptor: number): number {
  const bytes = new Uint8Array(4);
  ioctl(descriptor, "TIOCOUTQ", TIOCOUTQ, bytes);
  return new DataView(bytes.buffer).getInt32(0, true);
}

/**
 * Asks the driver to hand on bytes as they come instead of gathering them, 16 ms long on an FTDI chip.
 * @throws {SystemError} where the driver has no such thing, as a pseudo-terminal's
 */
export function setLowLatency(descriptor: number): void {
  const serial = new Uint8Array(SERIAL_STRUCT_BYTES);
  ioctl(descriptor, "TIOCGSERIAL", TIOCGSERIAL, serial);
  const view = new DataView(serial.buffer);
  view.setInt32(FLAGS_OFFSET, view.getInt32(FLAGS_OFFSET, true) | ASYNC_LOW_LATENCY, true);
  ioctl(descriptor, "TIOCSSERIAL", TIOCSSERIAL, serial);
}
