import { describe, expect, test } from "bun:test";
import type { PathStatus } from "../../../../src/mesh/paths/paths-interface.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { type VirtualBox, VirtualNetwork } from "./virtual-network.ts";

/** Two boxes with a wire and a radio link between them, and a message every 50 ms in both directions. */
function dualHomed(seed = 1) {
  const network = new VirtualNetwork(seed);
  const wire = network.link("wire");
  const air = network.link("air", { kind: "radio", delayMs: 8, jitterMs: 6 });
  const [a, b] = [network.box("a", [wire, air]), network.box("b", [wire, air])];
  network.introduce(a, b);
  const messages = [new SteadyMessages(network, a, b, "a to b"), new SteadyMessages(network, b, a, "b to a")];
  network.time.advance(10_000);
  return { network, wire, air, a, b, messages };
}

const chosen = (of: VirtualBox, to: VirtualBox): PathStatus | undefined =>
  of.paths.status(to.name).find((path) => path.chosen);
const longest = (messages: readonly SteadyMessages[], sinceMs = 0): number =>
  Math.max(...messages.map((one) => one.longestMs(sinceMs)));

/** Lets the messages come to their end. @returns those that arrived twice, or not without a word */
function broken(network: VirtualNetwork, messages: readonly SteadyMessages[]): number {
  for (const one of messages) one.stop();
  network.time.advance(20_000);
  return messages.reduce((sum, one) => sum + one.broken.length, 0);
}

const failed = (messages: readonly SteadyMessages[]): number =>
  messages.reduce((sum, { sent }) => sum + sent.filter(({ outcome }) => outcome === "failed").length, 0);

/** How long until `predicate` holds, in ms; it must within `limitMs`. */
function waitFor(network: VirtualNetwork, predicate: () => boolean, limitMs: number): number {
  const startMs = network.time.monotonicMs();
  expect(network.time.runUntil(predicate, limitMs)).toBe(true);
  return network.time.monotonicMs() - startMs;
}

const SEEDS = Array.from({ length: 8 }, (_, seed) => seed);

