import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseConfig } from "../../../../src/config/index.ts";
import {
  familyOf,
  foundUplinks,
  knownUplink,
  linkState,
  namedUplinks,
  resolversOf,
} from "../../../../src/gateway/uplink/known-uplinks.ts";
import { linkNotes } from "../../../../src/gateway/uplink/link-resolvers.ts";
import { uplinkKind } from "../../../../src/gateway/uplink/uplink-device.ts";
import type { HostInterface } from "../../../../src/host/interfaces.ts";

const folder = mkdtempSync(join(tmpdir(), "uplinks-"));
afterAll(() => rmSync(folder, { recursive: true }));

const put = (path: string, text: string) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};

const host = (name: string, more: Partial<HostInterface> = {}): HostInterface => ({
  ...{
    name,
    index: 1,
    kind: "ethernet",
    up: true,
    carrier: true,
    addresses: ["192.0.2.7/24"],
    hasWayOut: true,
  },
  ...more,
});

describe("what an interface could be", () => {
  /** As sysfs has a USB interface: its device's folder is one above. */
  const usb = (name: string, driver: string, mac: string, vendor: string) => {
    const device = `devices/usb1/${name}-dev/1-1:1.0`;
    put(`devices/usb1/${name}-dev/idVendor`, `${vendor}\n`);
    put(`${device}/net-here`, "");
    put(`drivers/${driver}/bind`, "");
    symlinkSync(join(folder, "drivers", driver), join(folder, device, "driver"));
    put(`net/${name}/address`, `${mac}\n`);
    put(`net/${name}/type`, "1\n");
    symlinkSync(join(folder, device), join(folder, "net", name, "device"));
  };
  usb("enx1", "rndis_host", "a6:11:22:33:44:55", "18d1");
  usb("usb0", "ipheth", "3e:11:22:33:44:55", "05ac");
  usb("enx2", "cdc_ncm", "02:11:22:33:44:55", "04e8");
  usb("enx3", "cdc_ether", "0c:5b:8f:27:9a:64", "12d1");
  usb("enx4", "cdc_ether", "00:e0:4c:68:00:01", "0bda");
  usb("eth1", "r8152", "00:e0:4c:68:00:02", "0bda");
  usb("mbim0", "cdc_mbim", "00:11:22:33:44:55", "2c7c");
  put("net/wwan0/uevent", "DEVTYPE=wwan\nINTERFACE=wwan0\n");
  put("net/ppp0/type", "512\n");
  put("net/wlan0/uevent", "DEVTYPE=wlan\n");
  put("net/br0/type", "1\n");
  put("devices/gadget/usb0/x", "");
  mkdirSync(join(folder, "net/gadget0"), { recursive: true });
  symlinkSync(join(folder, "devices/gadget/usb0"), join(folder, "net/gadget0/device"));
  const kind = (name: string) => uplinkKind(name, join(folder, "net"));

  test("is told by its driver: a phone's tethering, a modem, an adapter", () => {
    expect(["enx1", "usb0", "enx2"].map(kind)).toEqual(["tethering", "tethering", "tethering"]);
    expect(["wwan0", "ppp0", "mbim0", "enx3"].map(kind)).toEqual(["modem", "modem", "modem", "modem"]);
    expect(["eth1", "enx4"].map(kind)).toEqual(["ethernet", "ethernet"]);
    expect(kind("wlan0")).toBe("wifi");
  });

  test("is nothing for a bridge, the board's own gadget, and what is not there or no name", () => {
    expect(["br0", "gadget0", "none", "../net/wwan0", "."].map(kind)).toEqual(Array(5).fill(undefined));
  });
});

