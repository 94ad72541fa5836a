import { describe, expect, test } from "bun:test";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import { peerIdOf } from "../../../../src/mesh/engine/peer-id.ts";
import { WayKeeper, type WayKeeperOptions } from "../../../../src/mesh/network/way-keeper.ts";
import { encodeWays, type WaysMessage } from "../../../../src/mesh/network/ways-message.ts";
import type { PathOffer } from "../../../../src/mesh/paths/paths-interface.ts";
import { capturedLog } from "../../captured-log.ts";
import { directoryAt, keyNumber, recordOf } from "../directory/described.ts";
import { connectionOf, FakeEngine } from "../fake-engine.ts";
import { VirtualNetwork } from "../paths/virtual-network.ts";
import { link } from "./links.ts";

const PEER = peerIdOf(keyNumber(2).publicKey);
const RELAY = peerIdOf(keyNumber(3).publicKey);
const nobody: WaysMessage = { endpoints: [], nat: "unknown", relays: false, addresses: [] };

/** Two boxes (10.1.0.1 and 10.1.0.2) on one link and a third that relays, with a keeper of ways on the first. */
function keeperWith(options: Partial<WayKeeperOptions> = {}) {
  const virtual = new VirtualNetwork();
  const lan = virtual.link("lan");
  const [own, other, relay] = ["self", PEER, RELAY].map((name) => virtual.box(name, [lan]));
  if (!own || !other || !relay) throw new Error("three boxes");
  const engine = new FakeEngine("self");
  const directory = directoryAt({ nowMs: 0 }, { self: "self" });
  const offered: PathOffer[] = [];
  // What is offered goes on to the real paths.
  const { paths } = own;
  const offer = paths.offer.bind(paths);
  paths.offer = (peer, way) => {
    if (peer === PEER) offered.push(way);
    offer(peer, way);
  };
  const state: { links: LocalInterface[]; own: WaysMessage; streams: PathOffer[]; lora: boolean } = {
    links: [link("lan", ["10.1.0.1/24"], { hasWayOut: true })],
    own: nobody,
    streams: [],
    lora: false,
  };
  const keeper = new WayKeeper({
    engine,
    paths,
    directory,
    interfaces: () => state.links,
    streams: () => state.streams,
    own: () => state.own,
    loopback: false,
    forbidden: [],
    lora: () => state.lora,
    monotonicMs: () => virtual.time.monotonicMs(),
    log: capturedLog().log,
    ...options,
  });
  virtual.agree(own, other);
  other.takeChannel("ways");
  const targets = () => offered.map(({ target }) => target);
  const endpoints = () =>
    targets().flatMap((target) => (target.by === "udp" ? [target.endpoint.address] : []));
  const tells = (ways: Partial<WaysMessage>) =>
    other.paths.send("self", "ways", encodeWays({ ...nobody, ...ways }, 1_000), { urgency: "control" });
  return {
    virtual,
    lan,
    own,
    other,
    relay,
    engine,
    directory,
    offered,
    state,
    keeper,
    targets,
    endpoints,
    tells,
  };
}

const said = (endpoints: string[], more: Partial<WaysMessage> = {}) => ({
  endpoints,
  relays: false,
  ...more,
});

