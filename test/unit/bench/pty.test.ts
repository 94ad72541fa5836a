import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, constants, existsSync, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Firmware, ToHost } from "../../../src/bench/firmware.ts";
import { openPty, type Pty, type PtyOptions, pluggedIn } from "../../../src/bench/pty.ts";
import { ptyDescriptors } from "../lora/serial/pty-descriptors.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const opened: Pty[] = [];
const descriptors: number[] = [];

afterEach(() => {
  for (const pty of opened.splice(0)) pty.hangUp();
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
});

function pty(options?: PtyOptions): Pty {
  const made = openPty(options);
  opened.push(made);
  return made;
}

function host(path: string): number {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  descriptors.push(descriptor);
  return descriptor;
}

/** What read(2) says once it says something. */
async function nextRead(descriptor: number, buffer: Buffer, offset: number): Promise<number> {
  for (;;) {
    try {
      return readSync(descriptor, buffer, offset, buffer.length - offset, null);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
      await Bun.sleep(1);
    }
  }
}

/** How a line ends for who reads it: pty_close() of the kernel's pty.c marks it before it hangs it up. */
const ENDS = [0, "EIO"];

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Reads until `count` bytes have come. */
async function take(descriptor: number, count: number): Promise<Buffer> {
  const buffer = Buffer.alloc(count);
  for (let got = 0; got < count; ) got += await nextRead(descriptor, buffer, got);
  return buffer;
}

/** Every byte there is, so that a translation or a control character would show. */
const everyByte = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Echoes with every bit turned over. */
class Inverter implements Firmware {
  stopped = false;
  constructor(private readonly toHost: ToHost) {}
  receive(bytes: Uint8Array): void {
    this.toHost(bytes.map((byte) => byte ^ 0xff));
  }
  stop(): void {
    this.stopped = true;
  }
}

describe("a pseudo-terminal", () => {
  test("brings every byte value through unchanged, both ways", async () => {
    const line = pty();
    const descriptor = host(line.path);
    const heard = Promise.withResolvers<Uint8Array>();
    let got = new Uint8Array();
    line.onData((bytes) => {
      got = Uint8Array.of(...got, ...bytes);
      if (got.length === 256) heard.resolve(got);
    });
    expect(line.write(everyByte)).toBe(true);
    writeSync(descriptor, everyByte);
    expect(Uint8Array.from(await take(descriptor, 256))).toEqual(everyByte);
    expect(await heard.promise).toEqual(everyByte);
  });

  test("keeps what the kernel does not take at once, in order, and loses what is beyond its bound", async () => {
    const line = pty({ maxQueuedBytes: 300_000 });
    const descriptor = host(line.path);
    const sent = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) >> 3));
    expect(line.write(sent)).toBe(true);
    expect(line.write(new Uint8Array(300_000))).toBe(false);
    expect(line.queuedBytes).toBeGreaterThan(200_000);
    expect(Bun.hash(await take(descriptor, sent.length))).toBe(Bun.hash(sent));
    expect(line.queuedBytes).toBe(0);
  });

  test("outlives a host that closes and opens it again", async () => {
    const line = pty();
    closeSync(openSync(line.path, constants.O_RDWR | constants.O_NOCTTY));
    const descriptor = host(line.path);
    line.write(Uint8Array.of(7));
    expect([...(await take(descriptor, 1))]).toEqual([7]);
  });

  test("ends for the host when it is hung up, and takes its link away", async () => {
    const link = join(scratch(), "case");
    const line = pty({ link });
    line.onData(() => {});
    expect(line.path).toBe(link);
    const descriptor = host(link);
    line.hangUp();
    line.hangUp();
    expect(await nextRead(descriptor, Buffer.alloc(1), 0).catch(codeOf)).toBeOneOf(ENDS);
    expect(() => writeSync(descriptor, everyByte)).toThrow("EIO");
    expect(existsSync(link)).toBe(false);
    expect(line.write(everyByte)).toBe(false);
  });

  test("leaves no descriptor behind", async () => {
    const before = ptyDescriptors();
    for (let i = 0; i < 50; i++) {
      const line = openPty();
      if (i % 2) line.onData(() => {});
      line.hangUp();
    }
    while (ptyDescriptors() !== before) await Bun.sleep(1);
  });

  test("is another one under the same link after a replug, with firmware at its end", async () => {
    const link = join(scratch(), "case");
    for (let i = 0; i < 3; i++) {
      const plugged = pluggedIn((toHost) => new Inverter(toHost), { link });
      const descriptor = host(link);
      writeSync(descriptor, everyByte);
      expect(Uint8Array.from(await take(descriptor, 256))).toEqual(everyByte.toReversed());
      plugged.unplug();
      expect(plugged.firmware.stopped).toBe(true);
    }
  });
});
