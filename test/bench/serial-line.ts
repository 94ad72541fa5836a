import { closeSync, constants, openSync } from "node:fs";
import { ioctl } from "../../src/lora/serial/libc.ts";
import { raw, readTermios, writeTermios } from "../../src/lora/serial/termios.ts";

/** asm-generic/ioctls.h; the same on arm64 and x86-64. */
const TIOCGPTN = 0x8004_5430;
const TIOCSPTLCK = 0x4004_5431;

/** A pseudo-terminal whose far end is a descriptor that programs such as cat can work on. */
export interface BenchLine extends Disposable {
  path: string;
  /** The master, blocking. */
  far: number;
}

export function openBenchLine(): BenchLine {
  const { O_RDWR, O_NOCTTY } = constants;
  const far = openSync("/dev/ptmx", O_RDWR | O_NOCTTY);
  const number = new Uint8Array(4);
  ioctl(far, "TIOCGPTN", TIOCGPTN, number);
  ioctl(far, "TIOCSPTLCK", TIOCSPTLCK, new Uint8Array(4));
  const path = `/dev/pts/${new DataView(number.buffer).getUint32(0, true)}`;
  // Held, so that the far end outlives a subject that closes the line.
  const near = openSync(path, O_RDWR | O_NOCTTY);
  writeTermios(near, raw(readTermios(near)));
  return {
    path,
    far,
    [Symbol.dispose]: () => {
      closeSync(far);
      closeSync(near);
    },
  };
}
