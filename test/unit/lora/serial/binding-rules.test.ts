import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { SerialPortStream } from "@serialport/stream";
import type { BindingPortInterface } from "../../../../src/lora/serial/bindings-interface.ts";
import { BINDINGS, type EchoLine } from "./echo-lines.ts";

/** Reads until `count` bytes have come. */
async function take(port: BindingPortInterface, count: number): Promise<Buffer> {
  const buffer = Buffer.alloc(count);
  for (let got = 0; got < count; ) got += (await port.read(buffer, got, count - got)).bytesRead;
  return buffer;
}

/** What a call comes to. A binding never throws before it has returned its promise. */
async function failure(call: () => Promise<unknown>): Promise<Error & { canceled?: boolean }> {
  const promise = call();
  const error = await promise.then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(Error);
  return error;
}

/** Calls it as code without types would. */
// biome-ignore lint/complexity/noBannedTypes: any method of a binding
const untyped = (method: Function, self: unknown, ...args: unknown[]): Promise<unknown> =>
  method.apply(self, args);

const text = "a line of text that is sent there and back";

describe.each(BINDINGS)("a binding: $name", ({ open: openLine }) => {
  let line: EchoLine;
  const ports: BindingPortInterface[] = [];

  beforeEach(() => {
    line = openLine();
  });

  afterEach(async () => {
    for (const port of ports.splice(0)) if (port.isOpen) await port.close();
    line.close();
  });

  async function opened(options: { baudRate?: number; lock?: boolean } = {}): Promise<BindingPortInterface> {
    const port = await line.binding.open({ path: line.path, baudRate: 115_200, ...options });
    ports.push(port);
    return port;
  }

  test("lists ports in which what is not known is undefined", async () => {
    const fields = ["path", "manufacturer", "serialNumber", "pnpId", "locationId", "productId", "vendorId"];
    const found = await line.binding.list();
    expect(Array.isArray(found)).toBe(true);
    for (const port of found) {
      expect(Object.keys(port)).toEqual(expect.arrayContaining(fields));
      for (const value of Object.values(port)) {
        expect(value).not.toBe("");
        expect(value).not.toBeNull();
      }
    }
  });

  test.each([
    ["no options", undefined],
    ["an array", []],
    ["no path", { path: "", baudRate: 9_600 }],
    ["no baud rate", { path: "/dev/ttyUSB0" }],
  ])("is not opened with %s", async (_, options) => {
    expect(await failure(() => untyped(line.binding.open, line.binding, options))).toBeInstanceOf(TypeError);
  });

  test("names the port that is not there", async () => {
    const path = "/dev/ttyNOT0";
    expect((await failure(() => line.binding.open({ path, baudRate: 9_600 }))).message).toContain(path);
  });

  test("completes the options with their defaults", async () => {
    const { openOptions } = await opened();
    expect(openOptions).toMatchObject({
      path: line.path,
      baudRate: 115_200,
      dataBits: 8,
      stopBits: 1,
      parity: "none",
      lock: true,
      rtscts: false,
      xon: false,
      xoff: false,
      xany: false,
    });
  });

  test("is open until it is closed, and closed once", async () => {
    const port = await opened();
    expect(port.isOpen).toBe(true);
    await port.close();
    expect(port.isOpen).toBe(false);
    await failure(() => port.close());
  });

  test("locks the port until it is closed", async () => {
    const port = await opened();
    await failure(() => opened());
    await port.close();
    expect((await opened()).isOpen).toBe(true);
  });

  test("shares the port where nobody locks", async () => {
    await opened({ lock: false });
    expect((await opened({ lock: false })).isOpen).toBe(true);
  });

  test.each([25_000, 250_000, 1_000_000, 123_457])("opens at %d baud and says so", async (baudRate) => {
    expect(await (await opened({ baudRate })).getBaudRate()).toEqual({ baudRate });
  });

  test("changes the rate of an open port", async () => {
    const port = await opened();
    await port.update({ baudRate: 57_600 });
    expect(await port.getBaudRate()).toEqual({ baudRate: 57_600 });
    expect(await failure(() => untyped(port.update, port))).toBeInstanceOf(TypeError);
    expect(await failure(() => untyped(port.update, port, {}))).toBeInstanceOf(TypeError);
  });

  test("wants an object to set the modem lines", async () => {
    const port = await opened();
    expect(await failure(() => untyped(port.set, port, () => {}))).toBeInstanceOf(TypeError);
    expect(await failure(() => untyped(port.set, port))).toBeInstanceOf(TypeError);
  });

  test.each([0, 1, 24, 2_048, 9_000])("writes %d bytes, which come back as they were", async (count) => {
    const port = await opened();
    const sent = Buffer.from(Array.from({ length: count }, (_, i) => (i * 7) & 0xff));
    await port.write(sent);
    expect(await take(port, count)).toEqual(sent);
  });

  test("writes nothing but buffers, one at a time", async () => {
    const port = await opened();
    expect(await failure(() => untyped(port.write, port, null))).toBeInstanceOf(TypeError);
    const first = port.write(Buffer.alloc(200_000));
    const second = failure(() => port.write(Buffer.from(text)));
    // The echo comes back meanwhile, or the far end could take no more.
    await take(port, 200_000);
    await first;
    await second;
  });

  test("reads at most what was asked for, into the buffer that was given", async () => {
    const port = await opened();
    await port.write(Buffer.from(text));
    const buffer = Buffer.alloc(10, ".");
    const { bytesRead, buffer: given } = await port.read(buffer, 2, 3);
    expect(bytesRead).toBeWithin(1, 4);
    expect(given).toBe(buffer);
    expect(buffer.toString()).toBe(`..${text.slice(0, bytesRead)}`.padEnd(10, "."));
    expect((await take(port, text.length - bytesRead)).toString()).toBe(text.slice(bytesRead));
  });

  test.each([
    ["no buffer", [null, 0, 1]],
    ["no offset", [Buffer.alloc(1), undefined, 1]],
    ["an offset that is not a number", [Buffer.alloc(1), Number.NaN, 1]],
    ["no length", [Buffer.alloc(1), 0]],
    ["a length that is not a number", [Buffer.alloc(1), 0, Number.NaN]],
  ])("does not read with %s", async (_, args) => {
    const port = await opened();
    expect(await failure(() => untyped(port.read, port, ...args))).toBeInstanceOf(TypeError);
  });

  test("does not read beyond the buffer", async () => {
    const port = await opened();
    await failure(() => port.read(Buffer.alloc(4), 2, 3));
  });

  test("cancels a read that waits when it is closed", async () => {
    const port = await opened();
    const reading = failure(() => port.read(Buffer.alloc(10), 0, 10));
    await port.close();
    expect((await reading).canceled).toBe(true);
  });

  test("throws away what has come but was not read, by flush", async () => {
    const port = await opened();
    await port.write(Buffer.from("old"));
    const first = Buffer.alloc(1);
    await port.read(first, 0, 1);
    expect(first.toString()).toBe("o");
    await port.flush();
    await port.write(Buffer.from("new"));
    expect((await take(port, 3)).toString()).toBe("new");
  });

  test("drains when there is nothing to drain, and after a write that is under way", async () => {
    const port = await opened({ baudRate: 3_000_000 });
    await port.drain();
    let written = false;
    const writing = port.write(Buffer.from(text)).then(() => {
      written = true;
    });
    await port.drain();
    expect(written).toBe(true);
    await writing;
  });

  test("does nothing any more once it is closed, and says so later than at once", async () => {
    const port = await opened();
    await port.close();
    const calls: (() => Promise<unknown>)[] = [
      () => port.read(Buffer.alloc(1), 0, 1),
      () => port.write(Buffer.alloc(1)),
      () => port.write(Buffer.alloc(0)),
      () => port.update({ baudRate: 9_600 }),
      () => port.set({ dtr: true }),
      () => port.get(),
      () => port.getBaudRate(),
      () => port.flush(),
      () => port.drain(),
    ];
    for (const call of calls) await failure(call);
  });

  test("carries a stream: opened, written in order, echoed, closed once, opened again", async () => {
    const stream = new SerialPortStream({
      binding: line.binding,
      path: line.path,
      baudRate: 115_200,
      autoOpen: false,
    });
    const events: string[] = [];
    stream.on("open", () => events.push("open"));
    stream.on("close", (error: Error | null) => events.push(error === null ? "close" : `close: ${error}`));
    stream.on("error", (error) => events.push(String(error)));
    for (const round of ["first", "second"]) {
      const echoed = Promise.withResolvers<void>();
      let heard = "";
      const listen = (bytes: Buffer) => {
        heard += bytes;
        if (heard.length === 11_000) echoed.resolve();
      };
      stream.on("data", listen);
      await new Promise((resolve) => stream.open(resolve));
      let sent = "";
      for (let i = 0; i < 1_000; i++) {
        const piece = `${round} ${i}`.padEnd(11, "-");
        sent += piece;
        stream.write(piece);
      }
      await echoed.promise;
      expect(heard).toBe(sent);
      stream.off("data", listen);
      await new Promise((resolve) => stream.close(resolve));
      expect(stream.isOpen).toBe(false);
    }
    expect(events).toEqual(["open", "close", "open", "close"]);
  });
});
