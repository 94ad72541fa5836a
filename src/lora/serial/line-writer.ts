import type { Timers } from "../../host/timers.ts";
import { BindingError, canceled, lineError } from "./binding-error.ts";
import { lastErrno, libc, SystemError } from "./libc.ts";
import { unsentBytes } from "./line-control.ts";

/** Takes some of `bytes`, as write(2) does. @returns how many; 0 when it takes none now */
export type WriteSome = (bytes: Uint8Array) => number;

export interface LineWriterOptions {
  path: string;
  timers: Timers;
  /** Calls `told` once the kernel takes more. @returns calls it off; undefined where nothing tells */
  whenWritable: (told: () => void) => (() => void) | undefined;
  write: WriteSome;
  /** Bytes that the hardware has not been given yet. */
  unsent: () => number;
  /** How long a character is on the line, in ms. */
  characterMs: () => number;
}

/**
 * Where nothing tells that the kernel takes more, a write is tried again, at first after a millisecond and at most after
 * this. Meanwhile the line stays busy: at 3 Mbit/s that wait is 2,400 bytes, and the kernel holds 4,096 for a UART, more
 * for USB.
 */
const LONGEST_WAIT_MS = 8;
const FIRST_WAIT_MS = 1;
/** Less than this at once, after a wait, and the next wait may be longer. */
const PLENTY_BYTES = 512;
/** A driver that forgets to say that it takes more is asked so often. */
const TRUST_MS = 100;
/** After so much the event loop has its turn, however fast the line takes it. */
const BURST_BYTES = 256 * 1024;
/** The deepest FIFO of an adapter that TIOCOUTQ knows nothing of (CP2102N: 512 bytes, FT232H: 1 KB). */
const DEEPEST_FIFO_BYTES = 1024;
/** A line that is held up by flow control is looked at so often while it drains. */
const LONGEST_DRAIN_LOOK_MS = 50;

/** Writes to a non-blocking line: each write whole, or as far as it came before the line was closed or unplugged. */
export class LineWriter {
  private underWay: Promise<void> | undefined;
  private closed = false;
  /** Wakes whoever waits, when the line is closed. */
  private readonly waiting = new Set<() => void>();
  /** When the last character will have left the UART at the latest, if nothing holds it up. */
  private lineFreeAtMs = 0;

  constructor(private readonly options: LineWriterOptions) {}

  /**
   * Kept when the kernel has all of it. `bytes` must not change until then.
   * @throws {BindingError} `canceled` after {@link close}, `disconnected` once the line has hung up
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.underWay) throw new BindingError(this.options.path, "a write is under way already");
    if (this.closed) throw canceled(this.options.path);
    this.underWay = this.writeAll(bytes).finally(() => {
      this.underWay = undefined;
    });
    await this.underWay;
  }

  /**
   * Waits for a write that is under way, then until all bytes have left: by the kernel's count (TIOCOUTQ), and for what
   * an adapter holds by the time that it takes at this rate. tcdrain(3) would block the event loop, without end on a
   * line whose flow control says stop.
   * @throws {BindingError} as {@link write}
   */
  async drain(): Promise<void> {
    const { path, unsent, characterMs, timers } = this.options;
    await this.underWay?.catch(() => {});
    for (;;) {
      if (this.closed) throw canceled(path);
      const left = this.asking(unsent);
      if (left === 0) break;
      await this.wait(Math.min(Math.max(left * characterMs(), FIRST_WAIT_MS), LONGEST_DRAIN_LOOK_MS));
    }
    const inAdapterMs = Math.min(
      this.lineFreeAtMs - timers.monotonicMs(),
      DEEPEST_FIFO_BYTES * characterMs(),
    );
    if (inAdapterMs > 0) await this.wait(inAdapterMs);
    if (this.closed) throw canceled(path);
  }

  /** Writes and drains that are under way fail as `canceled`. */
  close(): void {
    this.closed = true;
    for (const wake of [...this.waiting]) wake();
  }

  private async writeAll(bytes: Uint8Array): Promise<void> {
    let burst = 0;
    let waitMs = FIRST_WAIT_MS;
    /** Told that there was room where there was none: then only waiting helps. */
    let toldInVain = false;
    for (let rest = bytes; rest.length > 0; ) {
      const taken = this.take(rest);
      rest = rest.subarray(taken);
      burst += taken;
      if (taken === 0) {
        toldInVain = await this.wait(waitMs, !toldInVain);
        waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
        burst = 0;
        continue;
      }
      toldInVain = false;
      if (taken >= PLENTY_BYTES) waitMs = FIRST_WAIT_MS;
      if (burst < BURST_BYTES) continue;
      await this.wait(0);
      burst = 0;
    }
  }

  private take(bytes: Uint8Array): number {
    const { path, write } = this.options;
    if (this.closed) throw canceled(path);
    const taken = this.asking(() => write(bytes));
    this.occupyLine(taken);
    return taken;
  }

  private asking(question: () => number): number {
    try {
      return question();
    } catch (error) {
      throw lineError(this.options.path, error);
    }
  }

  private occupyLine(characters: number): void {
    const { timers, characterMs } = this.options;
    this.lineFreeAtMs = Math.max(this.lineFreeAtMs, timers.monotonicMs()) + characters * characterMs();
  }

  /**
   * Waits for a time, or where it can until the kernel takes more; closing ends it too.
   * @returns whether it was told that the kernel takes more
   */
  private wait(ms: number, mayBeTold = false): Promise<boolean> {
    const { timers, whenWritable } = this.options;
    return new Promise((resolve) => {
      const end = (told: boolean) => {
        callOff();
        unwatch?.();
        this.waiting.delete(wake);
        resolve(told);
      };
      const wake = () => end(false);
      const unwatch = mayBeTold ? whenWritable(() => end(true)) : undefined;
      const callOff = timers.after(unwatch === undefined ? ms : TRUST_MS, wake);
      this.waiting.add(wake);
    });
  }
}

/** include/uapi/asm-generic/errno-base.h */
const EINTR = 4;
const EAGAIN = 11;

/** write(2) to a descriptor that is open with O_NONBLOCK. The function throws a {@link SystemError}. */
export function writeSomeTo(descriptor: number): WriteSome {
  return (bytes) => {
    const taken = Number(libc().write(descriptor, bytes, bytes.length));
    if (taken >= 0) return taken;
    const errno = lastErrno();
    if (errno === EAGAIN || errno === EINTR) return 0;
    throw new SystemError("write", errno);
  };
}

/** As {@link unsentBytes}; 0 for a driver that does not count. */
export function unsentBytesOf(descriptor: number): number {
  try {
    return unsentBytes(descriptor);
  } catch (error) {
    if (error instanceof SystemError && (error.code === "ENOTTY" || error.code === "EINVAL")) return 0;
    throw error;
  }
}
