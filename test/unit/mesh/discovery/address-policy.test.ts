import { describe, expect, test } from "bun:test";
import { multiaddr } from "@multiformats/multiaddr";
import fc from "fast-check";
import { bytesToIp, isInPrefix } from "../../../../src/host/ip-address.ts";
import {
  addressesForMembers,
  addressScope,
  multiaddrsOf,
  sightingOf,
} from "../../../../src/mesh/discovery/address-policy.ts";
import {
  DialBudget,
  type DialRules,
  dialableAddresses,
  MAX_ADDRESSES_OF_PEER,
} from "../../../../src/mesh/discovery/dial-policy.ts";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import { ethernet, peer, publicKey } from "./virtual-link.ts";

const SPECIAL = [
  "0.0.0.0",
  "127.0.0.1",
  "169.254.1.1",
  "224.0.0.251",
  "255.255.255.255",
  "::",
  "::1",
  "fe80::1",
  "ff02::fb",
  "64:ff9b::7f00:1",
  "2002:7f00:1::1",
  "2001::1",
  "::ffff:127.0.0.1",
  "100::1",
  "fec0::1",
];
const anyIp = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytesToIp),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToIp),
  fc.constantFrom(
    ...SPECIAL,
    "10.1.1.7",
    "192.168.3.3",
    "172.20.0.1",
    "100.64.0.9",
    "fd00::7",
    "203.0.113.5",
    "2001:db8::5",
  ),
);
const anyInterface: fc.Arbitrary<LocalInterface> = fc.record({
  name: fc.constantFrom("eth0", "bat0", "lo", "wg0"),
  index: fc.nat(9),
  kind: fc.constantFrom("ethernet", "radio", "loopback", "tunnel"),
  up: fc.boolean(),
  metered: fc.boolean(),
  addresses: fc.array(
    anyIp.map((ip) => `${ip}/${ip.includes(":") ? 64 : 24}`),
    { maxLength: 4 },
  ),
  hasWayOut: fc.boolean(),
});

describe("what a box tells of its addresses", () => {
  test("holds for members at a distance nothing but public and private addresses of interfaces that the mesh uses", () => {
    fc.assert(
      fc.property(fc.array(anyInterface, { maxLength: 5 }), (interfaces) => {
        const used = interfaces.filter(({ up, kind }) => up && (kind === "ethernet" || kind === "radio"));
        for (const address of addressesForMembers(interfaces)) {
          expect(["public", "private"]).toContain(addressScope(address));
          expect(used.some(({ addresses }) => addresses.some((own) => isInPrefix(address, own)))).toBe(true);
        }
      }),
    );
  });

  test("has public addresses first and leaves out what is down", () => {
    const all = [
      ethernet("eth0", ["10.1.1.5/24", "fe80::5/64", "2001:db8::5/64"]),
      { ...ethernet("bat0", ["fd00::5/64"]), kind: "radio" as const },
      { ...ethernet("eth1", ["203.0.113.9/24"]), up: false },
      { ...ethernet("wg0", ["10.99.0.1/24"]), kind: "tunnel" as const },
    ];
    expect(addressesForMembers(all)).toEqual(["2001:db8::5", "10.1.1.5", "fd00::5"]);
  });

  test("is written in multiaddrs that libp2p reads, with the zone for link-local addresses alone", () => {
    expect(multiaddrsOf(["fe80::5", "10.1.1.5"], { tcp: 4_000, ws: 0 }, "eth0")).toEqual([
      "/ip6zone/eth0/ip6/fe80::5/tcp/4000",
      "/ip4/10.1.1.5/tcp/4000",
    ]);
    fc.assert(
      fc.property(anyIp, fc.integer({ min: 1, max: 65_535 }), (ip, port) => {
        for (const text of multiaddrsOf([ip], { tcp: port, ws: port }, "eth0")) {
          expect(
            multiaddr(text)
              .getComponents()
              .find(({ name }) => name === "tcp")?.value,
          ).toBe(String(port));
        }
      }),
    );
  });

  test("ranks every address that must not leave the machine or the link below private", () => {
    for (const address of SPECIAL) expect(["public", "private"]).not.toContain(addressScope(address));
    expect(["no address", "", "1.2.3"].map(addressScope)).toEqual(["unusable", "unusable", "unusable"]);
  });
});

test("a sighting holds addresses of the very link alone, and never our own", () => {
  fc.assert(
    fc.property(anyInterface, fc.array(anyIp, { maxLength: 8 }), (link, addresses) => {
      const announcement = {
        publicKey: publicKey(2),
        tcpPort: 4_000,
        wsPort: 0,
        udpPort: 4_002,
        addresses,
        isGoodbye: false,
      };
      for (const text of sightingOf(announcement, peer(2), link)?.addresses ?? []) {
        const ip = /\/ip[46]\/([^/]+)\//.exec(text)?.[1] ?? "";
        const isLinkLocal = addressScope(ip) === "link-local" && ip.includes(":");
        if (link.kind === "loopback") expect(addressScope(ip)).toBe("loopback");
        else expect(isLinkLocal || link.addresses.some((own) => isInPrefix(ip, own))).toBe(true);
        if (link.kind !== "loopback")
          expect(link.addresses.map((own) => own.split("/")[0])).not.toContain(ip);
        expect(text.includes(`ip6zone/${link.name}/`)).toBe(isLinkLocal);
      }
    }),
  );
});