describe("a pair of boxes with two links", () => {
  test("takes the preferred one, and every message arrives at once", () => {
    const { network, a, b, messages } = dualHomed();
    expect(chosen(a, b)?.kind).toBe("ethernet");
    expect(chosen(b, a)?.kind).toBe("ethernet");
    expect(longest(messages, 1_000)).toBeLessThan(10);
    expect(broken(network, messages)).toBe(0);
  });

  test.each(SEEDS)("loses no time when an interface reports that it is gone (seed %d)", (seed) => {
    const { network, a, b, messages } = dualHomed(seed);
    const sinceMs = network.time.monotonicMs() - 100;
    a.downInterfaces.add("wire");
    a.paths.interfaceDown("wire");
    expect(chosen(a, b)?.kind).toBe("radio");
    // The other side has no word of it.
    expect(waitFor(network, () => chosen(b, a)?.kind === "radio", 1_300)).toBeLessThan(1_300);
    network.time.advance(5_000);
    expect(longest(messages, sinceMs)).toBeLessThan(300);
    expect(broken(network, messages)).toBe(0);
    expect(failed(messages)).toBe(0);
  });

  test.each(SEEDS)("loses no time when sends fail and nobody says why (seed %d)", (seed) => {
    const { network, a, b, messages } = dualHomed(seed);
    const sinceMs = network.time.monotonicMs() - 100;
    a.downInterfaces.add("wire");
    expect(waitFor(network, () => chosen(a, b)?.kind === "radio", 1_000)).toBeLessThan(300);
    network.time.advance(5_000);
    expect(longest(messages, sinceMs)).toBeLessThan(300);
    expect(broken(network, messages)).toBe(0);
  });

  test.each(SEEDS)(
    "notices a black hole by itself within 1.3 s, and messages hardly wait (seed %d)",
    (seed) => {
      const { network, wire, a, b, messages } = dualHomed(seed);
      const sinceMs = network.time.monotonicMs();
      wire.isBlackHole = true;
      const haveMoved = () => chosen(a, b)?.kind === "radio" && chosen(b, a)?.kind === "radio";
      expect(waitFor(network, haveMoved, 1_300)).toBeGreaterThan(0);
      network.time.advance(4_000);
      expect(longest(messages, sinceMs - 100)).toBeLessThan(300);
      expect(broken(network, messages)).toBe(0);
      expect(failed(messages)).toBe(0);
    },
  );

  test.each(["a", "b"])("moves both sides off a link that swallows what %s sends, and only that", (mute) => {
    const { network, wire, a, b, messages } = dualHomed();
    const sinceMs = network.time.monotonicMs();
    wire.mute.add(mute);
    const haveMoved = () => chosen(a, b)?.kind === "radio" && chosen(b, a)?.kind === "radio";
    expect(waitFor(network, haveMoved, 2_500)).toBeGreaterThan(0);
    network.time.advance(4_000);
    expect(longest(messages, sinceMs - 100)).toBeLessThan(300);
    expect(broken(network, messages)).toBe(0);
  });

  test.each(SEEDS)("moves off a link that carries proofs and swallows messages (seed %d)", (seed) => {
    const { network, wire, a, b, messages } = dualHomed(seed);
    const sinceMs = network.time.monotonicMs();
    wire.manners.maxBytes = 60;
    const haveMoved = () => chosen(a, b)?.kind === "radio" && chosen(b, a)?.kind === "radio";
    expect(waitFor(network, haveMoved, 4_000)).toBeGreaterThan(500);
    network.time.advance(4_000);
    expect(longest(messages, sinceMs - 100)).toBeLessThan(300);
    expect(broken(network, messages)).toBe(0);
  });

  test.each([50, 80, 150])("stays where it is when the other stands still for %d ms", (stallMs) => {
    const { network, a, b, messages } = dualHomed();
    const changes: string[] = [];
    a.paths.on("pathChanged", (_peer, { kind }) => changes.push(kind));
    for (let times = 0; times < 20; times++) {
      b.stall(stallMs);
      for (let i = 0; i < 20; i++)
        a.paths.submit("b", "test", Uint8Array.of(i), { urgency: "message" }, () => {});
      network.time.advance(1_000);
    }
    expect(changes).toEqual([]);
    expect(b.received.length).toBe(400);
    expect(broken(network, messages)).toBe(0);
  });

  test.each([50, 150, 400])("blames no way when it stands still itself for %d ms", (stallMs) => {
    const { network, a, messages } = dualHomed();
    const before = a.paths.status("b");
    const changes: string[] = [];
    a.paths.on("pathChanged", (_peer, { kind }) => changes.push(kind));
    const states = new Set<string>();
    for (let times = 0; times < 20; times++) {
      // Proofs are on their way.
      for (const { name } of network.links) a.paths.interfaceUp(name);
      a.stall(stallMs);
      for (let i = 0; i < 20; i++)
        a.paths.submit("b", "test", Uint8Array.of(i), { urgency: "message" }, () => {});
      for (let ms = 0; ms < 1_000; ms++) {
        network.time.advance(1);
        for (const { state } of a.paths.status("b")) states.add(state);
      }
    }
    expect([...states]).toEqual(["good"]);
    expect(changes).toEqual([]);
    const rttOf = (paths: PathStatus[]) => paths.map(({ rttMs = Number.NaN }) => rttMs);
    for (const [i, rttMs] of rttOf(a.paths.status("b")).entries())
      expect(rttMs - (rttOf(before)[i] ?? 0)).toBeLessThan(stallMs / 4);
    expect(broken(network, messages)).toBe(0);
  });

  test("moves off a link that loses a fifth, and everything arrives", () => {
    const { network, wire, a, b, messages } = dualHomed();
    const sinceMs = network.time.monotonicMs();
    wire.manners.loss = 0.2;
    network.time.advance(60_000);
    expect(chosen(a, b)?.kind).toBe("radio");
    expect(chosen(b, a)?.kind).toBe("radio");
    expect(longest(messages, sinceMs)).toBeLessThan(1_000);
    expect(broken(network, messages)).toBe(0);
    expect(failed(messages)).toBe(0);
  });

  test("keeps delivering when both links lose a fifth, and does not swing between them", () => {
    const { network, wire, air, a, messages } = dualHomed();
    let changes = 0;
    a.paths.on("pathChanged", () => changes++);
    const sinceMs = network.time.monotonicMs();
    wire.manners.loss = 0.2;
    air.manners.loss = 0.2;
    network.time.advance(300_000);
    expect(changes).toBeLessThan(8);
    expect(longest(messages, sinceMs)).toBeLessThan(1_500);
    expect(broken(network, messages)).toBe(0);
    expect(failed(messages)).toBe(0);
  });

  test.each(SEEDS)("is back within 2.5 s after both links were away for ten minutes (seed %d)", (seed) => {
    const { network, wire, air, a, b, messages } = dualHomed(seed);
    const events: string[] = [];
    a.paths.on("peerLost", (peer) => events.push(`lost ${peer}`));
    a.paths.on("peerReachable", (peer) => events.push(`reachable ${peer}`));
    wire.isBlackHole = true;
    air.isBlackHole = true;
    network.time.advance(600_000);
    expect(events).toEqual(["lost b"]);
    const sinceMs = network.time.monotonicMs();
    air.isBlackHole = false;
    const arrived = () =>
      messages.every(({ sent }) => sent.some(({ arrivals: [first = 0] }) => first > sinceMs));
    expect(waitFor(network, arrived, 2_500)).toBeGreaterThan(0);
    expect(events).toEqual(["lost b", "reachable b"]);
    network.time.advance(3_000);
    // What was sent before the return and was not over is there too.
    expect(longest(messages, sinceMs - 10_000)).toBeLessThan(13_000);
    expect(longest(messages, sinceMs)).toBeLessThan(2_500);
    wire.isBlackHole = false;
    expect(waitFor(network, () => chosen(a, b)?.kind === "ethernet", 30_000)).toBeGreaterThan(1_000);
    expect(broken(network, messages)).toBe(0);
  });

  test("is never given up: after a week without any link it is back within 10 s", () => {
    const network = new VirtualNetwork();
    const wire = network.link("wire");
    const [a, b] = [network.box("a", [wire]), network.box("b", [wire])];
    network.introduce(a, b);
    network.time.advance(5_000);
    wire.isBlackHole = true;
    network.time.advance(7 * 86_400_000);
    expect(a.paths.isReachable("b")).toBe(false);
    wire.isBlackHole = false;
    network.time.advance(10_500);
    expect(a.paths.isReachable("b")).toBe(true);
  });

  test("goes back to the better link once that has been there for a while, not before", () => {
    const { network, wire, a, b, messages } = dualHomed();
    wire.isBlackHole = true;
    network.time.advance(30_000);
    wire.isBlackHole = false;
    const sinceMs = network.time.monotonicMs();
    const waitedMs = waitFor(network, () => chosen(a, b)?.kind === "ethernet", 30_000);
    expect(waitedMs).toBeGreaterThan(5_000);
    expect(waitedMs).toBeLessThan(20_000);
    network.time.advance(10_000);
    expect(chosen(b, a)?.kind).toBe("ethernet");
    expect(longest(messages, sinceMs)).toBeLessThan(100);
    expect(broken(network, messages)).toBe(0);
  });

  test("does not swing with a link that comes and goes", () => {
    const { network, wire, a, b, messages } = dualHomed();
    const changes: string[] = [];
    a.paths.on("pathChanged", (_peer, { kind }) => changes.push(kind));
    const sinceMs = network.time.monotonicMs();
    for (let flap = 0; flap < 60; flap++) {
      wire.isBlackHole = flap % 2 === 0;
      network.time.advance(10_000);
    }
    expect(changes.length).toBeLessThanOrEqual(5);
    expect(chosen(a, b)?.kind).toBe("radio");
    expect(longest(messages, sinceMs)).toBeLessThan(500);
    wire.isBlackHole = false;
    // In the end it is trusted again.
    waitFor(network, () => chosen(a, b)?.kind === "ethernet", 600_000);
    expect(broken(network, messages)).toBe(0);
  });

  test("finds each other anew when one of them has other addresses, by what it sends", () => {
    const network = new VirtualNetwork();
    const [wire, other] = [network.link("wire"), network.link("other")];
    const [a, b] = [network.box("a", [wire, other]), network.box("b", [wire, other])];
    network.agree(a, b);
    a.paths.offer("b", b.offerOf(wire));
    const messages = [
      new SteadyMessages(network, a, b, "a to b"),
      new SteadyMessages(network, b, a, "b to a"),
    ];
    network.time.advance(2_000);
    wire.isBlackHole = true;
    // Only b hears of where the other is now.
    b.paths.offer("a", a.offerOf(other));
    const sinceMs = network.time.monotonicMs();
    network.time.advance(5_000);
    expect(chosen(a, b)?.target).toEqual(b.offerOf(other).target);
    expect(longest(messages, sinceMs)).toBeLessThan(1_500);
    expect(broken(network, messages)).toBe(0);
  });

  test("hears it when the other says goodbye", () => {
    const { network, a, b } = dualHomed();
    const lost: string[] = [];
    b.paths.on("peerLost", (peer) => lost.push(peer));
    a.paths.removePeer("b");
    network.time.advance(20);
    expect(lost).toEqual(["a"]);
  });
});
