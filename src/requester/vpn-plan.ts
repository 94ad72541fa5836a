import { GUEST_LINK } from "../vm/guest-link.ts";
import {
  type Ipv4Network,
  ipv4Text,
  networkText,
  overlap,
  parseIpv4Network,
  withoutCovered,
} from "./ipv4-network.ts";

/** Interfaces of all requesters on a machine begin so: what is between two of them is told by it. */
export const VPN_INTERFACE_PREFIX = "omq";
/** Tables of all requesters begin so. */
export const VPN_TABLE_PREFIX = "omerta_vpn_";
/** Where our DNS forwarder listens, beside whatever has port 53; the VM asks 53 and is led there. */
export const VPN_DNS_PORT = 1053;

/** The VPN of one requester, for all its leases at once: one interface, a peer for each virtual machine. */
export interface VpnPlan {
  /** 8 hexadecimal digits: by it two requesters on one machine have nothing in common. */
  id: string;
  interface: string;
  table: string;
  /** "10.66.7.0/24" */
  network: string;
  prefixLength: number;
  /** Our own address in it. DNS is answered there as well. */
  gateway: string;
  dns: string;
  /** What the virtual machines may have, in order. */
  addresses: readonly string[];
  /** Bytes, as at the other end. */
  mtu: number;
  /** The virtual machines may reach private networks and those that this machine is on. */
  allowLan: boolean;
}

/** No VPN can be served as asked. */
export class VpnPlanError extends Error {
  override readonly name = "VpnPlanError";
}

const PREFIX_LENGTH = 24;
/** Where networks are looked for, in this order (RFC 1918): away from the ends, where homes, offices and containers live. */
const POOLS: readonly { first: string; networks: number }[] = [
  { first: "10.64.0.0", networks: 128 * 256 },
  { first: "172.24.0.0", networks: 8 * 256 },
  { first: "192.168.128.0", networks: 127 },
];
/** A route this wide is a way to the internet in pieces, as VPNs set them (0.0.0.0/1), not a network that we are on. */
const WIDEST_NETWORK = 7;

/** Never the VM's business, whoever allows what: this machine, its link (cloud machines tell secrets at 169.254.169.254), many at once (RFC 6890). */
const NEVER = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"];
/** Networks that are somebody's own (RFC 6890). */
const PRIVATE = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
];

const parsed = (networks: readonly string[]): Ipv4Network[] =>
  networks.flatMap((text) => parseIpv4Network(text) ?? []);

export interface VpnWish {
  /** 8 hexadecimal digits. */
  id: string;
  /** Networks that the machine has routes to or addresses in, as "10.1.0.0/16"; others than of IPv4 are passed over. */
  inUse: readonly string[];
  allowLan: boolean;
}

/**
 * Chooses names and addresses. The same id comes to the same network as long as it is free.
 * @throws {VpnPlanError} when there is no free network
 */
export function planVpn({ id, inUse, allowLan }: VpnWish): VpnPlan {
  if (!/^[0-9a-f]{8}$/.test(id)) throw new VpnPlanError(`id: 8 hexadecimal digits, not ${id}`);
  const link = `${GUEST_LINK.guestAddress}/${GUEST_LINK.prefixLength}`;
  const taken = [
    ...parsed(inUse).filter(({ prefixLength }) => prefixLength > WIDEST_NETWORK),
    ...parsed([link]),
  ];
  const network = freeNetwork(Number.parseInt(id, 16), taken);
  if (network === undefined) throw new VpnPlanError("addresses: every private network is in use here");
  const gateway = ipv4Text(network.first + 1);
  return {
    id,
    interface: `${VPN_INTERFACE_PREFIX}${id}`,
    table: `${VPN_TABLE_PREFIX}${id}`,
    network: networkText(network),
    prefixLength: PREFIX_LENGTH,
    gateway,
    dns: gateway,
    addresses: Array.from({ length: 253 }, (_, index) => ipv4Text(network.first + 2 + index)),
    mtu: GUEST_LINK.mtu,
    allowLan,
  };
}

function freeNetwork(start: number, taken: readonly Ipv4Network[]): Ipv4Network | undefined {
  for (const pool of POOLS) {
    const base = parseIpv4Network(pool.first)?.first ?? 0;
    for (let step = 0; step < pool.networks; step += 1) {
      const number = (start + step) % pool.networks;
      const network = { first: base + number * 256, prefixLength: PREFIX_LENGTH };
      if (!taken.some((other) => overlap(other, network))) return network;
    }
  }
  return undefined;
}

/** The first address that no lease has. @throws {VpnPlanError} when all are given out */
export function freeAddress(plan: VpnPlan, given: readonly string[]): string {
  const free = plan.addresses.find((address) => !given.includes(address));
  if (free === undefined) throw new VpnPlanError(`addresses: all ${plan.addresses.length} are given out`);
  return free;
}

/**
 * Where the virtual machines may not go.
 * @param own networks and addresses of this machine, as in {@link VpnWish}
 */
export function protectedNetworks(plan: VpnPlan, own: readonly string[]): string[] {
  const near = parsed(own).filter(({ prefixLength }) => prefixLength > WIDEST_NETWORK);
  const lan = plan.allowLan ? [] : [...parsed(PRIVATE), ...near];
  return withoutCovered([...parsed(NEVER), ...lan]).map(networkText);
}

/** A kernel parameter that was changed, with what it was. */
export interface ChangedSysctl {
  /** "net/ipv4/conf/eth0/forwarding" */
  name: string;
  before: string;
  after: string;
}

export const FORWARDING_EVERYWHERE = "net/ipv4/conf/all/forwarding";
const forwardingOf = (name: string): string => `net/ipv4/conf/${name}/forwarding`;

/**
 * What has to be changed so that answers which come in by `uplinks` are forwarded: their own switch, not that of the whole
 * machine, which would make it a router for everybody (Documentation/networking/ip-sysctl.rst).
 * @param read "" where there is no such parameter
 */
export function forwardingChanges(
  uplinks: readonly string[],
  read: (name: string) => string,
): ChangedSysctl[] {
  if (read(FORWARDING_EVERYWHERE) === "1") return [];
  return uplinks
    .map(forwardingOf)
    .filter((name) => read(name) === "0")
    .map((name) => ({ name, before: "0", after: "1" }));
}

/**
 * Those of our changes that are still as we left them, and ours to put back: who has made the whole machine a router meanwhile
 * has opened these for himself as well.
 */
export function changesToUndo(
  changed: readonly ChangedSysctl[],
  read: (name: string) => string,
): ChangedSysctl[] {
  if (read(FORWARDING_EVERYWHERE) === "1") return [];
  return changed.filter(({ name, after }) => read(name) === after);
}

/** The interfaces whose forwarding was changed. */
export const openedInterfaces = (changed: readonly ChangedSysctl[]): string[] =>
  changed.flatMap(({ name }) => /^net\/ipv4\/conf\/(.+)\/forwarding$/.exec(name)?.[1] ?? []);
