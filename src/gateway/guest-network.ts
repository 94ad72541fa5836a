import type { Config } from "../config/index.ts";

/** The address that every name has before consent: public but unroutable (RFC 5737, TEST-NET-2). Android takes a private answer for "no internet" instead of a portal. */
export const SPOOFED_IPV4 = "198.51.100.1";
/**
 * The same for IPv6, of the discard-only prefix (RFC 6666). Both have to be of one IP address space of Local Network Access: Chromium counts
 * documentation's IPv6 (RFC 3849) as local and TEST-NET-2 as public, and a page without https that came by the one may then ask
 * nothing by the other. Unique local addresses are no more use than IPv4's private ones.
 */
export const SPOOFED_IPV6 = "100::1";

/** Ports on the guest side of the box. Guests see 53 and 80 alone; these are where nftables leads them. */
export const PORTS = { captiveDns: 53, communityDns: 5300, portalHttp: 8080, portalHttps: 8443 } as const;

/** The guest network as it is to be: addresses, pool and limits, all derived. */
export interface GuestNetwork {
  bridge: string;
  /** The portal's name for guests. */
  name: string;
  ipv4: { network: string; prefix: number; address: string; first: string; last: string; poolSize: number };
  /** A unique local network (RFC 4193), always /64. */
  ipv6: { network: string; prefix: 64; address: string };
  leaseSeconds: number;
  /** New stations an hour that may get an address: within one lease time never more than the pool holds. */
  newcomersPerHour: number;
  newcomersBurst: number;
}

/** A network as `address/prefix` that is in use elsewhere on this box. */
export type TakenNetwork = string;

const AUTO_PREFIX = 20;
/** 10.16.0.0 to 10.247.255.255: away from both ends of 10/8, where homes, offices and containers live. */
const AUTO_FIRST_OCTET2 = 16;
const AUTO_NETWORKS = 232 * 16;
/** The addresses at the start of the network that are not leased: the box, and room for fixed things. */
const RESERVED = 16;

/**
 * Plans the guest network. With `subnet = "auto"` it comes from the device key, so that two boxes that meet rarely
 * collide and one box is always the same; a network in use on another interface is stepped over.
 * @param keyHash SHA-256 of the device key, 32 bytes
 */
export function planGuestNetwork(
  config: Config["gateway"],
  keyHash: Uint8Array,
  taken: readonly TakenNetwork[] = [],
): GuestNetwork {
  const { network, prefix } =
    config.subnet === "auto" ? autoNetwork(keyHash, taken.map(parseNetwork)) : parseNetwork(config.subnet);
  const size = 2 ** (32 - prefix);
  const poolSize = size - RESERVED - 1;
  const leaseSeconds = config.lease_minutes * 60;
  const burst = Math.min(config.limits.newcomers_per_second * 60, Math.floor(poolSize / 2));
  const fitting = Math.floor(((poolSize - burst) * 3600) / leaseSeconds);
  const v6 = uniqueLocalNetwork(keyHash);
  return {
    bridge: config.bridge,
    name: config.name,
    ipv4: {
      network: ipv4Text(network),
      prefix,
      address: ipv4Text(network + 1),
      first: ipv4Text(network + RESERVED),
      last: ipv4Text(network + size - 2),
      poolSize,
    },
    ipv6: { network: `${v6}::`, prefix: 64, address: `${v6}::1` },
    leaseSeconds,
    // The smallest pool with the longest lease takes one an hour.
    newcomersPerHour: Math.min(config.limits.newcomers_per_second * 3600, fitting),
    newcomersBurst: Math.max(1, burst),
  };
}

interface Ipv4Network {
  network: number;
  prefix: number;
}

function autoNetwork(keyHash: Uint8Array, taken: readonly Ipv4Network[]): Ipv4Network {
  const start = new DataView(keyHash.buffer, keyHash.byteOffset).getUint32(0) % AUTO_NETWORKS;
  for (let step = 0; step < AUTO_NETWORKS; step += 1) {
    const index = (start + step) % AUTO_NETWORKS;
    const network = ((10 << 24) | (AUTO_FIRST_OCTET2 << 16)) + index * 2 ** (32 - AUTO_PREFIX);
    const candidate = { network, prefix: AUTO_PREFIX };
    if (!taken.some((other) => overlap(candidate, other))) return candidate;
  }
  throw new Error("gateway.subnet: every network that could be chosen is in use; name one");
}

function overlap(a: Ipv4Network, b: Ipv4Network): boolean {
  const size = 2 ** (32 - Math.min(a.prefix, b.prefix));
  return Math.floor(a.network / size) === Math.floor(b.network / size);
}

function parseNetwork(text: string): Ipv4Network {
  const [address = "", prefix = "32"] = text.split("/");
  return { network: ipv4Number(address), prefix: Number(prefix) };
}

function ipv4Number(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function ipv4Text(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join(".");
}

/**
 * fd00::/8, 40 bits of global id from the key, subnet 1 (RFC 4193 section 3.2), without leading zeros: as the kernel's
 * tools write it (RFC 5952 section 4.1), so that what they print can be compared with it.
 */
function uniqueLocalNetwork(keyHash: Uint8Array): string {
  const id = new DataView(keyHash.buffer, keyHash.byteOffset + 8, 5);
  const groups = [0xfd00 | id.getUint8(0), id.getUint16(1), id.getUint16(3), 1];
  return groups.map((group) => group.toString(16)).join(":");
}
