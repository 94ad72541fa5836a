import { describe, expect, test } from "bun:test";
import type { LocalInterface } from "../../../../src/mesh/discovery/discovery-interface.ts";
import {
  findUplinks,
  parseDefaultRoutes,
  parseLinks,
  uplinksInUse,
} from "../../../../src/mesh/traffic/uplink-finder.ts";
import type { Uplink } from "../../../../src/mesh/traffic/uplink-plan.ts";

const link = (name: string, addresses: string[], more: Partial<LocalInterface> = {}): LocalInterface => ({
  name,
  index: 1,
  kind: "ethernet",
  up: true,
  metered: false,
  addresses,
  hasWayOut: true,
  ...more,
});

test("each configured uplink has the router and the address that its interface has now, in the configuration's order", () => {
  const found = findUplinks(
    [
      { interface: "wwan0", weight: 3 },
      { interface: "eth0", weight: 10 },
      { interface: "eth9", weight: 1 },
    ],
    {
      ipv4: [
        { dev: "eth0", gateway: "192.168.1.1" },
        { dev: "wwan0", prefsrc: "100.64.3.4" },
        { dev: "other", gateway: "10.0.0.1" },
      ],
      ipv6: [{ dev: "eth0", gateway: "fe80::1" }],
    },
    [
      link("eth0", ["192.168.1.7/24", "fe80::7/64"]),
      link("wwan0", ["100.64.3.4/32"], { metered: true, up: false }),
    ],
    () => false,
  );
  expect(found).toEqual([
    { interface: "wwan0", weight: 3, metered: true, healthy: false, ipv4: { source: "100.64.3.4" } },
    {
      interface: "eth0",
      weight: 10,
      metered: false,
      healthy: true,
      ipv4: { gateway: "192.168.1.1", source: "192.168.1.7" },
      ipv6: { gateway: "fe80::1" },
    },
    { interface: "eth9", weight: 1, metered: false, healthy: false },
  ]);
});

test("an uplink is healthy while one of its routers answers, and a silent one is marked", () => {
  const both = { ipv4: [{ dev: "eth0", gateway: "192.0.2.1" }], ipv6: [{ dev: "eth0", gateway: "fe80::1" }] };
  const health = (silent: string[]) => {
    const [found] = findUplinks([{ interface: "eth0", weight: 1 }], both, [link("eth0", [])], ({ address }) =>
      silent.includes(address),
    );
    return [found?.healthy, found?.ipv4?.silent, found?.ipv6?.silent];
  };
  expect(health([])).toEqual([true, undefined, undefined]);
  expect(health(["192.0.2.1"])).toEqual([true, true, undefined]);
  expect(health(["192.0.2.1", "fe80::1"])).toEqual([false, true, true]);
});

test("default routes are read with all of their hops, and nothing at all where iproute2 says nothing", () => {
  const several = [
    { dst: "default", gateway: "192.0.2.1", dev: "eth0", prefsrc: "192.0.2.7" },
    { dst: "default", nexthops: [{ gateway: "198.51.100.1", dev: "eth1" }, { dev: "ppp0" }] },
  ];
  expect(parseDefaultRoutes(JSON.stringify(several))).toEqual([
    { dev: "eth0", gateway: "192.0.2.1", prefsrc: "192.0.2.7" },
    { dev: "eth1", gateway: "198.51.100.1", prefsrc: undefined },
    { dev: "ppp0", gateway: undefined, prefsrc: undefined },
  ]);
  expect(parseDefaultRoutes("")).toEqual([]);
  expect(parseLinks("", () => false)).toEqual([]);
});

describe("of the uplinks that are there", () => {
  const way = (name: string, more: Partial<Uplink> = {}): Uplink => ({
    ...{ interface: name, weight: 10, metered: false, healthy: true, ipv4: { gateway: "192.0.2.1" } },
    ...more,
  });
  const found = (all: Uplink[], inUse: string[]) =>
    uplinksInUse(
      async () => all,
      () => inUse,
    )();

  test("those are healthy that are in use, and whose router answers", async () => {
    const all = [way("a"), way("b"), way("c", { healthy: false })];
    expect((await found(all, ["b", "c"])).map(({ healthy }) => healthy)).toEqual([false, true, false]);
  });

  test("a single one is left to the kernel's own routes, unless it is metered", async () => {
    const absent: Uplink = { interface: "b", weight: 10, metered: false, healthy: false };
    expect(await found([way("a"), absent], ["a"])).not.toContainEqual(way("a"));
    const paid = way("a", { metered: true });
    expect(await found([paid, absent], ["a"])).toEqual([paid, absent]);
  });
});
