/**
 * The link between a virtual machine and its namespace on the host: the same for all, so that a machine can be started
 * ahead of its request and given to anyone. What differs between two leases is on the tunnel's side.
 */
export const GUEST_LINK = {
  guestMacAddress: "52:54:00:0a:00:0f",
  guestAddress: "10.0.2.15",
  gatewayMacAddress: "02:00:00:00:02:02",
  gatewayAddress: "10.0.2.2",
  prefixLength: 24,
  /** What fits into WireGuard over IPv6 over Ethernet: 1500 - 40 - 8 - 32 (wireguard.com/papers/wireguard.pdf, 5.4.6). */
  mtu: 1420,
} as const;

/** Every namespace, interface, domain and cgroup of a lease begins with its prefix, so that what is left can be found. */
export const NAME_PREFIXES = { namespace: "omvm-", tap: "omt", tunnel: "omw", domain: "omvm-" } as const;

export interface LeaseNames {
  namespace: string;
  /** At most 15 characters (IFNAMSIZ in linux/if.h). */
  tap: string;
  tunnel: string;
  domain: string;
}

/** @param lease its id: at least 10 hexadecimal digits */
export function leaseNames(lease: string): LeaseNames {
  if (!/^[0-9a-f]{10,64}$/.test(lease))
    throw new RangeError(`a lease's id is hexadecimal digits, not ${lease}`);
  const short = lease.slice(0, 10);
  return {
    namespace: `${NAME_PREFIXES.namespace}${short}`,
    tap: `${NAME_PREFIXES.tap}${short}`,
    tunnel: `${NAME_PREFIXES.tunnel}${short}`,
    domain: `${NAME_PREFIXES.domain}${short}`,
  };
}
