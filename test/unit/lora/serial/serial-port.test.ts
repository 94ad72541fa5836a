import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Firmware, ToHost } from "../../../../src/bench/firmware.ts";
import { openPty, type Pty, type PtyOptions, pluggedIn } from "../../../../src/bench/pty.ts";
import { type Port, type PortClosed, PortError } from "../../../../src/lora/port.ts";
import { openSerialPort } from "../../../../src/lora/serial/index.ts";
import { scratchFolders } from "../../scratch.ts";
import { ptyDescriptors } from "./pty-descriptors.ts";

const scratch = scratchFolders();
const ptys: Pty[] = [];

afterEach(() => {
  for (const pty of ptys.splice(0)) pty.hangUp();
});

function farEnd(options?: PtyOptions): Pty {
  const pty = openPty(options);
  ptys.push(pty);
  return pty;
}

const opened = (path: string): Promise<Port> => openSerialPort(path, { baudRate: 921_600 });

const closedOf = (port: Port): Promise<PortClosed> => new Promise((resolve) => port.once("closed", resolve));

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** Collects until `count` bytes have come. */
function heard(listen: (take: (bytes: Uint8Array) => void) => void, count: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    listen((bytes) => {
      text += Buffer.from(bytes).toString("latin1");
      if (text.length >= count) resolve(text);
    });
  });
}

describe("a serial port", () => {
  test("brings bytes both ways", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    expect(port.name).toBe(pty.path);
    const atFirmware = heard((take) => pty.onData(take), 9);
    const atHost = heard((take) => port.on("data", take), 6);
    await port.write(Buffer.from("to you, "));
    await port.write(Uint8Array.of(0x21));
    pty.write(Buffer.from("to me."));
    expect(await atFirmware).toBe("to you, !");
    expect(await atHost).toBe("to me.");
    await port.close();
  });

  test("writes in the order of the calls what was given, though the caller uses the bytes again", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    const atFirmware = heard((take) => pty.onData(take), 26 * 3_000);
    const bytes = new Uint8Array(3_000);
    const writes: Promise<void>[] = [];
    for (let letter = 0; letter < 26; letter++) {
      bytes.fill(0x61 + letter);
      writes.push(port.write(bytes));
    }
    await Promise.all(writes);
    const expected = Array.from({ length: 26 }, (_, letter) =>
      String.fromCharCode(0x61 + letter).repeat(3_000),
    );
    expect(await atFirmware).toBe(expected.join(""));
    await port.close();
  });

  test("lets a goodbye out before it closes, and closes once", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    const events: PortClosed[] = [];
    port.on("closed", (closed) => events.push(closed));
    const goodbye = heard((take) => pty.onData(take), 30_000);
    void port.write(Buffer.alloc(30_000, "x"));
    await Promise.all([port.close(), port.close()]);
    await port.close();
    expect(await goodbye).toBe("x".repeat(30_000));
    expect(events).toEqual([{ reason: "asked", detail: "closed" }]);
    expect(await rejection(port.write(Uint8Array.of(1)))).toEqual(new PortError(pty.path, "closed"));
  });

  test("closes in half a second though nobody takes what was written", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    const writing = rejection(port.write(Buffer.alloc(500_000)));
    const started = performance.now();
    await port.close();
    expect(performance.now() - started).toBeGreaterThan(400);
    expect(await writing).toBeInstanceOf(PortError);
  });

  test("says once that it was unplugged, and fails what is under way", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    const events: PortClosed[] = [];
    port.on("closed", (closed) => events.push(closed));
    const writes = [500_000, 10].map((count) => rejection(port.write(Buffer.alloc(count))));
    await Bun.sleep(2);
    pty.hangUp();
    for (const error of await Promise.all(writes)) expect(error).toBeInstanceOf(PortError);
    expect(await rejection(port.write(Uint8Array.of(1)))).toEqual(
      new PortError(pty.path, "unplugged or hung up"),
    );
    await port.close();
    await Bun.sleep(5);
    expect(events).toEqual([{ reason: "gone", detail: "unplugged or hung up" }]);
  });

  test("refuses what is beyond its bound while the line takes nothing", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    const first = rejection(port.write(Buffer.alloc(1 << 20)));
    expect(String(await rejection(port.write(Uint8Array.of(1))))).toContain(
      "more than 1048576 bytes wait to be written",
    );
    pty.hangUp();
    expect(await first).toBeInstanceOf(PortError);
  });

  test.each([
    ["/dev/ttyNOT0", "/dev/ttyNOT0: cannot be opened: no such device (ENOENT)"],
    ["/dev/null", "/dev/null: cannot be opened: not a serial line (ENOTTY)"],
  ])("says why %s cannot be opened", async (path, message) => {
    const error = await rejection(opened(path));
    expect(error).toBeInstanceOf(PortError);
    expect(error).toMatchObject({ message, port: path });
  });

  test("says when another has it open, and when a setting is wrong", async () => {
    const pty = farEnd();
    const port = await opened(pty.path);
    expect(String(await rejection(opened(pty.path)))).toContain("in use by another program");
    await port.close();
    expect(String(await rejection(openSerialPort(pty.path, { baudRate: -1 })))).toContain("baudRate: -1");
  });
});

/** Answers each numbered line with `ok` and the number. */
class LineCounter implements Firmware {
  readonly heard: number[] = [];
  private rest = "";
  constructor(private readonly toHost: ToHost) {}
  receive(bytes: Uint8Array): void {
    const lines = (this.rest + Buffer.from(bytes).toString("latin1")).split("\n");
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      this.heard.push(Number(line));
      this.toHost(Buffer.from(`ok ${line}\n`));
    }
  }
  stop(): void {}
}

describe("a case that is unplugged and plugged in again", () => {
  test("100 times in the middle of a transfer: noticed once each, nothing answered twice, nothing left open", async () => {
    const link = join(scratch(), "case");
    let next = 0;
    for (let round = 0; round < 100; round++) {
      const plugged = pluggedIn((toHost) => new LineCounter(toHost), { link });
      const port = await opened(link);
      const closings: PortClosed[] = [];
      port.on("closed", (closed) => closings.push(closed));
      const closed = closedOf(port);
      const first = next;
      let answers = "";
      port.on("data", (bytes) => {
        answers += Buffer.from(bytes).toString("latin1");
        // At another place in each round; the writes below go on until they fail.
        if (answers.length > 50 * (round % 10)) plugged.unplug();
      });
      let error: unknown;
      while (error === undefined) {
        error = await rejection(port.write(Buffer.from(`${next++}\n`)));
        await setImmediate();
      }
      expect(error).toBeInstanceOf(PortError);
      expect((await closed).reason).toBe("gone");
      await port.close();
      expect(closings.length).toBe(1);
      const numbers = plugged.firmware.heard;
      expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, i) => first + i));
      expect(answers).toBe(
        numbers
          .map((number) => `ok ${number}\n`)
          .join("")
          .slice(0, answers.length),
      );
    }
    while (ptyDescriptors() > 0) await Bun.sleep(1);
  }, 30_000);
});