describe("straight ways to a peer", () => {
  test("are those that it has named, and its record has, each once", () => {
    const { keeper, directory, endpoints } = keeperWith();
    directory.accept(recordOf(keyNumber(2), 1, { endpoints: ["10.1.0.2:7000", "203.0.113.8:7000"] }));
    keeper.agreed(PEER, said(["10.1.0.2:7000", "203.0.113.9:7000"]));
    expect(endpoints()).toEqual(["10.1.0.2", "203.0.113.9", "203.0.113.8"]);
    keeper.changed(PEER);
    keeper.refreshAll();
    expect(endpoints()).toHaveLength(3);
  });

  test("are none that mean this machine, a link alone, many, or that are no addresses at all", () => {
    const { keeper, endpoints } = keeperWith();
    keeper.agreed(
      PEER,
      said([
        ...["127.0.0.1:7000", "[::1]:7000", "[fe80::2]:7000", "[fe80::2%lan]:7000", "224.0.0.251:5353"],
        ...[
          "255.255.255.255:9",
          "0.0.0.0:1",
          "nonsense",
          "box.example.org:7000",
          "10.1.0.2:0",
          "10.1.0.2:7000",
        ],
      ]),
    );
    expect(endpoints()).toEqual(["10.1.0.2"]);
  });

  test("are two to one address, and few that nobody answers by, whatever it goes on naming", () => {
    const { keeper, endpoints, virtual } = keeperWith();
    const ports = (from: number) => [0, 1, 2, 3].map((more) => `203.0.113.9:${from + more}`);
    keeper.agreed(PEER, said(ports(7_000)));
    expect(endpoints()).toHaveLength(2);
    for (let second = 1; second <= 100; second += 1) {
      virtual.time.advance(1_000);
      keeper.agreed(PEER, said(ports(7_000 + second * 4)));
    }
    expect(endpoints().length).toBeGreaterThan(20);
    expect(endpoints().length).toBeLessThanOrEqual(8 + 100 / 5);
  });

  test("are known that never answered, though the peer is there and what is known of it lets one expect it", async () => {
    const { keeper, virtual, own, other, lan, state, tells } = keeperWith();
    state.links = [link("lan", ["10.1.0.1/24"], { hasWayOut: true })];
    keeper.agreed(PEER, said(["10.1.0.200:7000", "10.9.0.5:7000"]));
    virtual.time.advance(10_000);
    // It may be gone altogether.
    expect(keeper.unanswered()).toEqual([]);
    own.paths.offer(PEER, other.offerOf(lan));
    virtual.time.advance(1_000);
    expect(own.paths.isReachable(PEER)).toBe(true);
    // Private addresses, of whatever network.
    expect(keeper.unanswered()).toEqual([]);
    // Where no datagram can even leave, nobody is silent.
    const told = tells({ endpoints: ["10.1.0.200:7000", "10.9.0.5:7000"], nat: "open" });
    await virtual.time.advanceAsync(100);
    await told;
    expect(keeper.unanswered()).toEqual([{ observer: { address: "10.1.0.200", port: 7_000 }, sinceMs: 0 }]);
  });

  test("that it answers by are offered as often as it names them", () => {
    const { keeper, offered, virtual, other, lan } = keeperWith();
    const { target } = other.offerOf(lan);
    if (target.by !== "udp") throw new Error("a link is UDP");
    const text = `${target.endpoint.address}:${target.endpoint.port}`;
    keeper.agreed(PEER, said([text]));
    virtual.time.advance(2_000);
    for (let times = 0; times < 30; times += 1) keeper.agreed(PEER, said([text]));
    expect(offered.filter((offer) => offer.target.by === "udp")).toHaveLength(31);
  });

  test("lead to loopback where all boxes are on one machine", () => {
    const { keeper, state, endpoints } = keeperWith({ loopback: true });
    state.links = [link("lo", ["127.0.0.1/8"], { kind: "loopback" })];
    keeper.agreed(PEER, said(["127.0.0.1:7000"]));
    expect(endpoints()).toEqual(["127.0.0.1"]);
  });

  test("never lead to the guests, in whatever way their address is written", () => {
    const { keeper, endpoints } = keeperWith({ forbidden: ["10.20.0.0/20", "fd00:20::/64"] });
    keeper.agreed(
      PEER,
      said(["10.20.3.4:7000", "[fd00:20::9]:7000", "[::ffff:10.20.3.4]:7000", "10.20.16.1:7000"]),
    );
    expect(endpoints()).toEqual(["10.20.16.1"]);
  });

  test("are those where it was heard on a link, by that link, before it has named any", () => {
    const { keeper, offered } = keeperWith();
    const sighting = {
      peer: PEER,
      addresses: ["/ip6zone/lan/ip6/fe80::2/tcp/4600", "/ip4/10.1.0.2/tcp/4600"],
      udpPort: 7_000,
      interface: "lan",
    };
    keeper.sighted(sighting);
    expect(offered).toEqual([]);
    expect([[...keeper.sightedPeers()], keeper.sightedAt(PEER)]).toEqual([[PEER], sighting.addresses]);
    keeper.agreed(PEER, said([]));
    expect(offered.map(({ target, interface: name }) => [target, name])).toContainEqual([
      { by: "udp", endpoint: { address: "10.1.0.2", port: 7_000 } },
      "lan",
    ]);
    keeper.gone(sighting);
    expect([keeper.sightedPeers().size, keeper.sightedAt(PEER)]).toEqual([0, []]);
  });

  test("are offered anew when an interface comes, and those that nobody names any more are not again", async () => {
    const { virtual, keeper, state, endpoints, tells, lan, own, other } = keeperWith();
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    keeper.agreed(PEER, said(["10.1.0.2:7000", "203.0.113.9:7000"]));
    const before = endpoints().length;
    state.links = [...state.links, link("eth9", ["203.0.113.1/24"])];
    keeper.refreshAll();
    expect(endpoints().slice(before)).toEqual(["203.0.113.9"]);
    const told = tells({
      endpoints: ["203.0.113.9:7000"],
      nat: "cone",
      addresses: ["/ip4/203.0.113.9/tcp/1"],
    });
    virtual.time.advance(500);
    await told;
    expect([keeper.nat(PEER), keeper.told(PEER)]).toEqual(["cone", ["/ip4/203.0.113.9/tcp/1"]]);
    expect(lan.datagrams).toBeGreaterThan(0);
  });
});

