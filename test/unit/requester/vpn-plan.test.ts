import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { overlap, parseIpv4Network, withoutCovered } from "../../../src/requester/ipv4-network.ts";
import {
  changesToUndo,
  forwardingChanges,
  freeAddress,
  openedInterfaces,
  planVpn,
  protectedNetworks,
  VpnPlanError,
} from "../../../src/requester/vpn-plan.ts";

const wish = (more: Partial<Parameters<typeof planVpn>[0]> = {}) => ({
  id: "0badcafe",
  inUse: [],
  allowLan: false,
  ...more,
});
const isIn = (address: string, networks: readonly string[]) => {
  const one = parseIpv4Network(address);
  return networks.some((text) => {
    const network = parseIpv4Network(text);
    return one !== undefined && network !== undefined && overlap(one, network);
  });
};
const anyAddress = fc
  .tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255))
  .map((bytes) => bytes.join("."));
const anyNetwork = fc.tuple(anyAddress, fc.nat(32)).map(([address, length]) => `${address}/${length}`);

describe("The plan of a requester's VPN", () => {
  test("is the same for the same id, and leads names and addresses from it", () => {
    const plan = planVpn(wish());
    expect(planVpn(wish())).toEqual(plan);
    expect(plan.interface).toBe("omq0badcafe");
    expect(plan.interface.length).toBeLessThanOrEqual(15);
    expect(plan.table).toBe("omerta_vpn_0badcafe");
    expect(plan.addresses).toHaveLength(253);
    for (const address of [plan.gateway, ...plan.addresses]) expect(isIn(address, [plan.network])).toBe(true);
    expect(plan.addresses).not.toContain(plan.gateway);
  });

  test("takes no network that the machine is in or has a route to, nor that of a virtual machine's own link", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 0xffff_ffff }),
        fc.array(anyNetwork, { maxLength: 30 }),
        (number, inUse) => {
          const known = inUse.filter((text) => Number(text.split("/")[1]) >= 8);
          let plan: ReturnType<typeof planVpn>;
          try {
            plan = planVpn(wish({ id: number.toString(16).padStart(8, "0"), inUse }));
          } catch (error) {
            expect(error).toBeInstanceOf(VpnPlanError);
            return;
          }
          const own = parseIpv4Network(plan.network);
          for (const text of [...known, "10.0.2.15/24"]) {
            const other = parseIpv4Network(text);
            expect(own !== undefined && other !== undefined && overlap(own, other)).toBe(false);
          }
        },
      ),
    );
  });

  test("goes on to other ranges where a company's VPN has the whole of 10/8, and says when nothing is left", () => {
    const { network } = planVpn(wish({ inUse: ["10.0.0.0/8"] }));
    expect(isIn(network.split("/")[0] ?? "", ["172.16.0.0/12"])).toBe(true);
    const third = planVpn(wish({ inUse: ["10.0.0.0/8", "172.16.0.0/12"] }));
    expect(third.network).toStartWith("192.168.");
    const all = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
    expect(() => planVpn(wish({ inUse: all }))).toThrow("every private network is in use here");
  });

  test("a way to the internet in two halves, as VPNs set it, is no network in use", () => {
    expect(planVpn(wish({ inUse: ["0.0.0.0/1", "128.0.0.0/1", "0.0.0.0/0"] }))).toEqual(planVpn(wish()));
  });

  test.each(["", "0BADCAFE", "0badcafe0", "../../etc"])("refuses %p as id", (id) => {
    expect(() => planVpn(wish({ id }))).toThrow(VpnPlanError);
  });

  test("gives out each address once", () => {
    const plan = planVpn(wish());
    const given: string[] = [];
    for (const _ of plan.addresses) given.push(freeAddress(plan, given));
    expect(new Set(given).size).toBe(253);
    expect(() => freeAddress(plan, given)).toThrow("all 253 are given out");
  });
});

describe("What the virtual machines may not reach", () => {
  const own = ["192.168.7.2/24", "203.0.113.77/28", "0.0.0.0/1"];

  test("is every private network and the machine's own ones, public ones as well", () => {
    const networks = protectedNetworks(planVpn(wish()), own);
    for (const address of ["10.1.2.3", "192.168.7.1", "172.31.0.1", "100.64.0.1", "203.0.113.65"])
      expect(isIn(address, networks)).toBe(true);
    for (const address of ["1.1.1.1", "203.0.113.1", "93.184.216.34"])
      expect(isIn(address, networks)).toBe(false);
  });

  test("is with the LAN allowed still this machine, its link and what is for many", () => {
    const networks = protectedNetworks(planVpn(wish({ allowLan: true })), own);
    for (const address of ["127.0.0.1", "169.254.169.254", "224.0.0.251", "255.255.255.255", "0.0.0.0"])
      expect(isIn(address, networks)).toBe(true);
    expect(isIn("192.168.7.1", networks)).toBe(false);
  });

  test("is told without networks that lie in each other, which nftables would refuse", () => {
    fc.assert(
      fc.property(fc.array(anyNetwork, { maxLength: 40 }), anyAddress, (texts, address) => {
        const networks = texts.flatMap((text) => parseIpv4Network(text) ?? []);
        const kept = withoutCovered(networks);
        for (const [index, one] of kept.entries())
          for (const other of kept.slice(index + 1)) expect(overlap(one, other)).toBe(false);
        const asked = parseIpv4Network(address);
        const within = (list: typeof kept) => asked !== undefined && list.some((one) => overlap(one, asked));
        expect(within(kept)).toBe(within(networks));
      }),
    );
  });

  test.each(["", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/8/8", "::1/64", "1.2.3.4/-1"])(
    "%p is no IPv4 network",
    (text) => {
      expect(parseIpv4Network(text)).toBeUndefined();
    },
  );
});

describe("Forwarding", () => {
  const kernel = (values: Record<string, string>) => (name: string) =>
    values[name.replace(/^net\/ipv4\/conf\/(.+)\/forwarding$/, "$1")] ?? "";

  test("is opened where it is closed, and nowhere on a machine that forwards as a whole", () => {
    const changes = forwardingChanges(["eth0", "wlan0", "gone"], kernel({ all: "0", eth0: "0", wlan0: "1" }));
    expect(changes).toEqual([{ name: "net/ipv4/conf/eth0/forwarding", before: "0", after: "1" }]);
    expect(openedInterfaces(changes)).toEqual(["eth0"]);
    expect(forwardingChanges(["eth0"], kernel({ all: "1", eth0: "0" }))).toEqual([]);
  });

  test("is put back where it is still as it was left", () => {
    const changes = forwardingChanges(["eth0", "usb0"], kernel({ all: "0", eth0: "0", usb0: "0" }));
    expect(openedInterfaces(changesToUndo(changes, kernel({ all: "0", eth0: "1" })))).toEqual(["eth0"]);
    // Somebody else has made this machine a router meanwhile: that is theirs to end.
    expect(changesToUndo(changes, kernel({ all: "1", eth0: "1", usb0: "1" }))).toEqual([]);
  });
});
