import { describe, expect, test } from "bun:test";
import { DEFAULT_POLICY } from "../../../../src/mesh/paths/path-choice.ts";
import type { PathsOptions } from "../../../../src/mesh/paths/paths.ts";
import type { PathOffer, PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";
import { SteadyMessages } from "./steady-messages.ts";
import { type VirtualBox, VirtualNetwork } from "./virtual-network.ts";

const over = (relay: VirtualBox): PathOffer => ({
  kind: "relay",
  target: { by: "relay", relay: relay.name },
  cost: 0,
  metered: false,
});

const RELAYS: Partial<PathsOptions> = { relay: { totalKbit: 1_000, perPeerKbit: 500 } };

/** a and b, each with a link to r and, on demand, to a second relay s, and none to each other. */
function apart(options: { relay?: Partial<PathsOptions>; hasSecond?: boolean } = {}) {
  const network = new VirtualNetwork();
  const [left, right] = [network.link("left"), network.link("right")];
  const r = network.box("r", [left, right], options.relay ?? RELAYS);
  const s = network.box("s", [left, right], RELAYS);
  const [a, b] = [network.box("a", [left]), network.box("b", [right])];
  network.agree(a, b);
  for (const relay of options.hasSecond ? [r, s] : [r]) {
    network.introduce(a, relay);
    network.introduce(b, relay);
    a.paths.offer("b", over(relay));
    b.paths.offer("a", over(relay));
  }
  return { network, left, right, r, s, a, b };
}

describe("a box that forwards for two others", () => {
  test("carries their messages, and what it sees is sealed", () => {
    const { network, r, a, b } = apart();
    const seen: Uint8Array[] = [];
    network.onDatagram = (_from, _target, datagram) => seen.push(datagram);
    const secret = Buffer.from("nobody else is to read this");
    let isThere = false;
    a.paths.submit("b", "test", secret, { urgency: "control" }, (error) => {
      isThere = error === undefined;
    });
    network.time.advance(2_000);
    expect(isThere).toBe(true);
    expect(b.received.map(({ from, body }) => [from, Buffer.from(body).toString()])).toEqual([
      ["a", secret.toString()],
    ]);
    expect(r.received).toEqual([]);
    expect(r.paths.stats().relay.forwardedDatagrams).toBeGreaterThan(2);
    expect(seen.some((datagram) => Buffer.from(datagram).includes(secret))).toBe(false);
  });

  test("a long message fits as well", () => {
    const { network, a, b } = apart();
    a.paths.submit("b", "test", new Uint8Array(1_000).fill(7), { urgency: "message" }, () => {});
    network.time.advance(2_000);
    expect(b.received.map(({ body }) => body.length)).toEqual([1_000]);
  });

  test.each([
    ["everything", 70],
    ["messages, and lets proofs pass", 80],
  ])("is left when it drops %s, for another one", (_what, longestBytes) => {
    const { network, r, s, a, b } = apart({ hasSecond: true });
    const messages = new SteadyMessages(network, a, b, "a to b");
    const usedBy = () => {
      const target = a.paths.status("b").find(({ chosen }) => chosen)?.target;
      return target?.by === "relay" ? target.relay : undefined;
    };
    network.time.advance(10_000);
    const sinceMs = network.time.monotonicMs();
    const dropping = usedBy() === "r" ? r : s;
    // It goes on answering proofs to itself: only what goes from end to end tells.
    const carry = network.carry.bind(network);
    network.carry = (from: VirtualBox, target: PathTarget, datagram: Uint8Array) => {
      if (from === dropping && datagram.length > longestBytes) return;
      carry(from, target, datagram);
    };
    network.time.advance(10_000);
    expect(messages.longestMs(sinceMs - 100)).toBeLessThan(500);
    expect(usedBy()).toBe(dropping === r ? "s" : "r");
    expect(a.paths.isReachable(dropping.name)).toBe(true);
    messages.stop();
    network.time.advance(16_000);
    expect(messages.broken).toEqual([]);
  });

  test("holds its quota for each that sends and for all together", () => {
    const { network, r, a, b } = apart({ relay: { relay: { totalKbit: 64, perPeerKbit: 32 } } });
    network.time.advance(3_000);
    const before = r.paths.stats().relay;
    const send = () => {
      a.paths.submit("b", "test", new Uint8Array(900), { urgency: "message", timeoutMs: 2_000 }, () => {});
      network.time.after(20, send);
    };
    send();
    const startMs = network.time.monotonicMs();
    network.time.advance(30_000);
    const after = r.paths.stats().relay;
    const seconds = (network.time.monotonicMs() - startMs) / 1_000;
    const bytesOfA = (stats: typeof after) =>
      stats.byPeer.find(({ peer }) => peer === "a")?.forwardedBytes ?? 0;
    const kbit = ((bytesOfA(after) - bytesOfA(before)) * 8) / 1_000 / seconds;
    expect(kbit).toBeLessThan(33);
    expect(kbit).toBeGreaterThan(28);
    expect(after.overQuota).toBeGreaterThan(100);
    expect(b.received.length).toBeGreaterThan(50);
  });

  test("forwards nothing where its operator gives nothing, to strangers, or in a circle", () => {
    const { network, r, a, b } = apart({ relay: {} });
    network.time.advance(5_000);
    expect(a.paths.isReachable("b")).toBe(false);
    expect(r.paths.stats().relay).toMatchObject({ forwardedDatagrams: 0 });
    expect(r.paths.stats().relay.overQuota).toBeGreaterThan(3);
    const stranger = network.box("stranger", [network.links[1] ?? network.link("none")]);
    network.agree(a, stranger);
    a.paths.offer("stranger", over(r));
    network.time.advance(2_000);
    expect(r.paths.stats().relay.unknownPeer).toBeGreaterThan(2);
    // A way to the relay by itself.
    a.paths.offer("r", over(r));
    // A way to the relay over a peer that is only reached over the relay.
    a.paths.offer("r", over(b));
    network.time.advance(5_000);
    const states = a.paths.status("r").map(({ target, state }) => [target.by, state === "good"]);
    expect(states).toEqual([
      ["udp", true],
      ["relay", false],
      ["relay", false],
    ]);
  });

  test("two that are each the other's preferred relay send in no circle, and carry by their straight ways", () => {
    const network = new VirtualNetwork();
    const link = network.link("one");
    const preferRelays = { ...RELAYS, policy: { ...DEFAULT_POLICY, order: ["relay", "ethernet"] as const } };
    const [a, b, c] = ["a", "b", "c"].map((name) => network.box(name, [link], preferRelays));
    if (!a || !b || !c) throw new Error("no boxes");
    for (const [one, other] of [
      [a, b],
      [a, c],
      [b, c],
    ] as const)
      network.introduce(one, other);
    a.paths.offer("b", over(c));
    a.paths.offer("c", over(b));
    network.time.advance(20_000);
    const chosenFor = (peer: string) => a.paths.status(peer).find(({ chosen }) => chosen)?.kind;
    expect([chosenFor("b"), chosenFor("c")]).toEqual(["relay", "relay"]);
    const body = new Uint8Array(1_000).fill(7);
    for (const peer of ["b", "c"]) a.paths.submit(peer, "test", body, { urgency: "message" }, () => {});
    network.time.advance(2_000);
    expect(b.received.map((message) => message.body.length)).toEqual([1_000]);
    expect(c.received.map((message) => message.body.length)).toEqual([1_000]);
  });

  test("is used by the other side too when one side alone knows of it", () => {
    const { network, r, a, b } = apart();
    const c = network.box("c", [network.links[1] ?? network.link("none")]);
    network.introduce(c, r);
    network.agree(a, c);
    a.paths.offer("c", over(r));
    network.time.advance(2_000);
    expect(c.paths.status("a").map(({ kind, state }) => [kind, state])).toEqual([["relay", "good"]]);
    expect(b.paths.isReachable("a")).toBe(true);
  });

  test("a straight way is taken instead as soon as there is one", () => {
    const { network, a, b } = apart();
    network.time.advance(5_000);
    expect(a.paths.status("b").find(({ chosen }) => chosen)?.kind).toBe("relay");
    const straight = network.link("straight", { kind: "punched" });
    Object.assign(a, { links: [...a.links, straight] });
    Object.assign(b, { links: [...b.links, straight] });
    a.paths.offer("b", b.offerOf(straight));
    b.paths.offer("a", a.offerOf(straight));
    network.time.advance(10_000);
    expect(a.paths.status("b").find(({ chosen }) => chosen)?.kind).toBe("punched");
  });
});

test("a box answers what comes by a third one, and takes it up as a way only where the peer is not on a link of its own", () => {
  const network = new VirtualNetwork();
  const lan = network.link("lan");
  const [r, a, b] = [network.box("r", [lan], RELAYS), network.box("a", [lan]), network.box("b", [lan])];
  for (const [one, other] of [
    [a, b],
    [a, r],
    [b, r],
  ] as const)
    network.introduce(one, other);
  network.time.advance(1_000);
  const relayed = (box: VirtualBox, peer: VirtualBox) =>
    box.paths.status(peer.name).filter(({ target }) => target.by === "relay");
  b.paths.offer("a", over(r));
  network.time.advance(1_000);
  expect(relayed(b, a).map(({ state }) => state)).toEqual(["good"]);
  expect(relayed(a, b)).toEqual([]);
  // The two do not hear each other any more: whatever still leads there is worth a proof.
  const carry = network.carry.bind(network);
  network.carry = (from: VirtualBox, target: PathTarget, datagram: Uint8Array) => {
    const isDirect =
      target.by === "udp" &&
      [a, b].some((to) => to !== from && target.endpoint.address === to.addressOn(lan));
    if (from === r || !isDirect) carry(from, target, datagram);
  };
  const chosen = () => b.paths.status("a").find((path) => path.chosen)?.target.by;
  for (let waitedMs = 0; chosen() !== "relay" && waitedMs < 30_000; waitedMs += 100)
    network.time.advance(100);
  // One side has noticed: it proves by the third, and so the other looks too.
  network.time.advance(3_000);
  const straight = a.paths.status("b").filter(({ target }) => target.by === "udp");
  expect(straight.map(({ state }) => state)).toEqual(["dead"]);
  network.time.advance(20_000);
  expect(relayed(a, b).map(({ state }) => state)).toEqual(["good"]);
});
