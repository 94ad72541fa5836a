import { afterEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { systemTimers } from "../../../../src/host/timers.ts";
import { Paths } from "../../../../src/mesh/paths/paths.ts";
import type { PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";
import { deriveSessionKeys } from "../../../../src/mesh/paths/session-keys.ts";
import { UdpCarrier, UdpSendError } from "../../../../src/mesh/paths/udp-carrier.ts";

interface Box {
  name: string;
  paths: Paths;
  carrier: UdpCarrier;
}

const boxes: Box[] = [];

async function box(name: string, address?: string): Promise<Box> {
  const carrier: UdpCarrier = new UdpCarrier({
    port: 0,
    onDatagram: (endpoint, datagram, on) => paths.receive({ by: "udp", endpoint }, datagram, on),
    ...(address === undefined ? {} : { address }),
  });
  const paths: Paths = new Paths({
    carriers: new Map([["udp", carrier]]),
    timers: systemTimers,
    random: Math.random,
  });
  await carrier.start();
  const made = { name, paths, carrier };
  boxes.push(made);
  return made;
}

function introduce(a: Box, b: Box, address: string): void {
  const shares = [a, b].map(({ name, paths }) => ({
    peer: name,
    index: paths.newIndex(),
    share: new Uint8Array(randomBytes(32)),
  }));
  const [ofA, ofB] = shares;
  if (!ofA || !ofB) throw new Error("two shares");
  a.paths.addPeer(b.name, deriveSessionKeys(ofA, ofB));
  b.paths.addPeer(a.name, deriveSessionKeys(ofB, ofA));
  // Only one of them knows where the other is.
  const target: PathTarget = { by: "udp", endpoint: { address, port: b.carrier.port } };
  a.paths.offer(b.name, { kind: "ethernet", target, cost: 0, metered: false });
}

afterEach(() => {
  for (const { paths, carrier } of boxes.splice(0)) {
    paths.stop();
    carrier.stop();
  }
});

describe("datagrams over real sockets", () => {
  for (const address of ["127.0.0.1", "::1"]) {
    test(`carry messages both ways over ${address}, when one side alone knows the other's endpoint`, async () => {
      const [a, b] = [await box("a"), await box("b")];
      const heard: string[] = [];
      for (const { paths } of [a, b])
        paths.handle("test", (from, body) => heard.push(`${from}: ${Buffer.from(body).toString()}`));
      introduce(a, b, address);
      await a.paths.send("b", "test", Buffer.from("there"), { urgency: "control" });
      await b.paths.send("a", "test", Buffer.from("back"), { urgency: "sos" });
      expect(heard).toEqual(["a: there", "b: back"]);
      const [path] = a.paths.status("b");
      expect(path?.state).toBe("good");
      expect(path?.rttMs).toBeLessThan(100);
      expect(path?.observed).toEqual({ address, port: a.carrier.port });
    });
  }

  test("a box that binds IPv4 alone says at once that IPv6 cannot leave", async () => {
    const { carrier } = await box("a", "127.0.0.1");
    const endpoint = { address: "::1", port: 9 };
    expect(() => carrier.send({ by: "udp", endpoint }, Uint8Array.of(0xc1))).toThrow(UdpSendError);
  });

  test("a peer's closed port does not cost others their datagrams", async () => {
    const sender = await box("a", "127.0.0.1");
    const receiver = await box("b", "127.0.0.1");
    const closed = await box("c", "127.0.0.1");
    const closedPort = closed.carrier.port;
    closed.carrier.stop();
    for (let i = 0; i < 50; i++) {
      for (const port of [closedPort, receiver.carrier.port])
        sender.carrier.sendTo({ address: "127.0.0.1", port }, Uint8Array.of(0xc1, i));
      await Bun.sleep(1);
    }
    await Bun.sleep(20);
    expect(receiver.carrier.stats().received).toBe(50);
  });

  test("STUN goes where it belongs, and what is neither is counted and dropped", async () => {
    const stun: Uint8Array[] = [];
    const sealed: Uint8Array[] = [];
    const carrier = new UdpCarrier({
      port: 0,
      onDatagram: (_from, datagram) => sealed.push(datagram),
      onStun: (_from, datagram) => stun.push(datagram),
    });
    await carrier.start();
    const { carrier: other } = await box("a");
    for (const first of [0x00, 0x01, 0xc1, 0x80, 0x40])
      other.sendTo({ address: "127.0.0.1", port: carrier.port }, Uint8Array.of(first, 1, 2));
    await Bun.sleep(50);
    const { received, foreign } = carrier.stats();
    carrier.stop();
    expect(stun.map(([first]) => first)).toEqual([0x00, 0x01]);
    expect(sealed.map(([first]) => first)).toEqual([0xc1]);
    expect({ received, foreign }).toEqual({ received: 5, foreign: 2 });
  });
});