describe("what a box dials of a record that may be a lie", () => {
  const rules: DialRules = {
    interfaces: [ethernet("eth0", ["10.1.1.5/24", "2001:db8::5/64"])],
    forbidden: ["10.77.0.0/16"],
    ownPorts: [4_000],
    loopback: false,
  };
  const anyMultiaddr = fc
    .tuple(
      anyIp,
      fc.nat(70_000),
      fc.constantFrom("tcp", "udp", "sctp"),
      fc.constantFrom("", "/ws", "/wss", "/p2p/x"),
    )
    .map(([ip, port, transport, end]) => `/ip${ip.includes(":") ? 6 : 4}/${ip}/${transport}/${port}${end}`);

  test("is at most eight IP addresses, none of this machine, of nobody, of many, or of networks that are none of its business", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyMultiaddr, fc.string()), { maxLength: 30 }), (record) => {
        const dialled = dialableAddresses(record, rules);
        expect(dialled.length).toBeLessThanOrEqual(MAX_ADDRESSES_OF_PEER);
        expect(new Set(dialled).size).toBe(dialled.length);
        for (const text of dialled) {
          const ip = /^\/ip[46]\/([^/]+)\/(tcp|udp)\/\d+(\/ws)?$/.exec(text)?.[1] ?? "";
          expect(["public", "private"]).toContain(addressScope(ip));
          expect(isInPrefix(ip, "10.77.0.0/16")).toBe(false);
          expect(["10.1.1.5", "2001:db8::5"]).not.toContain(ip);
        }
      }),
      { numRuns: 500 },
    );
  });

  test("keeps the order of what is good", () => {
    const good = [
      "/ip4/203.0.113.5/tcp/4000",
      "/ip4/10.2.0.5/tcp/4001/ws",
      "/ip6/2001:db8::7/tcp/443",
      "/ip4/203.0.113.5/udp/4002",
    ];
    const bad = [
      "/dns4/example.org/tcp/443",
      "/ip4/203.0.113.5/tcp/22",
      "/ip4/10.77.1.1/tcp/4000",
      "/ip6zone/eth0/ip6/fe80::1/tcp/4000",
      "/ip4/2001:db8::1/tcp/4000",
      "/ip6/10.2.0.5/tcp/4000",
      "/ip6/fd00::5/tcp/4000",
    ];
    expect(dialableAddresses([...bad, ...good, ...bad], rules)).toEqual(good);
    // A private IPv6 address is of use where we have one too.
    const both = { ...rules, interfaces: [ethernet("eth0", ["fd00::9/64"])] };
    expect(dialableAddresses(["/ip6/fd00::5/tcp/4000", "/ip4/10.2.0.5/tcp/4000"], both)).toEqual([
      "/ip6/fd00::5/tcp/4000",
    ]);
  });

  test("includes another box on this machine where that is wanted, and never the box itself", () => {
    const here = { ...rules, loopback: true };
    const record = [
      "/ip4/127.0.0.1/tcp/4000",
      "/ip4/127.0.0.1/tcp/5000",
      "/ip4/10.1.1.5/tcp/4000",
      "/ip4/10.1.1.5/tcp/5000",
    ];
    expect(dialableAddresses(record, here)).toEqual(["/ip4/127.0.0.1/tcp/5000", "/ip4/10.1.1.5/tcp/5000"]);
    expect(dialableAddresses(record, rules)).toEqual([]);
  });
});

describe("how often an address is dialled", () => {
  test("is six times at once and then every ten seconds, however many peers are said to be there", () => {
    const budget = new DialBudget();
    let dials = 0;
    for (let ms = 0; ms < 100_000; ms += 50) if (budget.takes("203.0.113.5", ms)) dials += 1;
    expect(dials).toBe(6 + 9);
    expect(budget.takes("203.0.113.6", 100_000)).toBe(true);
    expect(budget.takes("::ffff:203.0.113.5", 100_000)).toBe(true);
    expect(budget.takes("203.0.113.5", 100_000)).toBe(false);
  });

  test("is not bounded where a member has been met, for an hour", () => {
    const budget = new DialBudget();
    budget.proven("203.0.113.5", 0);
    const dials = (fromMs: number) =>
      Array.from({ length: 20 }, () => budget.takes("203.0.113.5", fromMs)).filter(Boolean).length;
    expect([dials(1_000), dials(3_599_000), dials(3_601_000)]).toEqual([20, 20, 6]);
  });

  test("is remembered for so many addresses and no more; new ones wait until others are forgotten", () => {
    const budget = new DialBudget({ burst: 2, refillMs: 1_000, maxAddresses: 10 });
    budget.proven("10.0.0.0", 0);
    const takes = (nowMs: number) =>
      Array.from({ length: 20 }, (_, index) => budget.takes(`10.0.0.${index}`, nowMs)).filter(Boolean).length;
    expect(takes(0)).toBe(10);
    expect(budget.takes("10.0.1.1", 1_999)).toBe(false);
    expect(budget.takes("10.0.1.1", 2_000)).toBe(true);
  });
});
