/** One of this box's network interfaces, as far as the mesh uses it. */
export interface LocalInterface {
  name: string;
  index: number;
  /** "radio": 802.11s, batman-adv or a station; "ethernet": wires, and lines that lead to the internet; "tunnel": other virtual ones, which the mesh does not use. */
  kind: "ethernet" | "radio" | "loopback" | "tunnel";
  up: boolean;
  metered: boolean;
  /** Own addresses with prefix length, link-local ones included, without zone: "10.1.2.3/24", "fe80::1/64". */
  addresses: readonly string[];
  /** It leads a default route. */
  hasWayOut: boolean;
  /** A line with one other end, which is a provider's and no box (PPP, a cellular modem). */
  isLine?: boolean;
  /** Those of the addresses whose network the kernel reaches by another interface. Absent: none. */
  shadowed?: readonly string[];
}

/** What a box on the same link has said of itself, decrypted with the network's shared key: whoever says so may lie. */
export interface LocalSighting {
  peer: string;
  /** Multiaddrs to dial, the link-local one first, with its zone. */
  addresses: readonly string[];
  /** UDP port of its datagrams. */
  udpPort: number;
  interface: string;
}
