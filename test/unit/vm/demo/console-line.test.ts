import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { systemTimers } from "../../../../src/host/timers.ts";
import { ConsoleLine, KEPT_BYTES } from "../../../../src/vm/demo/console-line.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** What stands in QEMU's place: one who listens on a socket. */
function terminal(onEnd = () => {}) {
  const path = join(scratch(), "console");
  const heard: string[] = [];
  const { promise: connected, resolve } = Promise.withResolvers<{
    write(text: string | Uint8Array): number;
    end(): void;
  }>();
  const server = Bun.listen({
    unix: path,
    socket: {
      open: (socket) => resolve(socket),
      data: (_, bytes) => void heard.push(bytes.toString()),
      drain: () => undefined,
    },
  });
  const line = new ConsoleLine({ path, onEnd, timers: systemTimers });
  ends.push(() => {
    line.close();
    server.stop(true);
  });
  return { line, connected, heard };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}

describe("a machine's console", () => {
  test("brings what the machine says to its reader, and what is typed to the machine", async () => {
    const { line, connected, heard } = terminal();
    await line.open();
    const machine = await connected;
    let said = "";
    line.read((bytes) => {
      said += Buffer.from(bytes).toString();
      return true;
    });
    machine.write("/root # ");
    await until(() => said === "/root # ");
    expect(line.type(Buffer.from("ls\n"))).toBe(true);
    await until(() => heard.join("") === "ls\n");
  });

  test("keeps the end of what was said for one who comes later", async () => {
    const { line, connected } = terminal();
    await line.open();
    const machine = await connected;
    let first = 0;
    const end = line.read((bytes) => {
      first += bytes.length;
      return true;
    });
    const text = Buffer.alloc(KEPT_BYTES + 5_000, "x");
    text.write("end", text.length - 3);
    for (let sent = 0; sent < text.length; ) {
      sent += machine.write(text.subarray(sent));
      await Bun.sleep(1);
    }
    await until(() => first === text.length);
    end();
    let kept = "";
    line.read((bytes) => {
      kept += Buffer.from(bytes).toString();
      return true;
    });
    expect(kept.length).toBe(KEPT_BYTES);
    expect(kept.endsWith("end")).toBe(true);
  });

  test("lets a machine wait that says more than its reader takes", async () => {
    const { line, connected } = terminal();
    await line.open();
    const machine = await connected;
    let taken = 0;
    line.read((bytes) => {
      taken += bytes.length;
      return false;
    });
    const flood = Buffer.alloc(65_536, "y");
    let sent = 0;
    // Until the sockets between the two take no more.
    for (let full = 0; full < 20; ) {
      const now = machine.write(flood);
      sent += now;
      full = now === 0 ? full + 1 : 0;
      await Bun.sleep(1);
    }
    expect(taken).toBeLessThan(sent);
    const before = taken;
    line.more();
    await until(() => taken > before);
  });

  test("takes no more keys than a machine takes, and says so", async () => {
    const { line } = terminal();
    // Nobody is connected yet.
    const pasted = Buffer.alloc(5_000, "k");
    expect(line.type(pasted)).toBe(true);
    expect(line.type(pasted)).toBe(false);
  });

  test("says when the machine is gone, once, and not when it was closed from here", async () => {
    let ended = 0;
    const gone = terminal(() => {
      ended += 1;
    });
    await gone.line.open();
    (await gone.connected).end();
    await until(() => ended === 1);
    gone.line.close();
    const closed = terminal(() => {
      ended += 1;
    });
    await closed.line.open();
    closed.line.close();
    await Bun.sleep(5);
    expect(ended).toBe(1);
  });
});
