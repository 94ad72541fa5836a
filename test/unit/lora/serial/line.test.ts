import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, constants, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SerialPortStream } from "@serialport/stream";
import { openPty, type Pty, type PtyOptions } from "../../../../src/bench/pty.ts";
import { type Line, type LineOpenOptions, linuxBinding } from "../../../../src/lora/serial/index.ts";
import { ioctl } from "../../../../src/lora/serial/libc.ts";
import { scratchFolders } from "../../scratch.ts";
import { ptyDescriptors } from "./pty-descriptors.ts";

const scratch = scratchFolders();
const ptys: Pty[] = [];
const lines: Line[] = [];

afterEach(async () => {
  for (const line of lines.splice(0)) if (line.isOpen) await line.close();
  for (const pty of ptys.splice(0)) pty.hangUp();
});

function farEnd(options?: PtyOptions): Pty {
  const pty = openPty(options);
  ptys.push(pty);
  return pty;
}

async function opened(pty: Pty, options: Partial<LineOpenOptions> = {}): Promise<Line> {
  const line = await linuxBinding.open({ path: pty.path, baudRate: 115_200, ...options });
  lines.push(line);
  return line;
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

async function read(line: Line, count = 100): Promise<string> {
  const buffer = Buffer.alloc(count);
  const { bytesRead } = await line.read(buffer, 0, count);
  return buffer.toString("latin1", 0, bytesRead);
}

/** What coreutils' stty says of a line: the speed, and each setting with a minus where it is off. */
function stty(path: string): { speed: number; settings: Set<string> } {
  const { stdout } = Bun.spawnSync(["stty", "-a", "-F", path], { env: { ...process.env, LC_ALL: "C" } });
  const text = stdout.toString();
  return { speed: Number(/speed (\d+) baud/.exec(text)?.[1]), settings: new Set(text.split(/[\s;]+/)) };
}

describe("setting a line", () => {
  test("leaves it raw, as stty sees it, with all that would change bytes off", async () => {
    const pty = farEnd();
    Bun.spawnSync(["stty", "-F", pty.path, "sane", "hupcl", "9600"]);
    expect([...stty(pty.path).settings]).toEqual(
      expect.arrayContaining(["icanon", "echo", "opost", "hupcl"]),
    );
    await opened(pty, { baudRate: 921_600 });
    const { speed, settings } = stty(pty.path);
    expect(speed).toBe(921_600);
    const off =
      "icanon echo isig iexten opost icrnl ixon ixoff ixany brkint istrip inlcr igncr parmrk imaxbel hupcl";
    expect([...settings]).toEqual(expect.arrayContaining([...off.split(" ").map((name) => `-${name}`)]));
    expect([...settings]).toEqual(expect.arrayContaining(["cs8", "cread", "clocal", "-crtscts", "ignpar"]));
  });

  test.each([
    [{ xon: true }, "ixon"],
    [{ xoff: true }, "ixoff"],
    [{ xany: true }, "ixany"],
    [{ rtscts: true }, "crtscts"],
    [{ hupcl: true }, "hupcl"],
    [{ stopBits: 2 }, "cstopb"],
  ] as const)("sets %p, as stty sees it, and opening without takes it back", async (options, name) => {
    const pty = farEnd();
    const line = await opened(pty, options);
    expect(stty(pty.path).settings.has(name)).toBe(true);
    await line.close();
    await opened(pty);
    expect(stty(pty.path).settings.has(`-${name}`)).toBe(true);
  });

  test("runs at rates that no table has", async () => {
    const pty = farEnd();
    const line = await opened(pty, { baudRate: 74_880 });
    expect(await line.getBaudRate()).toEqual({ baudRate: 74_880 });
    await line.update({ baudRate: 31_250 });
    expect(await line.getBaudRate()).toEqual({ baudRate: 31_250 });
  });

  test.each([50, 9_600, 38_400, 57_600, 115_200, 460_800, 3_000_000, 4_000_000])(
    "runs at %d baud, as stty sees it",
    async (baudRate) => {
      const pty = farEnd();
      const line = await opened(pty, { baudRate });
      expect(stty(pty.path).speed).toBe(baudRate);
      expect(await line.getBaudRate()).toEqual({ baudRate });
    },
  );

  test.each([
    [{ baudRate: 0.5 }, /baudRate: 0.5/],
    [{ baudRate: -9_600 }, /baudRate: -9600/],
    [{ parity: "sometimes" }, /parity: sometimes; known: none, even/],
    [{ parity: "constructor" }, /parity: constructor/],
    [{ stopBits: 1.5 }, /stopBits: 1.5 with 8 data bits/],
  ] as const)("names what is wrong with %p, and keeps nothing open", async (options, message) => {
    const pty = farEnd();
    const before = ptyDescriptors(pty.path);
    const error = await rejection(linuxBinding.open({ path: pty.path, baudRate: 9_600, ...options }));
    expect(error).toBeInstanceOf(RangeError);
    expect(String(error)).toMatch(message);
    expect(ptyDescriptors(pty.path)).toBe(before);
    // It is not locked either.
    await opened(pty);
  });

  test("says what cannot be a line, with the error of the operating system as the cause", async () => {
    const file = join(scratch(), "file");
    writeFileSync(file, "");
    expect(await rejection(linuxBinding.open({ path: file, baudRate: 9_600 }))).toMatchObject({
      message: `${file}: cannot be opened: not a serial line (ENOTTY)`,
      cause: { code: "ENOTTY" },
    });
    expect(await rejection(linuxBinding.open({ path: `${file}s`, baudRate: 9_600 }))).toMatchObject({
      message: `${file}s: cannot be opened: no such device (ENOENT)`,
      cause: { code: "ENOENT" },
    });
  });

  test("throws away what had come before it was opened, perhaps at another rate", async () => {
    const pty = farEnd();
    pty.write(Buffer.from("boot text"));
    await Bun.sleep(5);
    const line = await opened(pty);
    pty.write(Buffer.from("now"));
    expect(await read(line)).toBe("now");
  });

  test("says that a pseudo-terminal has no modem lines", async () => {
    const line = await opened(farEnd());
    expect(await rejection(line.get())).toMatchObject({ cause: { call: "TIOCMGET" }, disconnected: false });
    expect(await rejection(line.set({ dtr: false }))).toMatchObject({ cause: { call: "TIOCMBIC" } });
  });

  test("does without low latency where the driver has no such thing", async () => {
    const line = await opened(farEnd(), { lowLatency: true });
    expect(line.openOptions.lowLatency).toBe(true);
  });
});

describe("locking a line", () => {
  /** asm-generic/ioctls.h */
  const TIOCGEXCL = 0x8004_5440;

  const isExclusive = (path: string): boolean => {
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    try {
      const word = new Uint8Array(4);
      ioctl(descriptor, "TIOCGEXCL", TIOCGEXCL, word);
      return word[0] === 1;
    } finally {
      closeSync(descriptor);
    }
  };

  test("keeps everyone out but root, and ends with closing though the far end holds the line", async () => {
    const pty = farEnd();
    const line = await opened(pty);
    expect(isExclusive(pty.path)).toBe(true);
    await line.close();
    expect(isExclusive(pty.path)).toBe(false);
    await opened(pty, { lock: false });
    expect(isExclusive(pty.path)).toBe(false);
  });

  test("leaves a line alone that another has locked", async () => {
    const pty = farEnd();
    await opened(pty, { baudRate: 57_600 });
    const error = await rejection(linuxBinding.open({ path: pty.path, baudRate: 9_600 }));
    expect(String(error)).toContain("in use by another program");
    expect(stty(pty.path).speed).toBe(57_600);
    expect(isExclusive(pty.path)).toBe(true);
  });
});

describe("a line that hangs up", () => {
  test("ends a read that waits, at once, and all that comes after it", async () => {
    const pty = farEnd();
    const line = await opened(pty);
    const reading = rejection(line.read(Buffer.alloc(10), 0, 10));
    pty.hangUp();
    const gone = { disconnected: true, canceled: false, message: `${pty.path}: unplugged or hung up` };
    expect(await reading).toMatchObject(gone);
    expect(await rejection(line.read(Buffer.alloc(10), 0, 10))).toMatchObject(gone);
    expect(await rejection(line.write(Buffer.alloc(10)))).toMatchObject(gone);
    expect(await rejection(line.getBaudRate())).toMatchObject(gone);
    expect(await rejection(line.flush())).toMatchObject(gone);
    expect(line.isOpen).toBe(true);
    await line.close();
    expect(line.isOpen).toBe(false);
  });

  test("ends a write that waits for room", async () => {
    const pty = farEnd();
    const line = await opened(pty);
    const writing = rejection(line.write(Buffer.alloc(1_000_000)));
    await Bun.sleep(5);
    pty.hangUp();
    expect(await writing).toMatchObject({ disconnected: true });
  });

  test("cannot be opened", async () => {
    const pty = farEnd();
    const { path } = pty;
    pty.hangUp();
    expect(await rejection(linuxBinding.open({ path, baudRate: 9_600 }))).toBeInstanceOf(Error);
  });

  test("closes its stream once, as disconnected, with writes and reads under way", async () => {
    for (let round = 0; round < 20; round++) {
      const pty = farEnd();
      const stream = new SerialPortStream({ binding: linuxBinding, path: pty.path, baudRate: 115_200 });
      const disconnects: unknown[] = [];
      const closed = new Promise((resolve) => {
        stream.on("close", (error: unknown) => {
          // A write that fails makes it close once more before, as any stream: that comes without a reason.
          if (!error) return;
          disconnects.push(error);
          resolve(error);
        });
      });
      stream.on("error", () => {});
      stream.on("data", () => {});
      await new Promise((resolve) => stream.once("open", resolve));
      for (let i = 0; i < round; i++) stream.write(Buffer.alloc(20_000));
      await Bun.sleep(1);
      pty.hangUp();
      await closed;
      await Bun.sleep(1);
      expect(disconnects).toEqual([expect.objectContaining({ disconnected: true })]);
      expect(stream.isOpen).toBe(false);
    }
    while (ptyDescriptors() > 0) await Bun.sleep(1);
  });
});

describe("reading and writing a line", () => {
  test("lets everything else go on while a read waits and a write finds no room", async () => {
    const line = await opened(farEnd());
    const reading = rejection(line.read(Buffer.alloc(1), 0, 1));
    const writing = rejection(line.write(Buffer.alloc(500_000)));
    let turns = 0;
    for (const started = performance.now(); performance.now() - started < 50; turns++) await Bun.sleep(1);
    expect(turns).toBeGreaterThan(5);
    await line.close();
    expect(await reading).toMatchObject({ canceled: true });
    expect(await writing).toMatchObject({ canceled: true });
  });

  test("goes on with a read that waits over a flush", async () => {
    const pty = farEnd();
    const line = await opened(pty);
    const reading = read(line);
    await line.flush();
    pty.write(Buffer.from("fresh"));
    expect(await reading).toBe("fresh");
  });

  test("does not read one byte twice when two read at once", async () => {
    const pty = farEnd();
    const line = await opened(pty);
    const first = read(line);
    expect(await rejection(read(line))).toMatchObject({ disconnected: false, canceled: false });
    pty.write(Buffer.from("once"));
    expect(await first).toBe("once");
  });

  test("sends what was drained before closing", async () => {
    const pty = farEnd();
    let heard = "";
    pty.onData((bytes) => {
      heard += Buffer.from(bytes).toString("latin1");
    });
    const line = await opened(pty, { baudRate: 921_600 });
    await line.write(Buffer.from("goodbye"));
    await line.drain();
    await line.close();
    while (heard.length < 7) await Bun.sleep(1);
    expect(heard).toBe("goodbye");
  });

  test("loses nothing of 4 MB each way at once, set to 921,600 baud", async () => {
    const count = 4 << 20;
    const pty = farEnd({ maxQueuedBytes: count });
    const stream = new SerialPortStream({ binding: linuxBinding, path: pty.path, baudRate: 921_600 });
    await new Promise((resolve) => stream.once("open", resolve));
    const downwards = Buffer.alloc(count);
    const upwards = Buffer.alloc(count);
    for (let i = 0; i < count; i += 4) {
      downwards.writeUInt32LE(Math.imul(i, 0x9e37_79b1) >>> 0, i);
      upwards.writeUInt32LE(Math.imul(i, 0x85eb_ca6b) >>> 0, i);
    }
    const collected = (listen: (take: (bytes: Uint8Array) => void) => void) =>
      new Promise<Buffer>((resolve) => {
        const all = Buffer.alloc(count);
        let got = 0;
        listen((bytes) => {
          all.set(bytes, got);
          got += bytes.length;
          if (got === count) resolve(all);
        });
      });
    const atFirmware = collected((take) => pty.onData(take));
    const atHost = collected((take) => stream.on("data", take));
    expect(pty.write(upwards)).toBe(true);
    for (let at = 0; at < count; at += 10_000)
      if (!stream.write(downwards.subarray(at, at + 10_000)))
        await new Promise((resolve) => stream.once("drain", resolve));
    expect(Buffer.compare(await atFirmware, downwards)).toBe(0);
    expect(Buffer.compare(await atHost, upwards)).toBe(0);
    await new Promise((resolve) => stream.close(resolve));
  }, 30_000);

  test("leaves no descriptor behind in 1,000 times of opening and closing", async () => {
    const pty = farEnd();
    const before = ptyDescriptors(pty.path);
    const allBefore = readdirSync("/proc/self/fd").length;
    for (let i = 0; i < 1_000; i++) {
      const line = await linuxBinding.open({ path: pty.path, baudRate: 115_200 });
      // Some with a read that is cancelled, some with one that was answered, some with none.
      const reading = i % 3 === 0 ? undefined : rejection(line.read(Buffer.alloc(8), 0, 8));
      if (i % 3 === 2) {
        pty.write(Buffer.from("answer"));
        await reading;
      }
      await line.close();
      await reading;
    }
    while (ptyDescriptors(pty.path) > before) await Bun.sleep(1);
    expect(readdirSync("/proc/self/fd").length).toBeWithin(allBefore - 3, allBefore + 4);
  }, 30_000);
});