describe("the ways to the internet", () => {
  const config = parseConfig(`
    [gateway]
    interfaces = ["eth2"]
    [gateway.uplink]
    interface = "eth0"
    [mesh]
    metered = ["eth5"]
    [mesh.traffic]
    uplinks = [{ interface = "eth0", weight = 30 }, { interface = "eth1", weight = 20 }]
    [uplinks]
    links = [{ interface = "wwan0", priority = 5, metered = false }, { interface = "eth6", metered = true }]
  `);

  test("are those that are named, and those found with a default route that are nobody's port", () => {
    expect(namedUplinks(config)).toEqual(["eth0", "eth1", "wwan0", "eth6"]);
    const all = [
      host("enx1"),
      host("eth2"),
      host("eth3", { master: "br0" }),
      host("eth4", { hasWayOut: false }),
      host("br-guest"),
      host("tun0"),
    ];
    const kindOf = (name: string) => (name === "tun0" ? undefined : "ethernet");
    expect(foundUplinks(all, config, kindOf)).toEqual(["enx1"]);
    expect(foundUplinks(all, parseConfig("uplinks.find = false"), kindOf)).toEqual([]);
  });

  test("have the priority and weight that are configured, or that of their kind", () => {
    expect(knownUplink("eth0", config, "ethernet")).toMatchObject({
      priority: 10,
      weight: 30,
      metered: false,
    });
    expect(knownUplink("wwan0", config, "modem")).toMatchObject({ priority: 5, weight: 10, metered: false });
    const kinds = ["ethernet", "wifi", "tethering", "modem"] as const;
    const found = kinds.map((kind) => knownUplink("x", config, kind));
    expect(found.map(({ priority }) => priority)).toEqual([20, 30, 40, 50]);
    expect(found.map(({ metered }) => metered)).toEqual([false, false, true, true]);
    expect(["eth5", "eth6"].map((name) => knownUplink(name, config, "ethernet").metered)).toEqual([
      true,
      true,
    ]);
  });

  test("lack a wire, an address or a route, or nothing", () => {
    expect(linkState(undefined)).toBe("absent");
    expect(linkState(host("a", { carrier: false }))).toBe("unplugged");
    expect(linkState(host("a", { addresses: ["fe80::1/64", "169.254.1.2/16"] }))).toBe("no-address");
    expect(linkState(host("a", { hasWayOut: false }))).toBe("no-route");
    expect(linkState(host("a"))).toBe("up");
  });

  test("are asked by the family that their routers have, and IPv4 first", () => {
    expect(familyOf(host("a", { addresses: ["2001:db8::7/64"] }))).toBe(6);
    const addresses = ["192.0.2.7/24", "2001:db8::7/64"];
    expect(familyOf(host("a", { addresses }))).toBe(4);
    expect(familyOf(host("a", { addresses, routers: ["192.0.2.1", "fe80::1"] }))).toBe(4);
    expect(familyOf(host("a", { addresses, routers: ["fe80::1"] }))).toBe(6);
    expect(familyOf(host("a", { addresses: ["192.0.2.7/24", "fe80::7/64"], routers: ["fe80::1"] }))).toBe(4);
  });

  test("have name servers of their own where somebody has noted them, and the system's that can be theirs else", () => {
    put(
      "run/systemd/netif/links/3",
      "ADMIN_STATE=configured\nDNS=192.0.2.1 2001:db8::1\nCAPTIVE_PORTAL=https://a.example/x\n",
    );
    put("run/systemd/netif/links/5", "CAPTIVE_PORTAL=javascript:alert(1)\n");
    put("etc/resolv.conf", "# x\nnameserver 127.0.0.53\n");
    put("run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\nnameserver 198.51.100.1\nnameserver x\n");
    expect(linkNotes(3, folder)).toEqual({
      ...{ resolvers: ["192.0.2.1", "2001:db8::1"], isOwn: true, portalUrl: "https://a.example/x" },
    });
    const { resolvers, isOwn, portalUrl } = linkNotes(5, folder);
    expect([isOwn, portalUrl]).toEqual([false, undefined]);
    const both = [host("eth0"), host("eth1", { addresses: ["198.51.100.9/25"] })];
    expect(resolversOf(resolvers, "eth0", both)).toEqual(["192.0.2.1"]);
    expect(resolversOf(resolvers, "eth1", both)).toEqual(["198.51.100.1"]);
  });
});
