import { afterEach, describe, expect, test } from "bun:test";
import { closeSync, constants, openSync } from "node:fs";
import { openPty, type Pty } from "../../../../src/bench/pty.ts";
import { writeSomeTo } from "../../../../src/lora/serial/line-writer.ts";
import { whenWritable } from "../../../../src/lora/serial/writable-watch.ts";

const ptys: Pty[] = [];
const descriptors: number[] = [];

afterEach(() => {
  for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
  for (const pty of ptys.splice(0)) pty.hangUp();
});

/** A line that takes no more, with its far end. */
async function fullLine(): Promise<{ descriptor: number; pty: Pty }> {
  const pty = openPty();
  ptys.push(pty);
  const descriptor = openSync(pty.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
  descriptors.push(descriptor);
  const write = writeSomeTo(descriptor);
  // The kernel moves bytes on for some time, which makes room again.
  for (let refused = 0; refused < 3; await Bun.sleep(1))
    refused = write(new Uint8Array(4_096)) > 0 ? 0 : refused + 1;
  return { descriptor, pty };
}

function watched(descriptor: number) {
  const told = Promise.withResolvers<void>();
  let times = 0;
  const callOff = whenWritable(descriptor, () => {
    times++;
    told.resolve();
  });
  if (callOff === undefined) throw new Error("this kernel does not tell");
  return { told: told.promise, callOff, times: () => times };
}

describe("waiting until a line takes more", () => {
  test("is told once the far end has read, and not before", async () => {
    const { descriptor, pty } = await fullLine();
    const watch = watched(descriptor);
    await Bun.sleep(20);
    expect(watch.times()).toBe(0);
    pty.onData(() => {});
    await watch.told;
    expect(writeSomeTo(descriptor)(Uint8Array.of(1))).toBe(1);
    await Bun.sleep(5);
    expect(watch.times()).toBe(1);
  });

  test("is told again, as often as it asks", async () => {
    const { descriptor, pty } = await fullLine();
    pty.onData(() => {});
    for (let i = 0; i < 100; i++) {
      await watched(descriptor).told;
      while (writeSomeTo(descriptor)(new Uint8Array(8_192)) > 0);
    }
  });

  test("is told that the line has hung up", async () => {
    const { descriptor, pty } = await fullLine();
    const watch = watched(descriptor);
    pty.hangUp();
    await watch.told;
    expect(() => writeSomeTo(descriptor)(Uint8Array.of(1))).toThrow("EIO");
  });

  test("keeps 20 lines apart", async () => {
    const lines = await Promise.all(Array.from({ length: 20 }, fullLine));
    const watches = lines.map(({ descriptor }) => watched(descriptor));
    const order = lines.map((_, i) => (i * 7) % 20);
    for (const [count, index] of order.entries()) {
      lines[index]?.pty.onData(() => {});
      await watches[index]?.told;
      expect(watches.map(({ times }) => times()).filter((times) => times > 0).length).toBe(count + 1);
    }
  });

  test("is told nothing after it was called off, nor for a descriptor that came after it", async () => {
    const { descriptor, pty } = await fullLine();
    const watch = watched(descriptor);
    watch.callOff();
    watch.callOff();
    descriptors.splice(descriptors.indexOf(descriptor), 1);
    closeSync(descriptor);
    const next = await fullLine();
    const other = watched(next.descriptor);
    pty.onData(() => {});
    await Bun.sleep(10);
    expect(watch.times()).toBe(0);
    expect(other.times()).toBe(0);
    next.pty.onData(() => {});
    await other.told;
  });

  test("keeps no process alive that has nothing else to do", async () => {
    const script = `
      import { openPty } from "${import.meta.dir}/../../../../src/bench/pty.ts";
      import { openSerialPort } from "${import.meta.dir}/../../../../src/lora/serial/index.ts";
      for (const isRead of [true, false]) {
        const pty = openPty();
        const port = await openSerialPort(pty.path, { baudRate: 921_600 });
        if (isRead) pty.onData(() => {});
        const writing = port.write(new Uint8Array(200_000)).then(() => "written", () => "failed");
        if (isRead) await writing;
        await port.close();
        pty.hangUp();
        console.log(await writing);
      }`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
    const timer = setTimeout(() => child.kill("SIGKILL"), 4_000);
    expect(await child.stdout.text()).toBe("written\nfailed\n");
    expect(await child.exited).toBe(0);
    clearTimeout(timer);
  });
});
