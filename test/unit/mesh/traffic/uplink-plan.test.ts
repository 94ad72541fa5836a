import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseRules } from "../../../../src/mesh/traffic/uplink-applier.ts";
import { MAX_UPLINKS, planUplinks, type Uplink } from "../../../../src/mesh/traffic/uplink-plan.ts";

const PINS = {
  ports: { control: [4_600], messages: [4_600], bulk: [4_700] },
  tunnelPorts: [51_820],
  vmInterfaces: ["vm0"],
  idleSeconds: 30,
};

const uplink = (index: number, more: Partial<Uplink> = {}): Uplink => ({
  interface: `wan${index}`,
  ipv4: { gateway: `192.0.2.${index * 16 + 1}`, source: `192.0.2.${index * 16 + 2}` },
  ...{ weight: 10, metered: false, healthy: true },
  ...more,
});

const anyUplinks = fc
  .array(
    fc.record({ weight: fc.integer({ min: 1, max: 100 }), metered: fc.boolean(), healthy: fc.boolean() }),
    {
      maxLength: MAX_UPLINKS,
    },
  )
  .map((list) => list.map((more, index) => uplink(index, more)));

describe("Several uplinks", () => {
  test("are one group of next hops, weighted", () => {
    const { ipv4 } = planUplinks([uplink(0, { weight: 60 }), uplink(1, { weight: 40 })], PINS);
    expect(ipv4.hops).toEqual([
      "nexthop replace id 46000 via 192.0.2.1 dev wan0",
      "nexthop replace id 46001 via 192.0.2.17 dev wan1",
    ]);
    expect(ipv4.groups[0]).toStartWith("nexthop replace id 46100 group 46000,60/46001,40 type resilient");
    expect(ipv4.routes).toContain("route replace default table 46100 nhid 46100");
    expect(ipv4.rules.at(-1)).toEqual({ preference: 20_009, selector: "lookup 46100" });
  });

  test("keep their numbers when one fails, so that nothing else moves", () => {
    const { ipv4 } = planUplinks([uplink(0, { healthy: false }), uplink(1)], PINS);
    expect(ipv4.hops).toEqual(["nexthop replace id 46001 via 192.0.2.17 dev wan1"]);
    expect(ipv4.groups[0]).toContain("group 46001,10 ");
    // Whoever looks whether it works again is bound to its address.
    expect(ipv4.rules).toContainEqual({ preference: 20_001, selector: "from 192.0.2.2 lookup 46110" });
    expect(ipv4.routes).toContain("route replace default via 192.0.2.1 dev wan0 table 46110");
  });

  test("leave out metered ones while there is another, and machines, tunnels and bulk always", () => {
    fc.assert(
      fc.property(anyUplinks, (uplinks) => {
        const { groups, routes } = planUplinks(uplinks, PINS).ipv4;
        const members = (id: number) =>
          [...(groups.find((line) => line.includes(` id ${id} `))?.matchAll(/(460\d\d),/g) ?? [])].map(
            ([, hop]) => uplinks[Number(hop) - 46_000],
          );
        const healthy = uplinks.filter((each) => each.healthy);
        const free = healthy.filter((each) => !each.metered);
        expect(members(46_100)).toEqual(free.length > 0 ? free : healthy);
        expect(members(46_101)).toEqual(free);
        const unreachable = routes.includes("route replace unreachable default table 46102");
        expect(unreachable).toBe(free.length === 0 && healthy.length > 0);
      }),
    );
  });

  test("pin control to the heaviest unmetered one", () => {
    const { ipv4 } = planUplinks(
      [uplink(0, { weight: 90, metered: true }), uplink(1, { weight: 20 }), uplink(2, { weight: 30 })],
      PINS,
    );
    expect(ipv4.routes).toContain("route replace default table 46101 nhid 46002");
    expect(ipv4.rules).toContainEqual({
      preference: 20_002,
      selector: "ipproto udp sport 4600 lookup 46101",
    });
  });

  test("have no rule at all where there are none, and none that spreads where none is healthy", () => {
    expect(planUplinks([], PINS).ipv4).toEqual({
      ...{ hops: [], groups: [], routes: [], rules: [], tables: [], nexthops: [] },
    });
    const { ipv4 } = planUplinks([uplink(0, { healthy: false })], PINS);
    expect(ipv4.rules.map(({ preference }) => preference)).toEqual([20_000, 20_001]);
  });

  test("are planned by family: IPv6 has its own next hops, and a line without router none", () => {
    const ppp: Uplink = { interface: "ppp0", ipv4: {}, weight: 10, metered: false, healthy: true };
    const { ipv4, ipv6 } = planUplinks([uplink(0, { ipv6: { gateway: "fe80::1" } }), ppp], PINS);
    expect(ipv4.hops[1]).toBe("nexthop replace id 46001 dev ppp0");
    expect(ipv6.hops).toEqual(["nexthop replace id 46200 via fe80::1 dev wan0"]);
  });

  test("are refused with a router of the wrong family, or with too many", () => {
    expect(() => planUplinks([uplink(0, { ipv4: { gateway: "fe80::1" } })], PINS)).toThrow("fe80::1");
    expect(() => planUplinks([uplink(0, { ipv4: { gateway: "x; reboot" } })], PINS)).toThrow("x; reboot");
    const many = Array.from({ length: MAX_UPLINKS + 1 }, (_, index) => uplink(index % 16));
    expect(() => planUplinks(many, PINS)).toThrow("uplinks");
  });
});

test("our rules are found again in what the kernel lists, in the words in which they were added", () => {
  const listed = [
    "0:\tfrom all lookup local",
    "20000:\tfrom all lookup main suppress_prefixlength 0",
    "20001:\tfrom 192.0.2.2 lookup 46110",
    "20003:\tfrom all iif vm0 [detached] lookup 46102 ",
    "20003:\tfrom all ipproto udp sport 51820 lookup 46102",
    "32766:\tfrom all lookup main",
    "",
  ].join("\n");
  expect(parseRules(listed)).toEqual([
    { preference: 20_000, selector: "lookup main suppress_prefixlength 0" },
    { preference: 20_001, selector: "from 192.0.2.2 lookup 46110" },
    { preference: 20_003, selector: "iif vm0 lookup 46102" },
    { preference: 20_003, selector: "ipproto udp sport 51820 lookup 46102" },
  ]);
});
