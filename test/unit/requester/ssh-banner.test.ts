import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { bannerIn, sshBanner, type Try, untilOne } from "../../../src/requester/ssh-banner.ts";

/** A server on this machine that says something to whoever connects. */
async function withServer(says: string, use: (port: number) => Promise<void>): Promise<void> {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (socket) => void socket.write(says), data: () => {} },
  });
  try {
    await use(server.port);
  } finally {
    server.stop(true);
  }
}

describe("SSH's first line", () => {
  test("is found behind other lines, and not before it has ended", () => {
    expect(bannerIn("welcome\r\nSSH-2.0-dropbear_2022.83\r\n")).toBe("SSH-2.0-dropbear_2022.83");
    expect(bannerIn("SSH-2.0-OpenSSH_9.2")).toBeUndefined();
    expect(bannerIn("HTTP/1.1 400 Bad Request\r\n")).toBeUndefined();
    expect(bannerIn("xSSH-2.0-a\r\n")).toBeUndefined();
  });

  test("has nothing in it that would draw on a terminal", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(bannerIn(`SSH-2.0-${text}\r\n`) ?? "").toMatch(/^[\x20-\x7e]*$/);
      }),
    );
  });

  test("comes from a server, straight and by a command that is the connection", async () => {
    await withServer("SSH-2.0-here\r\n", async (port) => {
      expect(await sshBanner("127.0.0.1", port, undefined, 10_000)).toBe("SSH-2.0-here");
      const proxy = [process.execPath, "src/requester/tcp-pipe.ts", "127.0.0.1", String(port)];
      expect(await sshBanner("127.0.0.1", port, proxy, 20_000)).toBe("SSH-2.0-here");
    });
  });

  test("is none where nobody listens, and where a server says too much of something else", async () => {
    let free = 0;
    await withServer(`${"no ".repeat(3_000)}`, async (port) => {
      free = port;
      expect(await sshBanner("127.0.0.1", port, undefined, 10_000)).toBeUndefined();
    });
    expect(await sshBanner("127.0.0.1", free, undefined, 10_000)).toBeUndefined();
    expect(await sshBanner("127.0.0.1", free, ["false"], 10_000)).toBeUndefined();
  });

  test("is waited for at a server that says nothing until it is called off", async () => {
    await withServer("", async (port) => {
      const stop = new AbortController();
      const reached = () => stop.abort();
      const one = { reached, stop: stop.signal };
      expect(await sshBanner("127.0.0.1", port, undefined, 60_000, one)).toBeUndefined();
      expect(stop.signal.aborted).toBe(true);
      expect(await sshBanner("127.0.0.1", port, undefined, 60_000, one)).toBeUndefined();
    });
  });
});

describe("Trying until one gives something", () => {
  test("waits for none before the next, has no more than so many at once, and takes the first", async () => {
    const time = new VirtualTime();
    let [tries, atOnce, most] = [0, 0, 0];
    const attempt = async () => {
      const number = ++tries;
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise<void>((resolve) => time.after(1_000, resolve));
      atOnce -= 1;
      return number === 7 ? "seven" : undefined;
    };
    const found = untilOne(attempt, 100, 3, new AbortController().signal, time);
    await time.advanceAsync(10_000);
    expect(await found).toBe("seven");
    expect(most).toBe(3);
    const before = tries;
    await time.advanceAsync(10_000);
    expect(tries).toBe(before);
  });

  test("makes no other while one has reached somebody, calls off those under way, and goes on when it was in vain", async () => {
    const time = new VirtualTime();
    const stopped: number[] = [];
    const begun: number[] = [];
    const attempt = async ({ reached, stop }: Try) => {
      const number = begun.push(time.monotonicMs()) - 1;
      stop.addEventListener("abort", () => stopped.push(number));
      // The fourth comes through, and then nothing comes; the next one is answered.
      if (number >= 3) time.after(50, reached);
      await new Promise<void>((resolve) => time.after(number === 3 ? 2_000 : 5_000, resolve));
      return number === 4 ? "four" : undefined;
    };
    const found = untilOne(attempt, 100, 12, new AbortController().signal, time);
    await time.advanceAsync(20_000);
    expect(await found).toBe("four");
    expect(stopped.slice(0, 3)).toEqual([0, 1, 2]);
    expect(begun).toHaveLength(5);
    expect((begun[4] ?? 0) - (begun[3] ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  test("goes on after one that throws, and ends when it is given up", async () => {
    const time = new VirtualTime();
    const stop = new AbortController();
    let tries = 0;
    const attempt = async (): Promise<string | undefined> => {
      tries += 1;
      throw new Error("no");
    };
    const found = untilOne(attempt, 100, 3, stop.signal, time);
    await time.advanceAsync(1_000);
    expect(tries).toBeGreaterThan(5);
    stop.abort();
    expect(await found).toBeUndefined();
    expect(time.waiting).toBe(0);
  });
});
