import { expect, test } from "bun:test";
import { namespaceDifferences } from "../../../../src/vm/egress/check-namespace.ts";
import { rulesetText } from "../../../../src/vm/egress/check-ruleset.ts";
import { planEgress } from "../../../../src/vm/egress/index.ts";
import type { SeenNamespace } from "../../../../src/vm/egress/seen-namespace.ts";
import { GUEST_LINK } from "../../../../src/vm/guest-link.ts";

const KEY = `${"A".repeat(43)}=`;
const PLAN = planEgress({
  lease: "00112233445566778899aabbccddeeff",
  tunnel: { privateKey: KEY, peerKey: KEY, endpoint: undefined, address: "10.99.0.15", dns: undefined },
  limits: { upKbit: 1_000, downKbit: undefined, newConnectionsPerS: 50 },
  punishment: { cutOn: [] },
  forbidden: [],
});
const { tap, tunnel } = PLAN.names;

/** As the kernel would have it: what is added is what is listed. */
const listed = [...PLAN.passage, ...PLAN.guard].flatMap(({ add }) =>
  add ? [add as Record<string, unknown>] : [],
);
const AS_PLANNED: SeenNamespace = {
  links: [
    { ifname: "lo", flags: ["LOOPBACK"], mtu: 65_536, addr_info: [] },
    { ifname: tunnel, flags: ["UP"], mtu: GUEST_LINK.mtu, addr_info: [] },
    {
      ifname: tap,
      flags: ["UP"],
      mtu: GUEST_LINK.mtu,
      address: GUEST_LINK.gatewayMacAddress,
      addr_info: [{ family: "inet", local: GUEST_LINK.gatewayAddress, prefixlen: 24 }],
    },
  ],
  routes: [
    { dst: "default", dev: tunnel },
    { dst: "10.0.2.0/24", dev: tap },
    { type: "local", dst: "10.0.2.2", dev: tap, table: "local" },
    { type: "broadcast", dst: "10.0.2.255", dev: tap, table: "local" },
  ],
  rules: [{ table: "local" }, { table: "main" }, { table: "default" }],
  neighbours: [{ dst: GUEST_LINK.guestAddress, dev: tap, lladdr: GUEST_LINK.guestMacAddress }],
  queues: [{ dev: tunnel, kind: "tbf" }],
  ruleset: listed,
  ingress: `\t\ttype filter hook ingress device "${tap}" priority -500; policy drop;`,
  parameters: new Map(PLAN.parameters.map(([name, value]) => [name, value])),
};
const things = (seen: Partial<SeenNamespace>) =>
  namespaceDifferences(PLAN, { ...AS_PLANNED, ...seen }, true).map(({ thing }) => thing);

test("a namespace that is as planned differs in nothing", () => {
  expect(things({})).toEqual([]);
});

test("an uplink is found by its link, its address and its route", () => {
  const uplink = {
    ifname: "eth0",
    flags: ["UP"],
    mtu: 1_500,
    addr_info: [{ family: "inet", local: "192.168.1.5", prefixlen: 24 }],
  };
  expect(things({ links: [...AS_PLANNED.links, uplink] })).toEqual([
    "link eth0",
    "address 192.168.1.5/24 eth0",
  ]);
  expect(
    things({ routes: [...AS_PLANNED.routes, { dst: "default", gateway: "192.168.1.1", dev: "eth0" }] }),
  ).toEqual(["route default via 192.168.1.1 eth0"]);
});

test("what the kernel puts into every namespace may be there while it is down", () => {
  const link = { ifname: "sit0", mtu: 1_480, linkinfo: { info_kind: "sit" }, addr_info: [] };
  expect(things({ links: [...AS_PLANNED.links, { ...link, flags: ["NOARP"] }] })).toEqual([]);
  expect(things({ links: [...AS_PLANNED.links, { ...link, flags: ["NOARP", "UP"] }] })).toEqual([
    "link sit0",
  ]);
});

test("a route or an address of IPv6 is one too many", () => {
  expect(things({ routes: [...AS_PLANNED.routes, { dst: "fe80::/64", dev: tap }] })).toEqual([
    `route fe80::/64 ${tap}`,
  ]);
});

test("rules that are missing, that are more, and a filter on nothing are found", () => {
  expect(things({ ruleset: listed.filter((object) => !("rule" in object)) }).length).toBeGreaterThan(5);
  const table = { table: { family: "inet", name: "other" } };
  expect(things({ ruleset: [...listed, table] })).toEqual(["rules: inet table other"]);
  expect(things({ ingress: "" })).toEqual(["rules"]);
});

test("a chain that no longer drops by itself is found", () => {
  const ruleset = listed.map((object) =>
    JSON.parse(JSON.stringify(object).replace('"policy":"drop"', '"policy":"accept"')),
  );
  expect(things({ ruleset }).some((thing) => thing.includes("forward"))).toBe(true);
});

test("a share that is not held to and a parameter that has changed are found", () => {
  expect(things({ queues: [] })).toEqual([`queue ${tunnel}`]);
  const parameters = new Map(AS_PLANNED.parameters).set("net/ipv4/conf/all/rp_filter", "0");
  expect(things({ parameters })).toEqual(["parameter net/ipv4/conf/all/rp_filter"]);
});

test("a kernel without IPv6 has nothing to switch off", () => {
  const parameters = new Map([...AS_PLANNED.parameters].filter(([name]) => !name.startsWith("net/ipv6/")));
  expect(things({ parameters })).toEqual([]);
});

test("rules are the same whatever has been counted and whoever has been seen", () => {
  const set = (elem: unknown) => ({ set: { name: "flows", type: ["mark"], flags: ["timeout"], elem } });
  const rule = (handle: number, packets: number) => ({ rule: { handle, expr: [{ counter: { packets } }] } });
  expect(rulesetText([set([1]), rule(1, 5)])).toBe(rulesetText([set([2, 3]), rule(7, 6)]));
  const forbidden = (elem: unknown) => ({
    set: { name: "forbidden", type: "ipv4_addr", flags: ["interval"], elem },
  });
  expect(rulesetText([forbidden([1])])).not.toBe(rulesetText([forbidden([1, 2])]));
});
