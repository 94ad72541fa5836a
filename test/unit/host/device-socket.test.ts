import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { askByDevice, type DeviceRequest } from "../../../src/host/device-socket.ts";

const tcp = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data: (socket, data) => {
      const text = data.toString();
      if (text === "nothing") return;
      // In pieces, as networks deliver: what is whole the asker knows.
      for (const piece of text === "long" ? Array(50).fill("x".repeat(1_000)) : ["an", "swer\n"])
        socket.write(piece);
      if (text === "and end") socket.end();
    },
  },
});
const udp = await Bun.udpSocket({
  hostname: "127.0.0.1",
  socket: {
    data: (socket, data, port, address) => {
      if (data.toString() === "flood") {
        for (let count = 0; count < 100; count += 1) socket.send("something else", port, address);
        socket.send("answer\n", port, address);
      }
      socket.send("", port, address);
      socket.send("something else", port, address);
      socket.send("answer\n", port, address);
    },
  },
});
afterAll(() => {
  tcp.stop(true);
  udp.close();
});

/** A request to this machine itself, by its loopback interface. */
const ask = async (payload: string, more: Partial<DeviceRequest> = {}) => {
  const answer = await askByDevice({
    ...{ device: "lo", protocol: "tcp", address: "127.0.0.1", port: tcp.port, timeoutMs: 2_000 },
    ...{ payload: Buffer.from(payload), maxBytes: 4_000 },
    isWhole: (bytes) => Buffer.from(bytes).includes("\n"),
    ...more,
  });
  return typeof answer === "string" ? answer : Buffer.from(answer).toString();
};

describe("a request by one interface", () => {
  test("gets its answer, whole, whether the connection ends or not", async () => {
    expect(await ask("hello")).toBe("answer\n");
    expect(await ask("and end", { isWhole: () => false })).toBe("answer\n");
  });

  test("by UDP passes over datagrams that are no answer", async () => {
    const more = { protocol: "udp", port: udp.port } as const;
    expect(await ask("hello", more)).toBe("answer\n");
  });

  test("lets others go on while it is flooded, and still finds its answer", async () => {
    const flooded = ask("flood", { protocol: "udp", port: udp.port, isWhole: isAnswer });
    let looksInOneTurn = 0;
    let most = 0;
    function isAnswer(bytes: Uint8Array): boolean {
      looksInOneTurn += 1;
      most = Math.max(most, looksInOneTurn);
      return Buffer.from(bytes).includes("\n");
    }
    const turns = setInterval(() => {
      looksInOneTurn = 0;
    }, 0);
    expect(await flooded).toBe("answer\n");
    clearInterval(turns);
    expect(most).toBeWithin(2, 33);
  });

  test("leaves no descriptor behind, however it ends", async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    const before = open();
    const silent = { protocol: "udp", port: udp.port, isWhole: () => false, timeoutMs: 30 } as const;
    for (const more of [silent, { port: 1 }, { device: "none0" }, { address: "no address" }])
      await ask("hello", more).catch(() => undefined);
    expect(open()).toBe(before);
  });

  test("cuts an answer that is too long", async () => {
    expect(await ask("long", { isWhole: () => false })).toHaveLength(4_000);
  });

  test("says why nothing came back", async () => {
    expect(await ask("nothing", { timeoutMs: 60 })).toBe("timeout");
    expect(await ask("x", { port: 1 })).toBe("refused");
    expect(await ask("x", { protocol: "udp", port: 1 })).toBe("refused");
    expect(await ask("x", { device: "none0" })).toBe("unreachable");
    expect(await ask("x", { address: "::1", port: 1 })).toBe("refused");
  });
});
