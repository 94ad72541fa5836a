import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type DeviceFacts,
  parseAnswers,
  parseInterfaces,
  readInterfaces,
} from "../../../src/host/interfaces.ts";

const recorded = (name: string) => readFileSync(join(import.meta.dir, "recorded", name), "utf8");
const ROUTES = [recorded("ip-route.json"), recorded("ip-route-6.json")];
const PLAIN: DeviceFacts = { isWireless: () => false, isCellular: () => false };
const byName = (addresses: string, routes: readonly string[] = ROUTES, facts = PLAIN, onLink = "") =>
  new Map(parseInterfaces(addresses, routes, facts, onLink).map((entry) => [entry.name, entry]));

/** One link as `ip -j -details addr` prints it (iproute2 6.1), for kinds that the recording's machine lacks. */
const link = (name: string, more: object) =>
  JSON.stringify([
    {
      ifindex: 9,
      ifname: name,
      flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
      operstate: "UP",
      link_type: "ether",
      addr_info: [],
      ...more,
    },
  ]);
const kindOf = (name: string, more: object, facts: Partial<Record<keyof DeviceFacts, string>> = {}) =>
  byName(link(name, more), [], {
    isWireless: (asked) => asked === facts.isWireless,
    isCellular: (asked) => asked === facts.isCellular,
  }).get(name)?.kind;

