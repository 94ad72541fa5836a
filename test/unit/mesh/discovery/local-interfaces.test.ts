import { expect, test } from "bun:test";
import type { HostInterface } from "../../../../src/host/interfaces.ts";
import { localInterfaces } from "../../../../src/mesh/discovery/local-interfaces.ts";

const face = (
  name: string,
  kind: HostInterface["kind"],
  more: Partial<HostInterface> = {},
): HostInterface => ({
  name,
  index: 2,
  kind,
  up: true,
  carrier: true,
  addresses: [],
  hasWayOut: false,
  ...more,
});
const kinds = (all: readonly HostInterface[], config: Partial<Parameters<typeof localInterfaces>[1]> = {}) =>
  Object.fromEntries(
    localInterfaces(all, { exclude: [], metered: [], kinds: {}, ...config }).map(({ name, kind }) => [
      name,
      kind,
    ]),
  );

test("batman-adv and 802.11 are radio, wires and bridges Ethernet, and what is virtual is a tunnel", () => {
  const all = [
    face("bat0", "batman"),
    face("mesh0", "wifi"),
    face("eth0", "ethernet"),
    face("br0", "bridge"),
    face("wg0", "tunnel"),
    face("dummy0", "other"),
    face("lo", "loopback"),
  ];
  expect(kinds(all)).toEqual({
    bat0: "radio",
    mesh0: "radio",
    eth0: "ethernet",
    br0: "ethernet",
    wg0: "tunnel",
    dummy0: "tunnel",
    lo: "loopback",
  });
});

test("the guests' bridge, its ports and every other port are left out", () => {
  const all = [
    face("br-guests", "bridge"),
    face("wlan0", "wifi", { master: "br-guests" }),
    face("eth1", "ethernet", { master: "bat0" }),
    face("tap7", "ethernet"),
    face("eth0", "ethernet"),
  ];
  expect(kinds(all, { exclude: ["br-guests", "tap7"] })).toEqual({ eth0: "ethernet" });
});

test("an operator knows better what an interface is, also one that is named as objects' own properties are", () => {
  const all = [face("eth0", "ethernet"), face("wlan0", "wifi"), face("constructor", "ethernet")];
  expect<unknown>(kinds(all, { kinds: { eth0: "radio", wlan0: "ethernet" } })).toEqual({
    eth0: "radio",
    wlan0: "ethernet",
    constructor: "ethernet",
  });
});

test("metered ones are marked, and one without its wire counts as down", () => {
  const all = [
    face("eth0", "ethernet", { carrier: false }),
    face("wwan0", "ethernet", { hasWayOut: true, addresses: ["10.0.0.2/30"] }),
  ];
  expect(localInterfaces(all, { exclude: [], metered: ["wwan0"], kinds: {} })).toEqual([
    { name: "eth0", index: 2, kind: "ethernet", up: false, metered: false, addresses: [], hasWayOut: false },
    {
      name: "wwan0",
      index: 2,
      kind: "ethernet",
      up: true,
      metered: true,
      addresses: ["10.0.0.2/30"],
      hasWayOut: true,
    },
  ]);
});

test("a line that leads to the internet is a way as a wire is, and one that leads elsewhere is a tunnel", () => {
  const all = [face("wwan0", "line", { hasWayOut: true }), face("ppp0", "line")];
  const found = localInterfaces(all, { exclude: [], metered: [], kinds: {} });
  expect(found.map(({ name, kind, isLine }) => [name, kind, isLine])).toEqual([
    ["wwan0", "ethernet", true],
    ["ppp0", "tunnel", true],
  ]);
});
