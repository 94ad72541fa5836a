/**
 * What a virtual machine may try that it is not to do, as the kernel tells it apart:
 * - `mac`: not from its own MAC address, or not to the gateway's;
 * - `arp`: other ARP than for the gateway's address and its own;
 * - `ipv6`: there is none on its link;
 * - `ethertype`: neither IPv4 nor ARP (VLAN tags, STP, LLDP);
 * - `malformed`: no whole IPv4 header, or one with options (source routes);
 * - `source`: from an address that is not its own;
 * - `destination`: to the box, its networks, or what is nobody's (multicast, link-local, loopback);
 * - `box`: to the namespace's own address, past the filter on the link;
 * - `forward`: another way than by the tunnel;
 * - `flood`: more connections than it may open.
 */
export const OFFENCES = [
  "mac",
  "arp",
  "ipv6",
  "ethertype",
  "malformed",
  "source",
  "destination",
  "box",
  "forward",
  "flood",
] as const;

export type Offence = (typeof OFFENCES)[number];

/** In the kernel's sets an offence is a mark: 1 for the first. */
export const markOf = (offence: Offence): number => OFFENCES.indexOf(offence) + 1;

/** @returns undefined for a mark that is none of an offence */
export const offenceOf = (mark: number): Offence | undefined => OFFENCES[mark - 1];

export const isOffence = (text: string): text is Offence => OFFENCES.some((offence) => offence === text);
