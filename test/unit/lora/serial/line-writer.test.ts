import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { SystemError } from "../../../../src/lora/serial/libc.ts";
import { LineWriter } from "../../../../src/lora/serial/line-writer.ts";

const EIO = 5;
/** 8N1 */
const BITS = 10;

/** A UART with a kernel buffer, in virtual time. */
class Uart {
  readonly time = new VirtualTime();
  readonly sent: number[] = [];
  tries = 0;
  held = false;
  gone = false;
  private buffered = 0;
  private drainedAtMs = 0;

  constructor(
    readonly baudRate: number,
    private readonly bufferBytes: number,
  ) {}

  writer(): LineWriter {
    return new LineWriter({
      path: "/dev/ttyTEST0",
      timers: this.time,
      whenWritable: (told) => this.whenWritable(told),
      write: (bytes) => this.write(bytes),
      unsent: () => this.unsent(),
      characterMs: () => this.characterMs,
    });
  }

  get characterMs(): number {
    return (BITS * 1_000) / this.baudRate;
  }

  unsent(): number {
    if (this.gone) throw new SystemError("TIOCOUTQ", EIO);
    const now = this.time.monotonicMs();
    const left = this.held ? 0 : Math.floor((now - this.drainedAtMs) / this.characterMs);
    const out = Math.min(left, this.buffered);
    this.buffered -= out;
    this.drainedAtMs = this.buffered === 0 || this.held ? now : this.drainedAtMs + out * this.characterMs;
    return this.buffered;
  }

  /** As a kernel that has nothing which tells. */
  whenWritable(_told: () => void): (() => void) | undefined {
    return undefined;
  }

  private write(bytes: Uint8Array): number {
    this.tries++;
    if (this.gone) throw new SystemError("write", EIO);
    const taken = bytes.subarray(0, this.bufferBytes - this.unsent());
    this.sent.push(...taken);
    this.buffered += taken.length;
    return taken.length;
  }
}

const numbered = (count: number): Uint8Array =>
  Uint8Array.from({ length: count }, (_, i) => i * 31 + (i >> 8));

/** How a promise ends, once the time has passed. */
async function outcome(uart: Uart, promise: Promise<void>, withinMs: number): Promise<unknown> {
  let ended: unknown = "waits";
  promise.then(
    () => {
      ended = "done";
    },
    (error) => {
      ended = error;
    },
  );
  await uart.time.runUntilAsync(() => ended !== "waits", withinMs);
  return ended;
}

describe("writing to a line that takes little at a time", () => {
  test("sends every byte in order, at the speed of the line, with fewer tries than one a millisecond", async () => {
    const uart = new Uart(921_600, 4_096);
    const sent = numbered(200_000);
    expect(await outcome(uart, uart.writer().write(sent), 60_000)).toBe("done");
    expect(Buffer.compare(Buffer.from(uart.sent), Buffer.from(sent))).toBe(0);
    const lineMs = (sent.length - 4_096) * uart.characterMs;
    expect(uart.time.monotonicMs()).toBeWithin(lineMs, lineMs + 10);
    expect(uart.tries).toBeLessThan(lineMs);
  });

  test("asks a line that is held up every 8 ms, and no oftener", async () => {
    const uart = new Uart(115_200, 4_096);
    uart.held = true;
    const writing = uart.writer().write(numbered(5_000));
    expect(await outcome(uart, writing, 10_000)).toBe("waits");
    expect(uart.tries).toBeWithin(1_200, 1_300);
    uart.held = false;
    expect(await outcome(uart, writing, 1_000)).toBe("done");
    expect(uart.sent.length).toBe(5_000);
  });

  test("keeps all bytes in order, whatever is taken of each write", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 3_000 }), { maxLength: 6 }),
        fc.integer({ min: 1, max: 2_000 }),
        async (writes, bufferBytes) => {
          const uart = new Uart(921_600, bufferBytes);
          const writer = uart.writer();
          for (const bytes of writes) expect(await outcome(uart, writer.write(bytes), 60_000)).toBe("done");
          expect(uart.sent).toEqual(writes.flatMap((bytes) => [...bytes]));
        },
      ),
      { numRuns: 50 },
    );
  });

  test("is cancelled by closing, wherever it waits", async () => {
    for (const waitedMs of [0, 3, 500]) {
      const uart = new Uart(9_600, 100);
      uart.held = true;
      const writer = uart.writer();
      const writing = writer.write(numbered(1_000));
      expect(await outcome(uart, writing, waitedMs)).toBe("waits");
      writer.close();
      expect(await outcome(uart, writing, 0)).toMatchObject({ canceled: true, disconnected: false });
      expect(uart.time.waiting).toBe(0);
      expect(await outcome(uart, writer.write(numbered(1)), 0)).toMatchObject({ canceled: true });
    }
  });

  test("ends when the line hangs up in the middle", async () => {
    const uart = new Uart(9_600, 100);
    const writing = uart.writer().write(numbered(1_000));
    expect(await outcome(uart, writing, 50)).toBe("waits");
    uart.gone = true;
    expect(await outcome(uart, writing, 20)).toMatchObject({ canceled: false, disconnected: true });
  });
});

