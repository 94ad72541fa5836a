import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { encodeBody } from "../../../../src/mesh/paths/body.ts";
import type { PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";
import { Session } from "../../../../src/mesh/paths/session.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { VirtualNetwork } from "./virtual-network.ts";

const udp = (address: string, port = 7_000): PathTarget => ({ by: "udp", endpoint: { address, port } });

function pair() {
  const network = new VirtualNetwork();
  const wire = network.link("wire");
  const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
  network.introduce(a, b);
  network.time.advance(2_000);
  return { network, wire, a, b };
}

/** A member with a session of its own making, so that a test can seal whatever it likes. */
function member() {
  const { network, wire, a } = pair();
  const [one, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const localIndex = a.paths.newIndex();
  a.paths.addPeer("evil", { localIndex, remoteIndex: 99, sendKey: one, receiveKey: other });
  const evil = new Session(
    { localIndex: 99, remoteIndex: localIndex, sendKey: other, receiveKey: one },
    true,
    0,
  );
  return { network, wire, a, evil };
}

describe("garbage", () => {
  test("is dropped by its header, costs little and stays nowhere", () => {
    const { network, a, b } = pair();
    const draw = seededRandom(5);
    const garbage = Array.from({ length: 1_000 }, (_, i) =>
      Uint8Array.from({ length: 1 + Math.floor(draw() * 1_400) }, (_, at) =>
        at === 0 && i % 2 === 0 ? 0xc1 : Math.floor(draw() * 256),
      ),
    );
    const messages = new SteadyMessages(network, a, b, "a to b");
    const start = process.cpuUsage();
    for (let round = 0; round < 100; round++) {
      for (const [i, datagram] of garbage.entries()) a.paths.receive(udp(`192.0.2.${i % 250}`), datagram);
      network.time.advance(10);
    }
    const tookMs = process.cpuUsage(start).user / 1_000;
    const { dropped, peers } = a.paths.stats();
    expect(dropped.malformed + dropped["unknown session"]).toBe(100_000);
    expect(peers).toBe(1);
    expect(a.paths.status("b").length).toBe(1);
    // A hundred thousand of them; a tenth of this on any machine of ours.
    expect(tookMs).toBeLessThan(2_000);
    expect(messages.longestMs()).toBeLessThan(100);
  });

  test("that hits a session does not open, makes no path, and does not disturb the replay window", () => {
    const { network, a, b } = pair();
    const heard: Uint8Array[] = [];
    network.onDatagram = (from, _target, datagram) => {
      if (from === b) heard.push(datagram.slice());
    };
    network.time.advance(30_000);
    expect(heard.length).toBeGreaterThan(1);
    for (const datagram of heard) {
      for (let counter = 0; counter < 2_000; counter++) {
        const forged = datagram.slice();
        new DataView(forged.buffer).setUint32(9, 1_000_000 + counter);
        a.paths.receive(udp("192.0.2.66"), forged);
      }
      // The genuine one once more, from elsewhere.
      a.paths.receive(udp("192.0.2.66"), datagram);
    }
    const { dropped } = a.paths.stats();
    expect(dropped.forged).toBe(heard.length * 2_000);
    expect(dropped.replayed).toBe(heard.length);
    expect(a.paths.status("b").length).toBe(1);
    network.time.advance(60_000);
    expect(a.paths.isReachable("b")).toBe(true);
  });
});

describe("a member that lies", () => {
  test("about its endpoint gets few datagrams sent there, ever more seldom, and no messages", () => {
    const { network, wire, a } = member();
    const victim = udp(`10.${wire.number}.0.200`);
    const sent: { atMs: number; bytes: number }[] = [];
    network.onDatagram = (from, target, datagram) => {
      if (from === a && target.by === "udp" && target.endpoint.address.endsWith(".200"))
        sent.push({ atMs: network.time.monotonicMs(), bytes: datagram.length });
    };
    const startMs = network.time.monotonicMs();
    a.paths.offer("evil", { kind: "internet", target: victim, cost: 0, metered: false });
    for (let i = 0; i < 100; i++)
      a.paths.submit("evil", "test", new Uint8Array(1_000), { urgency: "sos" }, () => {});
    network.time.advance(3_600_000);
    expect(sent.filter(({ atMs }) => atMs - startMs < 10_000).length).toBeLessThan(16);
    expect(Math.max(...sent.map(({ bytes }) => bytes))).toBeLessThan(50);
    // Sixty bytes every two seconds at most.
    expect(sent.length).toBeLessThan(2_000);
    network.time.advance(3_600_000);
    const later = sent.filter(({ atMs }) => atMs - startMs > 3_610_000);
    expect(later.length).toBeLessThan(400);
  });

  test("that answers proofs which it cannot have received proves nothing", () => {
    const { network, wire, a, evil } = member();
    a.paths.offer("evil", {
      kind: "internet",
      target: udp(`10.${wire.number}.0.200`),
      cost: 0,
      metered: false,
    });
    for (let i = 0; i < 5_000; i++) {
      const body = encodeBody({ kind: "answer", path: i % 4, sequence: i });
      a.paths.receive(udp("192.0.2.66"), evil.seal(body));
      if (i % 100 === 0) network.time.advance(20);
    }
    expect(a.paths.status("evil").every(({ state }) => state !== "good")).toBe(true);
  });

  test("that sends from everywhere makes a bounded number of paths", () => {
    const { network, a, evil } = member();
    for (let i = 0; i < 2_000; i++) {
      const from = udp(`192.0.2.${i % 250}`, 1_000 + i);
      a.paths.receive(from, evil.seal(encodeBody({ kind: "proof", path: 1, sequence: i })));
    }
    expect(a.paths.status("evil").length).toBeLessThanOrEqual(8);
    const waiting = network.time.waiting;
    network.time.advance(60_000);
    expect(network.time.waiting).toBeLessThanOrEqual(waiting + 20);
  });

  test("that sends parts of messages without end, or what no channel takes, fills no memory", () => {
    const { a, evil } = member();
    const from = udp("192.0.2.66");
    for (let number = 0; number < 50_000; number++) {
      const id = { epoch: number % 100, number };
      const parts = { part: 0, count: 16, channel: "test", body: new Uint8Array(60) };
      a.paths.receive(from, evil.seal(encodeBody({ kind: "control", id, urgency: "sos", ...parts })));
    }
    Bun.gc(true);
    const before = process.memoryUsage().heapUsed;
    for (let number = 0; number < 50_000; number++) {
      const id = { epoch: number % 100, number: number + 50_000 };
      const parts = { part: 0, count: 16, channel: `c${number}`, body: new Uint8Array(60) };
      a.paths.receive(from, evil.seal(encodeBody({ kind: "control", id, urgency: "sos", ...parts })));
    }
    Bun.gc(true);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4_000_000);
    expect(a.received).toEqual([]);
  });

  test("gets nothing taken that is wrapped in what was forwarded, and wrapped again", () => {
    const { a, evil } = member();
    const wrapped = (datagram: Uint8Array) =>
      evil.seal(encodeBody({ kind: "forwarded", from: new Uint8Array(8), datagram }));
    const message = (number: number) => {
      const about = {
        urgency: "control",
        part: 0,
        count: 1,
        channel: "test",
        body: Uint8Array.of(number),
      } as const;
      return evil.seal(encodeBody({ kind: "control", id: { epoch: 1, number }, ...about }));
    };
    const from = udp("192.0.2.66");
    a.paths.receive(from, wrapped(message(1)));
    a.paths.receive(from, wrapped(wrapped(message(2))));
    expect(a.received.map(({ body }) => body[0])).toEqual([1]);
  });

  test("is not told of a message that is too long, and its sender is told why it is not taken", () => {
    const { network, a, b } = pair();
    const outcomes: string[] = [];
    const told = (error?: Error) => outcomes.push(error?.message.split(":")[0] ?? "there");
    a.paths.submit("b", "nobody", new Uint8Array(1), { urgency: "control", timeoutMs: 60_000 }, told);
    a.paths.submit("b", "test", new Uint8Array(1_001), { urgency: "control" }, told);
    a.paths.submit("c", "test", new Uint8Array(1), { urgency: "control" }, told);
    a.paths.submit("b", "seventeen letters", new Uint8Array(1), { urgency: "control" }, told);
    network.time.advance(1_900);
    expect(outcomes.toSorted()).toEqual(["bad channel", "too long", "unknown peer"]);
    network.time.advance(1_500);
    expect(outcomes.at(-1)).toBe("unserved");
    expect(b.received).toEqual([]);
  });
});