describe("a peer's word", () => {
  test("that is nonsense changes nothing", async () => {
    const { virtual, keeper, own, other } = keeperWith();
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    keeper.agreed(PEER, said([]));
    const sent = other.paths.send("self", "ways", Buffer.from("nonsense"), { urgency: "control" });
    virtual.time.advance(500);
    await sent;
    expect([keeper.nat(PEER), keeper.told(PEER)]).toEqual(["unknown", []]);
  });

  test("of its NAT goes before its record's, once it has said so", async () => {
    const { virtual, keeper, directory, own, other, tells } = keeperWith();
    directory.accept(recordOf(keyNumber(2), 1, { nat: "symmetric" }));
    expect(keeper.nat(PEER)).toBe("symmetric");
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    keeper.agreed(PEER, said([]));
    expect(keeper.nat(PEER)).toBe("symmetric");
    const told = tells({ nat: "open" });
    virtual.time.advance(500);
    await told;
    expect(keeper.nat(PEER)).toBe("open");
    keeper.forget(PEER);
    expect(keeper.nat(PEER)).toBe("symmetric");
  });
});

describe("other ways", () => {
  test("over streams are offered while none is straight, and those that have ended are withdrawn", () => {
    const { virtual, keeper, engine, own, other, state, offered } = keeperWith();
    engine.opened(connectionOf(PEER, { id: "c", kind: "circuit" }));
    engine.opened(connectionOf(PEER, { id: "t" }));
    const stream = (connectionId: string): PathOffer => ({
      kind: "stream",
      target: { by: "stream", connectionId },
      cost: 0,
      metered: false,
    });
    state.streams = [stream("c"), stream("t")];
    keeper.agreed(PEER, said([]));
    expect(offered.map(({ kind, target }) => [kind, target])).toEqual([
      ["relay", { by: "stream", connectionId: "c" }],
      ["stream", { by: "stream", connectionId: "t" }],
    ]);
    state.streams = [stream("t")];
    keeper.changed(PEER);
    const streams = () =>
      own.paths.status(PEER).flatMap(({ target }) => (target.by === "stream" ? [target] : []));
    expect(streams()).toEqual([{ by: "stream", connectionId: "t" }]);
    // A straight way makes them needless.
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    keeper.changed(PEER);
    expect(streams()).toEqual([]);
  });

  test("lead through boxes that forward and that the peer is in touch with, and through no others", () => {
    const { virtual, keeper, directory, own, relay, targets } = keeperWith();
    virtual.introduce(own, relay);
    virtual.time.advance(1_000);
    const byRelay = () => targets().filter(({ by }) => by === "relay");
    directory.accept(recordOf(keyNumber(3), 1));
    keeper.agreed(PEER, said([]));
    keeper.agreed(RELAY, { ...said([]), relays: true });
    keeper.changed(PEER);
    expect(byRelay()).toEqual([]);
    directory.accept(recordOf(keyNumber(2), 1, { reachedBy: [keyNumber(3).publicKey] }));
    keeper.changed(PEER);
    expect(byRelay()).toEqual([{ by: "relay", relay: RELAY }]);
    // One that has stopped to relay is none.
    const other = keeperWith();
    other.directory.accept(recordOf(keyNumber(3), 1));
    other.directory.accept(recordOf(keyNumber(2), 1, { reachedBy: [keyNumber(3).publicKey] }));
    other.keeper.agreed(RELAY, said([]));
    other.keeper.agreed(PEER, said([]));
    expect(other.targets()).toEqual([]);
  });

  test("go by LoRa where both have a case", () => {
    const { keeper, state, offered } = keeperWith();
    keeper.agreed(PEER, said([], { lora: 0x00a1b2 }));
    expect(offered).toEqual([]);
    state.lora = true;
    keeper.changed(PEER);
    expect(offered).toMatchObject([
      { kind: "lora", target: { by: "lora", address: 0x00a1b2 }, metered: true },
    ]);
  });
});

