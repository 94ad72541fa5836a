import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const SYSTEMD = join(import.meta.dir, "../../../../rootfs-overlay/usr/lib/systemd");
const NETWORKS = readdirSync(join(SYSTEMD, "network"));

/** "Section.Key" to its value (systemd.syntax(7)); each key once. */
function settings(path: string): Map<string, string> {
  const found = new Map<string, string>();
  let section = "";
  for (const line of readFileSync(join(SYSTEMD, path), "utf8").split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const title = /^\[(\w+)\]$/.exec(line)?.[1];
    if (title !== undefined) {
      section = title;
      continue;
    }
    const [, key, value] = /^(\w+)=(\S.*)$/.exec(line) ?? [];
    if (section === "" || key === undefined || value === undefined) throw new Error(`${path}: ${line}`);
    const name = `${section}.${key}`;
    if (found.has(name)) throw new Error(`${path}: ${name} twice`);
    found.set(name, value);
  }
  return found;
}

describe("systemd-networkd on a box", () => {
  test("leaves the box's rules, routes and next hops alone", () => {
    expect(Object.fromEntries(settings("networkd.conf.d/60-omerta-box.conf"))).toEqual({
      "Network.ManageForeignRoutingPolicyRules": "no",
      "Network.ManageForeignRoutes": "no",
      "Network.ManageForeignNextHops": "no",
    });
  });

  test("gets addresses for every way to the internet, by DHCP and from routers although the box forwards, and takes no port away", () => {
    expect(NETWORKS).toHaveLength(2);
    for (const file of NETWORKS) {
      const all = settings(`network/${file}`);
      expect(all.get("Network.DHCP")).toBe("yes");
      expect(all.get("Network.IPv6AcceptRA")).toBe("yes");
      expect(all.get("Network.KeepMaster")).toBe("yes");
      for (const client of ["DHCPv4", "DHCPv6"]) expect(all.get(`${client}.SendHostname`)).toBe("no");
    }
  });

  test("takes what is a device, and of radios the box's own stations alone", () => {
    const wired = settings("network/89-omerta-uplink.network");
    expect(wired.get("Match.Type")).toBe("ether wwan");
    expect(wired.get("Match.Kind")).toBe("!*");
    const wireless = settings("network/89-omerta-uplink-wifi.network");
    expect(wireless.get("Match.Type")).toBe("wlan");
    const glob = new Bun.Glob(wireless.get("Match.Name") ?? "");
    expect(
      ["up0", "up12", "wlan0", "ap0", "owe0", "mesh0", "upstream"].filter((name) => glob.match(name)),
    ).toEqual(["up0", "up12"]);
  });

  test("lets files of others go first", () => {
    for (const file of NETWORKS) expect(file).toStartWith("89-");
  });
});
