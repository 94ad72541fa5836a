import { isIPv4, isIPv6 } from "node:net";
import type { Multiaddr } from "@multiformats/multiaddr";

/**
 * Why a multiaddr must not be dialled, whoever named it: an address that means this machine itself, nobody, or many.
 * Names are turned into addresses before; a member could point one anywhere.
 * @param loopbackToo whether loopback addresses are fine, for a node that listens on nothing else
 * @returns undefined when it may be dialled
 */
export function forbiddenAddress(address: Multiaddr, loopbackToo: boolean): string | undefined {
  for (const { name, value } of address.getComponents()) {
    if (name === "dns" || name === "dns4" || name === "dns6" || name === "dnsaddr") return "a name";
    if (name !== "ip4" && name !== "ip6") continue;
    const why = forbiddenIp(value ?? "");
    if (why === "loopback" && loopbackToo) continue;
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Whether a host that is listened on is reached from this machine alone. */
export function isLoopbackHost(host: string): boolean {
  return forbiddenIp(host) === "loopback";
}

/**
 * Why nothing must be sent to an address that another has named.
 * @see RFC 6890, RFC 4291 section 2.4
 */
export function forbiddenIp(ip: string): "loopback" | "unspecified" | "multicast" | "malformed" | undefined {
  if (isIPv4(ip)) {
    const first = Number(ip.split(".")[0]);
    if (first === 127) return "loopback";
    if (first === 0) return "unspecified";
    // 224.0.0.0/4, and 240.0.0.0/4 with the broadcast address, which is no host's.
    return first >= 224 ? "multicast" : undefined;
  }
  if (!isIPv6(ip)) return "malformed";
  const groups = ipv6Groups(ip);
  const [g0 = 0, , , , , g5 = 0, g6 = 0, g7 = 0] = groups;
  if (g0 >= 0xff00) return "multicast";
  if (groups.slice(0, 5).some((group) => group !== 0)) return undefined;
  if (g5 === 0 && g6 === 0) return g7 === 1 ? "loopback" : g7 === 0 ? "unspecified" : undefined;
  // IPv4 in IPv6, ::ffff:0:0/96 (RFC 4291 section 2.5.5.2): the kernel connects to the IPv4 address.
  if (g5 === 0xffff) return forbiddenIp([g6 >> 8, g6 & 255, g7 >> 8, g7 & 255].join("."));
  return undefined;
}

function ipv6Groups(ip: string): number[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(ip);
  const text =
    dotted === null
      ? ip
      : `${dotted[1]}${(Number(dotted[2]) * 256 + Number(dotted[3])).toString(16)}:${(Number(dotted[4]) * 256 + Number(dotted[5])).toString(16)}`;
  const [head = "", tail] = text.split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((g) => Number.parseInt(g, 16));
  const before = groups(head);
  if (tail === undefined) return before;
  const after = groups(tail);
  return [...before, ...Array.from({ length: 8 - before.length - after.length }, () => 0), ...after];
}