describe("a peer is told the ways to this box", () => {
  test("at first and whenever they change, and not when they have not", async () => {
    const { virtual, keeper, own, other, state } = keeperWith();
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    const received = () => other.received.filter(({ channel }) => channel === "ways").length;
    keeper.agreed(PEER, said([]));
    await virtual.time.advanceAsync(500);
    expect(received()).toBe(1);
    for (let times = 0; times < 10; times += 1) keeper.refreshAll();
    await virtual.time.advanceAsync(500);
    expect(received()).toBe(1);
    state.own = { ...nobody, endpoints: ["203.0.113.7:4600"] };
    keeper.refreshAll();
    await virtual.time.advanceAsync(500);
    expect(received()).toBe(2);
  });

  test("one message at a time while it does not answer, and the latest once it does", async () => {
    const { virtual, lan, keeper, own, other, state } = keeperWith();
    virtual.introduce(own, other);
    virtual.time.advance(1_000);
    lan.isBlackHole = true;
    keeper.agreed(PEER, said([]));
    for (let change = 0; change < 50; change += 1) {
      state.own = { ...nobody, endpoints: [`203.0.113.${change}:4600`] };
      keeper.refreshAll();
      await virtual.time.advanceAsync(300);
    }
    expect(own.paths.stats().waiting).toBeLessThanOrEqual(1);
    lan.isBlackHole = false;
    for (let times = 0; times < 40; times += 1) {
      keeper.refreshAll();
      await virtual.time.advanceAsync(1_000);
    }
    const told = other.received.filter(({ channel }) => channel === "ways");
    expect(Buffer.from(told.at(-1)?.body ?? []).toString("latin1")).toContain("203.0.113.49:4600");
    expect(told.length).toBeLessThanOrEqual(3);
  });
});

test("of a peer that was forgotten nothing is kept", () => {
  const { keeper, offered } = keeperWith();
  const sighting = { peer: PEER, addresses: ["/ip4/10.1.0.2/tcp/4600"], udpPort: 7_000, interface: "lan" };
  keeper.sighted(sighting);
  keeper.agreed(PEER, said(["10.1.0.2:7000"], { addresses: [] }));
  keeper.gone(sighting);
  keeper.forget(PEER);
  const before = offered.length;
  keeper.changed(PEER);
  keeper.refreshAll();
  expect(offered.length).toBe(before);
  expect(Reflect.get(keeper, "sightings")).toEqual(new Map());
  expect(Reflect.get(keeper, "peers")).toEqual(new Map());
});
