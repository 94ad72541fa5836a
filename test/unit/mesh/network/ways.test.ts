import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import { NAT_KINDS } from "../../../../src/mesh/nat/nat-interface.ts";
import { learnedWay, straightWays, wireOf } from "../../../../src/mesh/network/ways.ts";
import { decodeWays, encodeWays, WaysError } from "../../../../src/mesh/network/ways-message.ts";
import type { PathTarget } from "../../../../src/mesh/paths/paths-interface.ts";

const on = (name: string, kind: LocalInterface["kind"], addresses: string[], more = {}): LocalInterface => ({
  name,
  index: 1,
  kind,
  up: true,
  metered: false,
  addresses,
  hasWayOut: false,
  ...more,
});

test("an address on a link of ours is reached by its interface, others by the way out", () => {
  const ways = straightWays({
    endpoints: [
      { address: "10.81.0.2", port: 4600 },
      { address: "10.82.0.2", port: 4600 },
      { address: "203.0.113.9", port: 4600 },
    ],
    sighted: [{ endpoint: { address: "fe80::2%eth0", port: 4600 }, interface: "eth0" }],
    interfaces: [
      on("eth0", "ethernet", ["10.81.0.1/24", "fe80::1/64"]),
      on("bat0", "radio", ["10.82.0.1/16"]),
      on("wwan0", "ethernet", ["100.64.0.9/10"], { hasWayOut: true, metered: true }),
    ],
    ownNat: "cone",
    theirNat: "cone",
  });
  expect(ways.map(({ kind, interface: name, metered }) => [kind, name, metered])).toEqual([
    ["ethernet", "eth0", false],
    ["ethernet", "eth0", false],
    ["radio", "bat0", false],
    ["punched", "wwan0", true],
  ]);
});

test("an IPv4 address that is on several of our links is reached by the one that the kernel takes, wherever it was heard", () => {
  const endpoint = { address: "10.81.0.2", port: 4600 };
  const ways = (sighted: boolean, interfaces: LocalInterface[]) =>
    straightWays({
      endpoints: [endpoint],
      sighted: sighted ? [{ endpoint, interface: "bat0" }] : [],
      ...{ interfaces, ownNat: "cone", theirNat: "cone" },
    }).map((way) => way.interface);
  const shadowed = { shadowed: ["10.81.0.3/24"] };
  const same = [on("bat0", "radio", ["10.81.0.3/24"], shadowed), on("eth0", "ethernet", ["10.81.0.1/24"])];
  const longer = [on("bat0", "radio", ["10.81.0.3/16"]), on("eth0", "ethernet", ["10.81.0.1/24"])];
  for (const sighted of [true, false]) {
    expect(ways(sighted, same)).toEqual(["eth0"]);
    expect(ways(sighted, longer)).toEqual(["eth0"]);
  }
});

test("without a way out, an address beyond our links is no way at all; neither is one on an interface that is down", () => {
  const endpoints = [
    { address: "203.0.113.9", port: 4600 },
    { address: "10.81.0.2", port: 4600 },
  ];
  const interfaces = [on("eth0", "ethernet", ["10.81.0.1/24"], { up: false })];
  expect(straightWays({ endpoints, sighted: [], interfaces, ownNat: "open", theirNat: "open" })).toEqual([]);
});

test("of the addresses that a peer has on one wire, one of each family is enough", () => {
  const ways = straightWays({
    endpoints: [
      { address: "fd00:1::2", port: 4600 },
      { address: "10.81.0.2", port: 4600 },
      { address: "10.81.0.3", port: 4600 },
      { address: "203.0.113.9", port: 4600 },
      { address: "203.0.113.9", port: 4700 },
    ],
    sighted: [{ endpoint: { address: "fe80::2%eth0", port: 4600 }, interface: "eth0" }],
    interfaces: [
      on("eth0", "ethernet", ["10.81.0.1/24", "fe80::1/64", "fd00:1::1/64"], { hasWayOut: true }),
      on("eth1", "ethernet", ["10.82.0.1/24"]),
    ],
    ownNat: "open",
    theirNat: "open",
  });
  const addresses = ways.map(({ target }) =>
    target.by === "udp" ? `${target.endpoint.address} ${target.endpoint.port}` : "",
  );
  expect(addresses).toEqual(["fe80::2%eth0 4600", "10.81.0.2 4600", "203.0.113.9 4600", "203.0.113.9 4700"]);
});

const ways = fc.record({
  endpoints: fc.array(fc.string({ maxLength: 60 }), { maxLength: 10 }),
  nat: fc.constantFrom(...NAT_KINDS),
  relays: fc.boolean(),
  addresses: fc.array(fc.string({ maxLength: 200 }), { maxLength: 10 }),
});

test("ways come back as they were told", () => {
  fc.assert(fc.property(ways, (told) => expect(decodeWays(encodeWays(told, 100_000))).toEqual(told)));
});

test("ways that do not fit into a message are shortened, and still can be read", () => {
  fc.assert(
    fc.property(ways, fc.integer({ min: 20, max: 1_000 }), (told, maxBytes) => {
      const bytes = encodeWays(told, maxBytes);
      expect(bytes.length).toBeLessThanOrEqual(maxBytes);
      expect(decodeWays(bytes).nat).toBe(told.nat);
    }),
  );
});

test("whatever comes as ways is read or refused by its field", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1_000 }), (bytes) => {
      try {
        decodeWays(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(WaysError);
      }
    }),
  );
  expect(() =>
    decodeWays(encodeWays({ endpoints: ["x".repeat(61)], nat: "open", relays: true, addresses: [] }, 1_000)),
  ).toThrow("ways[1.0]");
});

test("a way that datagrams have come by is known for what it is, above all when another box carries it", () => {
  const facts = { interfaces: [on("eth0", "ethernet", ["10.81.0.1/24"])], ownNat: "cone" as const };
  const kindOf = (target: PathTarget, name?: string) =>
    learnedWay(target, name, facts, (id) => id === "by another").kind;
  const udp = (address: string): PathTarget => ({ by: "udp", endpoint: { address, port: 4600 } });
  expect(kindOf({ by: "relay", relay: "12D3KooWrelay" })).toBe("relay");
  expect(kindOf({ by: "stream", connectionId: "by another" })).toBe("relay");
  expect(kindOf({ by: "stream", connectionId: "straight" })).toBe("stream");
  expect(kindOf({ by: "lora", address: 7 })).toBe("lora");
  expect(kindOf(udp("10.81.0.2"))).toBe("ethernet");
  expect(kindOf(udp("fe80::2%eth0"), "eth0")).toBe("ethernet");
  expect(kindOf(udp("203.0.113.9"))).toBe("internet");
});

test("what a host depends on is the interface of the link that it is on, whichever its address, or else it alone", () => {
  const interfaces = [
    on("eth0", "ethernet", ["10.81.0.1/24", "fd00::1/64", "fe80::1/64"]),
    on("wg0", "tunnel", ["10.99.0.1/24"]),
  ];
  const wires = ["fe80::2%eth0", "10.81.0.2", "fd00::2", "203.0.113.9", "10.99.0.2"].map((host) =>
    wireOf(host, interfaces),
  );
  expect(wires).toEqual(["eth0", "eth0", "eth0", "203.0.113.9", "10.99.0.2"]);
});
