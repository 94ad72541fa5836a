import { dlopen, FFIType } from "bun:ffi";
import { closeSync, constants, openSync, renameSync, rmSync, symlinkSync } from "node:fs";
import type { ReadableStreamDefaultReader } from "node:stream/web";
import { lastErrno, libc, SystemError } from "../lora/serial/libc.ts";
import { raw, readTermios, writeTermios } from "../lora/serial/termios.ts";
import type { Firmware, ToHost } from "./firmware.ts";

export interface PtyOptions {
  /**
   * A symbolic link to be made to the device file and taken away by {@link Pty.hangUp}; one that is there already is
   * replaced. An adapter that is plugged in again is a new pseudo-terminal under the same link.
   */
  link?: string;
  /** Bytes that wait for the host before more are lost, as on a UART that nobody reads; default 1 MiB. */
  maxQueuedBytes?: number;
}

/** A serial line whose far end is in this process: what an operator's case is to the box. */
export interface Pty {
  /** What the host opens: the link, or the device file itself. */
  readonly path: string;
  /** Bytes that the operating system has not taken yet. */
  readonly queuedBytes: number;
  /**
   * Sends to the host; the bytes are copied.
   * @returns false when they were lost: too much waits, or the line was hung up
   */
  write(bytes: Uint8Array): boolean;
  /** Bytes from the host, in pieces of any size; what comes before there is a listener waits. @returns ends it */
  onData(listener: (bytes: Uint8Array) => void): () => void;
  /** Unplugs it: some ms later at the latest the host reads the end and writes fail with EIO. May be called again. */
  hangUp(): void;
}

const DEFAULT_MAX_QUEUED = 1 << 20;
/** The kernel holds some 20 KB for the host: a millisecond of this is faster than any serial line. */
const RETRY_MS = 1;
/** include/uapi/asm-generic/errno-base.h */
const EAGAIN = 11;

function openPtyCalls() {
  const { i32, u64, ptr } = FFIType;
  return dlopen("libc.so.6", {
    posix_openpt: { args: [i32], returns: i32 },
    grantpt: { args: [i32], returns: i32 },
    unlockpt: { args: [i32], returns: i32 },
    ptsname_r: { args: [i32, ptr, u64], returns: i32 },
  }).symbols;
}

let calls: ReturnType<typeof openPtyCalls> | undefined;

/** Makes a pseudo-terminal (pty(7)) in raw mode. @throws {SystemError} */
export function openPty(options: PtyOptions = {}): Pty {
  const master = openMaster();
  let host: number;
  let device: string;
  try {
    device = deviceOf(master);
    // Held open, so that the master outlives a host that closes and opens its side, as an adapter does.
    host = openSync(device, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch (error) {
    closeSync(master);
    throw error;
  }
  writeTermios(host, raw(readTermios(host)));
  if (options.link !== undefined) pointLink(options.link, device);
  return new OpenPty(master, host, device, options);
}

/** Runs emulated firmware at the far end of a line. @returns it, to be stopped when the line is hung up */
export function attachFirmware<F extends Firmware>(pty: Pty, create: (toHost: ToHost) => F): F {
  const firmware = create((bytes) => {
    pty.write(bytes);
  });
  pty.onData((bytes) => firmware.receive(bytes));
  return firmware;
}

/** A case that is plugged in: unplugging takes the line and the power away together. */
export interface PluggedIn<F extends Firmware> {
  readonly path: string;
  readonly firmware: F;
  readonly pty: Pty;
  unplug(): void;
}

/** Plugs a case with new firmware into a new line. */
export function pluggedIn<F extends Firmware>(
  create: (toHost: ToHost) => F,
  options: PtyOptions = {},
): PluggedIn<F> {
  const pty = openPty(options);
  const firmware = attachFirmware(pty, create);
  return {
    path: pty.path,
    firmware,
    pty,
    unplug: () => {
      pty.hangUp();
      firmware.stop();
    },
  };
}

class OpenPty implements Pty {
  readonly path: string;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  private readonly listeners = new Set<(bytes: Uint8Array) => void>();
  private started = false;
  private queue: Uint8Array[] = [];
  private queued = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private hungUp = false;

  constructor(
    private readonly master: number,
    private readonly host: number,
    device: string,
    private readonly options: PtyOptions,
  ) {
    this.path = options.link ?? device;
    this.reader = Bun.file(master).stream().getReader();
  }

  get queuedBytes(): number {
    return this.queued;
  }

  write(bytes: Uint8Array): boolean {
    const limit = this.options.maxQueuedBytes ?? DEFAULT_MAX_QUEUED;
    if (this.hungUp || this.queued + bytes.length > limit) return false;
    if (bytes.length === 0) return true;
    this.queue.push(bytes.slice());
    this.queued += bytes.length;
    if (this.timer === undefined) this.send();
    return true;
  }

  onData(listener: (bytes: Uint8Array) => void): () => void {
    this.listeners.add(listener);
    if (!this.started) {
      this.started = true;
      this.receive().catch((error) => {
        // A read that was under way while it was hung up may end in any way.
        if (!this.hungUp) throw error;
      });
    }
    return () => this.listeners.delete(listener);
  }

  hangUp(): void {
    if (this.hungUp) return;
    this.hungUp = true;
    clearTimeout(this.timer);
    this.queue = [];
    this.queued = 0;
    if (this.options.link !== undefined) rmSync(this.options.link, { force: true });
    // Closes Bun's own copy of the descriptor, on another thread: the line hangs up with the last one.
    this.reader.cancel().catch(() => {});
    closeSync(this.master);
    closeSync(this.host);
  }

  private send(): void {
    this.timer = undefined;
    for (let first = this.queue[0]; first; first = this.queue[0]) {
      const taken = Number(libc().write(this.master, first, first.length));
      if (taken < 0) {
        const errno = lastErrno();
        if (errno !== EAGAIN) throw new SystemError(`write to ${this.path}`, errno);
        break;
      }
      this.queued -= taken;
      if (taken < first.length) {
        this.queue[0] = first.subarray(taken);
        break;
      }
      this.queue.shift();
    }
    if (this.queue.length > 0) this.timer = setTimeout(() => this.send(), RETRY_MS);
  }

  private async receive(): Promise<void> {
    for (;;) {
      const { done, value } = await this.reader.read();
      if (done || this.hungUp) return;
      for (const listener of [...this.listeners]) listener(value);
    }
  }
}

function openMaster(): number {
  calls ??= openPtyCalls();
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  /** asm-generic/fcntl.h; missing in node:fs. */
  const O_CLOEXEC = 0o2000000;
  const master = calls.posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (master < 0) throw new SystemError("posix_openpt", lastErrno());
  return master;
}

function deviceOf(master: number): string {
  calls ??= openPtyCalls();
  if (calls.grantpt(master) < 0) throw new SystemError("grantpt", lastErrno());
  if (calls.unlockpt(master) < 0) throw new SystemError("unlockpt", lastErrno());
  const name = new Uint8Array(64);
  const errno = calls.ptsname_r(master, name, name.length);
  if (errno !== 0) throw new SystemError("ptsname_r", errno);
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}

/** At no moment is there no link when there was one: the host may be looking. */
function pointLink(link: string, device: string): void {
  const made = `${link}.new`;
  rmSync(made, { force: true });
  symlinkSync(device, made);
  renameSync(made, link);
}
