import { existsSync, readFileSync } from "node:fs";
import { BlockList } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

/** Addresses that nobody in the internet reaches: RFC 1918, 3927 and 4193. */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ["10.0.0.0", 8],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
  ["169.254.0.0", 16],
] as const)
  PRIVATE.addSubnet(network, prefix, "ipv4");
PRIVATE.addSubnet("fc00::", 7, "ipv6");

/** The part of {@link NetworkInterfaceInfo} that is looked at. */
export type AddressOf = Pick<NetworkInterfaceInfo, "address" | "family">;

/**
 * `address:port` for every private address of a wire: an interface of a device that is no radio and no modem. Bridges,
 * tunnels and the ends of virtual machines have no device; a port of the guest network has no address.
 * @param interfaces as node:os tells them
 * @param isWire whether an interface is one, by its name
 */
export function wiredListens(
  interfaces: Readonly<Record<string, readonly AddressOf[] | undefined>>,
  isWire: (name: string) => boolean,
  port: number,
): string[] {
  return Object.entries(interfaces)
    .filter(([name]) => isWire(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter(({ address, family }) => PRIVATE.check(address, family === "IPv4" ? "ipv4" : "ipv6"))
    .map(({ address, family }) => (family === "IPv4" ? `${address}:${port}` : `[${address}]:${port}`));
}

/** Those of this machine now. */
export const wiredListensHere = (port: number): string[] =>
  wiredListens(networkInterfaces(), isWireHere, port);

function isWireHere(name: string): boolean {
  const folder = `/sys/class/net/${name.replace(/[/\0]/g, "")}`;
  if (!existsSync(`${folder}/device`)) return false;
  if (existsSync(`${folder}/wireless`) || existsSync(`${folder}/phy80211`)) return false;
  try {
    return !readFileSync(`${folder}/uevent`, "utf8").includes("DEVTYPE=wwan");
  } catch {
    return false;
  }
}
