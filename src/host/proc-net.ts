import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

/** Sets a kernel parameter of this network namespace: `net.ipv4.ip_forward` (sysctl(8)). */
export function setSysctl(name: string, value: string | number): void {
  writeFileSync(sysctlPath(name), String(value));
}

/** Interface names may hold dots, so a parameter is written with slashes where it has one. */
function sysctlPath(name: string): string {
  return `/proc/sys/${name.includes("/") ? name : name.replaceAll(".", "/")}`;
}

/** A kernel parameter of this network namespace; "" where there is none. */
export function sysctl(name: string): string {
  return readOr(sysctlPath(name));
}

/** The MAC address of an interface; "" where there is none. */
export function interfaceMac(name: string): string {
  return readOr(`/sys/class/net/${name}/address`);
}

export function interfaceExists(name: string): boolean {
  return existsSync(`/sys/class/net/${name}`);
}

/** The ports of a bridge that are there now. */
export function bridgePorts(bridge: string): string[] {
  const folder = `/sys/class/net/${bridge}/brif`;
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Whether a port of a bridge may not send to other isolated ports. */
export function isIsolatedPort(port: string): boolean {
  return readOr(`/sys/class/net/${port}/brport/isolated`) === "1";
}

/** Whether it is up and its wire or air is there. */
export function hasCarrier(name: string): boolean {
  return readOr(`/sys/class/net/${name}/carrier`) === "1";
}

/** Whether a default route leads through an interface that has a carrier (/proc/net/route, proc(5)). */
export function hasWayOut(name: string): boolean {
  if (!hasCarrier(name)) return false;
  const ipv4 = readOr("/proc/net/route")
    .split("\n")
    .some((line) => {
      const [device, destination, , , , , , mask] = line.split("\t");
      return device === name && destination === "00000000" && mask === "00000000";
    });
  const ipv6 = readOr("/proc/net/ipv6_route")
    .split("\n")
    .some((line) => line.startsWith(`${"0".repeat(32)} 00 `) && line.trim().endsWith(` ${name}`));
  return ipv4 || ipv6;
}

/** The IPv4 networks on this box's interfaces except one, as `address/prefix` (from the kernel's routing table). */
export function ipv4NetworksInUse(except: string): string[] {
  return readOr("/proc/net/route")
    .split("\n")
    .slice(1)
    .flatMap((line) => {
      const [device = "", destination = "", , , , , , mask = ""] = line.split("\t");
      if (device === "" || device === except || mask === "00000000") return [];
      return [`${hexIpv4(destination)}/${bits(mask)}`];
    });
}

/** The kernel writes addresses in host byte order: little-endian on every board that we run on. */
function hexIpv4(hex: string): string {
  return (hex.match(/../g) ?? [])
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join(".");
}

function bits(mask: string): number {
  return Number.parseInt(mask, 16).toString(2).replaceAll("0", "").length;
}

function readOr(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