describe("the host's interfaces", () => {
  test("are read with kind, addresses, master and way out from what iproute2 prints", () => {
    const all = byName(recorded("ip-addr.json"));
    expect(all.get("eth0")).toEqual({
      name: "eth0",
      index: 3,
      kind: "ethernet",
      up: true,
      carrier: true,
      addresses: ["192.0.2.5/24", "2001:db8::5/64", expect.stringMatching(/^fe80::[0-9a-f:]+\/64$/)],
      hasWayOut: true,
      routers: ["192.0.2.1", "2001:db8::1"],
    });
    expect(all.get("lo")).toMatchObject({ kind: "loopback", carrier: true, hasWayOut: false });
    expect(all.get("br0")).toMatchObject({ kind: "bridge" });
    expect(all.get("p0")).toMatchObject({ kind: "ethernet", master: "br0" });
    expect(all.get("tun0")).toMatchObject({ kind: "tunnel", up: false, carrier: false });
  });

  test("without a wire are up and carry nothing, and lead nowhere", () => {
    const routes = [recorded("ip-route-no-carrier.json")];
    const all = byName(recorded("ip-addr-no-carrier.json"), routes);
    expect(all.get("eth0")).toMatchObject({ up: true, carrier: false, hasWayOut: false });
    expect(all.get("br0")).toMatchObject({ carrier: true });
  });

  test("do not count an address that the kernel is still asking about, or that somebody else has", () => {
    expect(recorded("ip-addr-tentative.json")).toContain('"tentative": true');
    expect(byName(recorded("ip-addr-tentative.json")).get("eth0")?.addresses).not.toContain(
      "2001:db8::77/64",
    );
    const taken = { addr_info: [{ family: "inet6", local: "fe80::1", prefixlen: 64, dadfailed: true }] };
    expect(byName(link("eth0", taken)).get("eth0")?.addresses).toEqual([]);
  });

  test("are told apart by what they are made of", () => {
    expect(kindOf("bat0", { linkinfo: { info_kind: "batadv" } })).toBe("batman");
    expect(kindOf("wlan0", {}, { isWireless: "wlan0" })).toBe("wifi");
    expect(kindOf("eth0.7", { linkinfo: { info_kind: "vlan" } })).toBe("ethernet");
    expect(kindOf("wg0", { link_type: "none", linkinfo: { info_kind: "wireguard" } })).toBe("tunnel");
    expect(kindOf("vxlan0", { linkinfo: { info_kind: "vxlan" } })).toBe("tunnel");
    expect(kindOf("dummy0", { linkinfo: { info_kind: "dummy" } })).toBe("other");
  });

  test("of PPP and of modems that pass bare IP packets are lines, and no tunnel is", () => {
    expect(kindOf("ppp0", { link_type: "ppp", linkinfo: { info_kind: "ppp" } })).toBe("line");
    expect(kindOf("ppp0", { link_type: "ppp" })).toBe("line");
    expect(kindOf("wwan0", { link_type: "none" }, { isCellular: "wwan0" })).toBe("line");
    expect(kindOf("rmnet0", { link_type: "[519]", linkinfo: { info_kind: "rmnet" } })).toBe("line");
    expect(kindOf("wwan0", { link_type: "ether" }, { isCellular: "wwan0" })).toBe("ethernet");
    for (const made of ["tun", "wireguard"]) {
      const more = { link_type: "none", linkinfo: { info_kind: made } };
      expect(kindOf("wwan0", more, { isCellular: "wwan0" })).toBe("tunnel");
    }
    expect(kindOf("tun0", { link_type: "none" })).toBe("tunnel");
  });

  test("are told apart from routes in what one batch prints, where a list may be missing, and other tables do not count", () => {
    const route = (more: object) => JSON.stringify([{ type: "unicast", dev: "eth0", flags: [], ...more }]);
    const main = route({ dst: "default", gateway: "192.0.2.1", table: "main" });
    const parsed = (...lines: string[]) => parseAnswers(`${lines.join("\n")}\n`, PLAIN);
    expect(parsed(link("eth0", {}), route({ dst: "192.0.2.0/24" }), main)).toMatchObject([
      { name: "eth0", hasWayOut: true, routers: ["192.0.2.1"] },
    ]);
    expect(parsed(link("eth0", {}), main)).toMatchObject([{ hasWayOut: true }]);
    const others = route({ dst: "default", gateway: "192.0.2.1", table: "46100" });
    for (const lines of [[], [others], [route({ dst: "192.0.2.0/24" })]])
      expect(parsed(link("eth0", {}), ...lines)).toMatchObject([{ name: "eth0", hasWayOut: false }]);
    expect(parsed("")).toEqual([]);
  });

  test("name the routers of their default routes", () => {
    const routes = [JSON.stringify([{ dst: "default", gateway: "192.0.2.14", dev: "eth0", flags: [] }])];
    expect(byName(link("eth0", {}), routes).get("eth0")?.routers).toEqual(["192.0.2.14"]);
  });

  test("know which of their networks the kernel reaches by another one", () => {
    const face = (ifname: string, ifindex: number, address: string) => ({
      ...{ ifindex, ifname, flags: ["UP"], operstate: "UP", link_type: "ether" },
      addr_info: [{ local: address, prefixlen: 20 }],
    });
    const addresses = JSON.stringify([face("wlan0", 2, "10.1.2.3"), face("eth0", 3, "10.1.2.4")]);
    const shadowedBy = (wlan: object, eth: object) => {
      const onLink = [
        { dst: "10.1.0.0/20", dev: "wlan0", flags: [], ...wlan },
        { dst: "10.1.0.0/20", dev: "eth0", flags: [], ...eth },
      ];
      const all = byName(addresses, [], PLAIN, JSON.stringify(onLink));
      return ["wlan0", "eth0"].map((name) => all.get(name)?.shadowed);
    };
    expect(shadowedBy({ metric: 600 }, { metric: 100 })).toEqual([["10.1.2.3/20"], undefined]);
    expect(shadowedBy({}, {})).toEqual([undefined, ["10.1.2.4/20"]]);
    // A wire that is not there takes nothing.
    expect(shadowedBy({ metric: 600 }, { metric: 100, flags: ["linkdown"] })).toEqual([
      undefined,
      ["10.1.2.4/20"],
    ]);
  });

  test("lead out by any hop of a default route that is alive, and by none that is unreachable", () => {
    const leads = (route: object) =>
      byName(link("eth0", {}), [JSON.stringify([route])]).get("eth0")?.hasWayOut;
    expect(
      leads({
        dst: "default",
        nexthops: [
          { dev: "eth1", flags: [] },
          { dev: "eth0", flags: [] },
        ],
      }),
    ).toBe(true);
    expect(leads({ dst: "default", nexthops: [{ dev: "eth0", flags: ["dead", "linkdown"] }] })).toBe(false);
    expect(leads({ type: "unreachable", dst: "default", dev: "eth0", flags: [] })).toBe(false);
  });

  test("are read where there are no routes, which iproute2 says with nothing at all", () => {
    expect(byName(recorded("ip-addr.json"), ["", "[ ]", "[{}]\n"]).get("eth0")?.hasWayOut).toBe(false);
    expect(() => parseInterfaces("no JSON", [], PLAIN)).toThrow(SyntaxError);
  });

  test("of this machine are read with the loopback interface among them", async () => {
    const all = await readInterfaces();
    expect(all.find(({ name }) => name === "lo")).toMatchObject({ kind: "loopback", index: 1 });
  });
});
