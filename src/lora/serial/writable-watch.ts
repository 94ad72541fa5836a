import { dlopen, FFIType, ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import type { ReadableStreamDefaultReader } from "node:stream/web";

// Bun says when a descriptor is readable, and nothing says in its event loop when one is writable. The kernel does, in a
// chain that ends in something readable: epoll watches the lines, asynchronous I/O polls that epoll (io_submit(2) with
// IOCB_CMD_POLL, since Linux 4.18), and its completion is counted in an eventfd, which Bun reads. It cannot poll a line
// itself, since a terminal has two wait queues (fs/aio.c, aio_poll_queue_proc).

interface Numbers {
  io_setup: number;
  io_submit: number;
  io_getevents: number;
}

/** glibc has no functions for these. asm/unistd_64.h; asm-generic/unistd.h */
const NUMBERS: Readonly<Record<string, Numbers>> = {
  x64: { io_setup: 206, io_submit: 209, io_getevents: 208 },
  arm64: { io_setup: 0, io_submit: 2, io_getevents: 4 },
};

/** eventpoll.h. Packed on x86-64, so that it is 12 bytes there. */
const EPOLLIN = 0x1;
const EPOLLOUT = 0x4;
const EPOLLONESHOT = 1 << 30;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLL_EVENT = process.arch === "x64" ? { bytes: 12, data: 4 } : { bytes: 16, data: 8 };
const EPOLL_CLOEXEC = 0o2000000;

/** eventfd.h */
const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** linux/aio_abi.h, struct iocb and io_event on a little-endian machine. */
const IOCB = { bytes: 64, opcode: 16, descriptor: 20, buffer: 24, flags: 56, eventDescriptor: 60 };
const IOCB_CMD_POLL = 5;
const IOCB_FLAG_RESFD = 1;
const IO_EVENT_BYTES = 32;

const MOST_AT_ONCE = 16;
const IDLE_MS = 100;

function openCalls() {
  const { i32, u32, u64, i64, ptr: pointer } = FFIType;
  return dlopen("libc.so.6", {
    epoll_create1: { args: [i32], returns: i32 },
    epoll_ctl: { args: [i32, i32, i32, pointer], returns: i32 },
    epoll_wait: { args: [i32, pointer, i32, i32], returns: i32 },
    eventfd: { args: [u32, i32], returns: i32 },
    syscall: { args: [i64, u64, u64, u64, u64, u64], returns: i64 },
  }).symbols;
}

/** Tells when lines become writable. One serves all lines of the process, and stays. */
class WritableWatch {
  private readonly waiting = new Map<number, () => void>();
  private readonly iocb = new Uint8Array(IOCB.bytes);
  private readonly results = new Uint8Array(IO_EVENT_BYTES * MOST_AT_ONCE);
  private readonly ready = new DataView(new ArrayBuffer(EPOLL_EVENT.bytes * MOST_AT_ONCE));
  /** Reads the eventfd; undefined while nobody waits. */
  private source: ReadableStreamDefaultReader<Uint8Array> | undefined;
  private idleTimer: ReturnType<typeof setTimeout> | undefined;
  private armed = false;

  constructor(
    private readonly calls: ReturnType<typeof openCalls>,
    private readonly numbers: Numbers,
    private readonly context: bigint,
    private readonly epoll: number,
    private readonly counter: number,
  ) {
    const view = new DataView(this.iocb.buffer);
    view.setUint16(IOCB.opcode, IOCB_CMD_POLL, true);
    view.setUint32(IOCB.descriptor, epoll, true);
    view.setBigUint64(IOCB.buffer, BigInt(EPOLLIN), true);
    view.setUint32(IOCB.flags, IOCB_FLAG_RESFD, true);
    view.setUint32(IOCB.eventDescriptor, counter, true);
  }

  /**
   * Calls `told` once `descriptor` takes bytes again, or has hung up.
   * @returns calls it off; undefined when the kernel does not do it
   */
  watch(descriptor: number, told: () => void): (() => void) | undefined {
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT.bytes));
    event.setUint32(0, EPOLLOUT | EPOLLONESHOT, true);
    event.setUint32(EPOLL_EVENT.data, descriptor, true);
    const bytes = new Uint8Array(event.buffer);
    const { epoll_ctl } = this.calls;
    // It is there already when it was watched before and has not been closed since.
    if (
      epoll_ctl(this.epoll, EPOLL_CTL_MOD, descriptor, bytes) !== 0 &&
      epoll_ctl(this.epoll, EPOLL_CTL_ADD, descriptor, bytes) !== 0
    )
      return undefined;
    this.waiting.set(descriptor, told);
    if (!this.arm()) {
      this.waiting.delete(descriptor);
      return undefined;
    }
    clearTimeout(this.idleTimer);
    if (this.source === undefined) void this.listen();
    return () => this.callOff(descriptor, told);
  }

  private callOff(descriptor: number, told: () => void): void {
    if (this.waiting.get(descriptor) !== told) return;
    this.waiting.delete(descriptor);
    this.calls.epoll_ctl(this.epoll, EPOLL_CTL_DEL, descriptor, null);
    this.rest();
  }

  private async listen(): Promise<void> {
    const source = Bun.file(this.counter).stream().getReader();
    this.source = source;
    for (;;) {
      const { done } = await source.read();
      if (done) return;
      this.reap();
      const ready = this.calls.epoll_wait(this.epoll, new Uint8Array(this.ready.buffer), MOST_AT_ONCE, 0);
      for (let i = 0; i < ready; i++) {
        const descriptor = this.ready.getUint32(i * EPOLL_EVENT.bytes + EPOLL_EVENT.data, true);
        const told = this.waiting.get(descriptor);
        this.waiting.delete(descriptor);
        told?.();
      }
      if (this.waiting.size > 0) this.arm();
      this.rest();
    }
  }

  /** Listening keeps the process alive, and beginning anew costs more than what it waits for on a fast line. */
  private rest(): void {
    clearTimeout(this.idleTimer);
    if (this.waiting.size > 0) return;
    this.idleTimer = setTimeout(() => {
      this.source?.cancel().catch(() => {});
      this.source = undefined;
    }, IDLE_MS);
  }

  /** The completion that was counted makes room for the next poll. */
  private reap(): void {
    const { syscall } = this.calls;
    const done = syscall(this.numbers.io_getevents, this.context, 0, MOST_AT_ONCE, ptr(this.results), 0);
    if (Number(done) > 0) this.armed = false;
  }

  /** @returns whether the epoll is being polled */
  private arm(): boolean {
    if (this.armed) return true;
    const list = BigUint64Array.of(BigInt(ptr(this.iocb)));
    const taken = this.calls.syscall(this.numbers.io_submit, this.context, 1, ptr(list), 0, 0);
    this.armed = Number(taken) === 1;
    return this.armed;
  }
}

function openWatch(): WritableWatch | undefined {
  const numbers = NUMBERS[process.arch];
  if (numbers === undefined) return undefined;
  const calls = openCalls();
  const context = new BigUint64Array(1);
  if (Number(calls.syscall(numbers.io_setup, MOST_AT_ONCE, ptr(context), 0, 0, 0)) !== 0) return undefined;
  const epoll = calls.epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return undefined;
  const counter = calls.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (counter < 0) {
    closeSync(epoll);
    return undefined;
  }
  return new WritableWatch(calls, numbers, context[0] ?? 0n, epoll, counter);
}

let watch: WritableWatch | undefined;
let isOpened = false;

/**
 * Calls `told` once `descriptor` takes bytes again, or has hung up.
 * @returns calls it off, before the descriptor is closed; undefined where the kernel has no such thing: without
 *   CONFIG_AIO, or in a sandbox
 */
export function whenWritable(descriptor: number, told: () => void): (() => void) | undefined {
  if (!isOpened) watch = openWatch();
  isOpened = true;
  return watch?.watch(descriptor, told);
}