/** Tells when its buffer has all but run empty, as the kernel's terminals do (n_tty.c, WAKEUP_CHARS). */
class TellingUart extends Uart {
  told = 0;

  override whenWritable(told: () => void): () => void {
    const look = () => {
      if (this.gone || this.unsent() < 256) {
        this.told++;
        told();
      } else callOff = this.time.after(1, look);
    };
    let callOff = this.time.after(1, look);
    return () => callOff();
  }
}

describe("writing to a line that tells when it takes more", () => {
  test("sends every byte in order, at the speed of the line, with two tries each time it is told", async () => {
    const uart = new TellingUart(921_600, 4_096);
    const sent = numbered(200_000);
    expect(await outcome(uart, uart.writer().write(sent), 60_000)).toBe("done");
    expect(Buffer.compare(Buffer.from(uart.sent), Buffer.from(sent))).toBe(0);
    const lineMs = (sent.length - 4_096) * uart.characterMs;
    expect(uart.time.monotonicMs()).toBeWithin(lineMs - 5, lineMs * 1.02);
    expect(uart.told).toBeWithin(50, 60);
    expect(uart.tries).toBeLessThan(2 * uart.told + 3);
  });

  test("waits instead when it was told in vain, and does not wait for ever for a driver that tells nothing", async () => {
    const uart = new TellingUart(115_200, 4_096);
    uart.whenWritable = (told) => uart.time.after(0, told);
    uart.held = true;
    const writing = uart.writer().write(numbered(5_000));
    expect(await outcome(uart, writing, 1_000)).toBe("waits");
    // One for each wait of 8 ms, and one for each lie.
    expect(uart.tries).toBeLessThan(300);
    uart.whenWritable = () => () => {};
    uart.held = false;
    expect(await outcome(uart, writing, 1_000)).toBe("done");
  });

  test("is cancelled by closing, and then watches no more", async () => {
    const uart = new TellingUart(9_600, 100);
    uart.held = true;
    const writer = uart.writer();
    const writing = writer.write(numbered(1_000));
    expect(await outcome(uart, writing, 20)).toBe("waits");
    writer.close();
    expect(await outcome(uart, writing, 0)).toMatchObject({ canceled: true });
    expect(uart.time.waiting).toBe(0);
  });
});

describe("draining", () => {
  test("lasts as long as the bytes are on the line, and not for ever", async () => {
    const uart = new Uart(9_600, 4_096);
    const writer = uart.writer();
    await outcome(uart, writer.write(numbered(96)), 1_000);
    const startMs = uart.time.monotonicMs();
    expect(await outcome(uart, writer.drain(), 1_000)).toBe("done");
    expect(uart.time.monotonicMs() - startMs).toBeWithin(100, 150);
  });

  test("waits out what an adapter holds that says that it has nothing", async () => {
    const uart = new Uart(9_600, 4_096);
    uart.unsent = () => 0;
    const writer = uart.writer();
    await outcome(uart, writer.write(numbered(96)), 1_000);
    expect(await outcome(uart, writer.drain(), 1_000)).toBe("done");
    expect(uart.time.monotonicMs()).toBeWithin(99, 101);
  });

  test("waits while flow control holds the line up, until it is closed", async () => {
    const uart = new Uart(115_200, 4_096);
    uart.held = true;
    const writer = uart.writer();
    await outcome(uart, writer.write(numbered(100)), 10);
    const draining = writer.drain();
    expect(await outcome(uart, draining, 60_000)).toBe("waits");
    writer.close();
    expect(await outcome(uart, draining, 0)).toMatchObject({ canceled: true });
  });
});
