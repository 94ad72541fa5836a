import { createHash } from "node:crypto";
import type { Offence } from "../../src/vm/egress/index.ts";
import { GUEST_LINK } from "../../src/vm/guest-link.ts";
import { ADDRESSES } from "./vm-egress-lab.ts";
import {
  arpFrame,
  BROADCAST,
  bytesOf,
  etherFrame,
  type Ipv4,
  icmpv6Frame,
  ipv4Frame,
  ipv6Frame,
  pingFrame,
  tcpFrame,
  udpBody,
  udpFrame,
} from "./vm-frames.ts";

/**
 * What becomes of a case's frames, by the box's own counters: an offence, the noise of any system, or
 * - `tunnel`: they pass, and the requester sees them where the tunnel carries;
 * - `held`: they pass the filter of the link, and nobody sees them;
 * - `answered`: by the namespace itself, and nobody else sees them.
 */
export type Fate = Offence | "noise" | "tunnel" | "held" | "answered";

/** One way in which a machine may try to get out; data, so that whoever can send frames can drive it. */
export interface LeakCase {
  name: string;
  fate: Fate;
  /** @param mark a text that is in each frame, to be looked for elsewhere */
  frames(mark: string): Uint8Array[];
}

export const markOf = (name: string, state: string): string =>
  `leak:${createHash("sha256").update(`${name}|${state}`).digest("hex").slice(0, 16)}`;

const { lanHost, box, boxOnLan, beyond, otherMachine } = ADDRESSES;
const { guestMacAddress, guestAddress, gatewayAddress, gatewayMacAddress } = GUEST_LINK;
const LIAR = "52:54:00:de:ad:01";
const OWN_LL = "fe80::5054:ff:fe0a:f";
const group = (last: string): string => `33:33:00:00:00:${last}`;
/** Of IPv4 multicast (RFC 1112 section 6.4). */
const multicast = (address: string): string => {
  const [, second = 0, third = 0, fourth = 0] = address.split(".").map(Number);
  return [
    "01",
    "00",
    "5e",
    ...[second & 0x7f, third, fourth].map((byte) => byte.toString(16).padStart(2, "0")),
  ].join(":");
};

const one = (name: string, fate: Fate, frame: (mark: string) => Uint8Array): LeakCase => ({
  name,
  fate,
  frames: (mark) => [frame(mark)],
});
const udp = (name: string, fate: Fate, dst: string, port: number, more: Partial<Ipv4> = {}): LeakCase =>
  one(name, fate, (mark) => udpFrame(dst, port, mark, more));
const tcp = (
  name: string,
  fate: Fate,
  dst: string,
  port: number,
  more: Omit<Partial<Ipv4>, "from"> = {},
): LeakCase => one(name, fate, (mark) => tcpFrame(dst, port, mark, more));
const ping = (name: string, fate: Fate, dst: string, more: Partial<Ipv4> = {}): LeakCase =>
  one(name, fate, (mark) => pingFrame(dst, mark, more));
const protocol = (name: string, number: number): LeakCase[] => [
  one(`${name} to the internet`, "tunnel", (mark) =>
    ipv4Frame({ dst: beyond, protocol: number }, protocolBody(number, mark)),
  ),
  one(`${name} to the LAN`, "destination", (mark) =>
    ipv4Frame({ dst: lanHost, protocol: number }, protocolBody(number, mark)),
  ),
];
const ether = (name: string, type: number, to?: string): LeakCase =>
  one(name, "ethertype", (mark) => etherFrame(type, bytesOf(mark), to === undefined ? {} : { to }));

/** Enough of each that the kernel, which tracks some of them, takes it for one. */
function protocolBody(number: number, mark: string): number[] {
  const text = bytesOf(mark);
  // GRE with nothing optional around IPv4 (RFC 2784); SCTP's INIT (RFC 9260 section 3.3.2).
  if (number === 47) return [0, 0, 0x08, 0, ...text];
  if (number !== 132) return text;
  const padded = bytesOf(mark.padEnd(Math.ceil(mark.length / 4) * 4, "."));
  const init = [1, 0, 0, 20 + padded.length, 0, 0, 0, 1, 0, 0, 0xff, 0xff, 0, 1, 0, 1, 0, 0, 0, 1, ...padded];
  const packet = [0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, ...init];
  const sum = crc32c(packet);
  packet.splice(8, 4, sum & 0xff, (sum >>> 8) & 0xff, (sum >>> 16) & 0xff, sum >>> 24);
  return packet;
}

/** RFC 9260 appendix A. */
function crc32c(bytes: readonly number[]): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}

const fragments = (dst: string, mark: string): Uint8Array[] => {
  // The first ends at a multiple of eight bytes (RFC 791 section 3.2).
  const whole = udpBody(9, mark.padEnd(64, "."));
  return [
    ipv4Frame({ dst, protocol: 17, fragment: 0x2000 }, whole.slice(0, 40)),
    ipv4Frame(
      { dst, protocol: 17, fragment: 5 },
      [...whole.slice(40), ...bytesOf(mark)].slice(0, whole.length - 40),
    ),
  ];
};

export const LEAK_CASES: readonly LeakCase[] = [
  tcp("TCP to the internet", "tunnel", beyond, 80),
  udp("UDP to the internet", "tunnel", beyond, 4_000),
  ping("ICMP to the internet", "tunnel", beyond),
  tcp("TCP to the LAN", "destination", lanHost, 80),
  udp("UDP to the LAN", "destination", lanHost, 4_000),
  ping("ICMP to the LAN", "destination", lanHost),
  tcp("TCP to the box's uplink address", "destination", box, 80),
  udp("UDP to the box's LAN address", "destination", boxOnLan, 4_000),
  ping("ICMP to the box", "destination", box),
  tcp("TCP to the gateway", "destination", gatewayAddress, 22),
  udp("UDP to the gateway", "destination", gatewayAddress, 4_000),
  ping("ICMP to the gateway", "destination", gatewayAddress),
  tcp("the metadata service", "destination", "169.254.169.254", 80),
  udp("loopback", "destination", "127.0.0.1", 53),
  udp("this network", "destination", "0.0.0.0", 53),

  one("IPv6 to the internet", "ipv6", (mark) =>
    ipv6Frame({ src: "2001:db8::15", dst: "2001:db8:1::80", next: 17 }, udpBody(53, mark)),
  ),
  one("IPv6 ping, link-local", "ipv6", (mark) =>
    icmpv6Frame({ src: OWN_LL, dst: "fe80::1" }, [128, 0, 0, 0, 0, 1, 0, 1], mark),
  ),
  one("IPv6 ping to all nodes", "ipv6", (mark) =>
    icmpv6Frame({ src: OWN_LL, dst: "ff02::1", to: group("01") }, [128, 0, 0, 0, 0, 1, 0, 1], mark),
  ),
  one("IPv6 TCP, link-local", "ipv6", (mark) =>
    ipv6Frame({ src: OWN_LL, dst: "fe80::1", next: 6 }, [
      0x9c,
      0x40,
      0,
      80,
      0,
      0,
      0,
      1,
      0,
      0,
      0,
      0,
      0x50,
      2,
      0xff,
      0xff,
      0,
      0,
      0,
      0,
      ...bytesOf(mark),
    ]),
  ),
  one("router advertisement", "ipv6", (mark) =>
    icmpv6Frame(
      { src: OWN_LL, dst: "ff02::1", to: group("01") },
      [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0],
      mark,
    ),
  ),
  one("neighbour advertisement", "ipv6", (mark) =>
    icmpv6Frame(
      { src: OWN_LL, dst: "ff02::1", to: group("01") },
      [136, 0, 0, 0, 0x20, 0, 0, 0, ...Array(16).fill(0xfe)],
      mark,
    ),
  ),
  one("search for a neighbour", "ipv6", (mark) =>
    icmpv6Frame(
      { src: OWN_LL, dst: "ff02::1:ff00:1", to: "33:33:ff:00:00:01" },
      [135, 0, 0, 0, 0, 0, 0, 0, ...Array(16).fill(0xfe)],
      mark,
    ),
  ),
  one("DHCPv6", "ipv6", (mark) =>
    ipv6Frame({ src: OWN_LL, dst: "ff02::1:2", next: 17, to: "33:33:00:01:00:02" }, udpBody(547, mark, 546)),
  ),
  one("mDNS by IPv6", "ipv6", (mark) =>
    ipv6Frame({ src: OWN_LL, dst: "ff02::fb", next: 17, to: group("fb") }, udpBody(5_353, mark, 5_353)),
  ),
  one("router solicitation", "noise", (mark) =>
    icmpv6Frame({ src: OWN_LL, dst: "ff02::2", to: group("02") }, [133, 0, 0, 0, 0, 0, 0, 0], mark),
  ),
  one("is the own IPv6 address taken", "noise", (mark) =>
    icmpv6Frame(
      { src: "::", dst: "ff02::1:ff0a:f", to: "33:33:ff:0a:00:0f" },
      [135, 0, 0, 0, 0, 0, 0, 0, ...Array(16).fill(0xfe)],
      mark,
    ),
  ),
  one("multicast listener report", "noise", (mark) =>
    icmpv6Frame({ src: OWN_LL, dst: "ff02::16", to: group("16") }, [143, 0, 0, 0, 0, 0, 0, 0], mark),
  ),

  udp("DNS to the box", "destination", gatewayAddress, 53),
  udp("DNS to the LAN", "destination", lanHost, 53),
  udp("DNS to a public resolver", "tunnel", "9.9.9.9", 53),
  tcp("DNS by TLS", "tunnel", "9.9.9.9", 853),
  tcp("DNS by HTTPS", "tunnel", "9.9.9.9", 443),
  udp("mDNS", "destination", "224.0.0.251", 5_353, { to: multicast("224.0.0.251") }),
  udp("LLMNR", "destination", "224.0.0.252", 5_355, { to: multicast("224.0.0.252") }),
  udp("SSDP", "destination", "239.255.255.250", 1_900, { to: multicast("239.255.255.250") }),
  udp("multicast to the gateway's MAC", "destination", "239.1.2.3", 9),
  udp("broadcast", "destination", "255.255.255.255", 9, { to: BROADCAST }),
  udp("broadcast on the link", "destination", "10.0.2.255", 9, { to: BROADCAST }),
  udp("unicast in a broadcast frame", "mac", beyond, 9, { to: BROADCAST }),
  one("DHCP client", "noise", (mark) =>
    ipv4Frame({ src: "0.0.0.0", dst: "255.255.255.255", protocol: 17, to: BROADCAST }, udpBody(67, mark, 68)),
  ),
  one("rogue DHCP server", "destination", (mark) =>
    ipv4Frame({ dst: "255.255.255.255", protocol: 17, to: BROADCAST }, udpBody(68, mark, 67)),
  ),

  one("ARP for the gateway", "answered", (mark) =>
    arpFrame({ operation: 1, sender: guestAddress, target: gatewayAddress }, mark),
  ),
  one("ARP scan", "arp", (mark) =>
    arpFrame({ operation: 1, sender: guestAddress, target: "10.0.2.33" }, mark),
  ),
  one("ARP for a host of the LAN", "arp", (mark) =>
    arpFrame({ operation: 1, sender: guestAddress, target: lanHost }, mark),
  ),
  one("ARP in the gateway's name", "arp", (mark) =>
    arpFrame({ operation: 2, sender: gatewayAddress, target: gatewayAddress }, mark),
  ),
  one("ARP in another's name", "arp", (mark) =>
    arpFrame({ operation: 2, sender: lanHost, target: guestAddress }, mark),
  ),
  one("ARP with another's MAC inside", "arp", (mark) =>
    arpFrame({ operation: 2, senderMac: LIAR, sender: guestAddress, target: gatewayAddress }, mark),
  ),
  one("ARP straight to another", "arp", (mark) =>
    arpFrame({ operation: 1, sender: guestAddress, target: gatewayAddress, to: LIAR }, mark),
  ),
  ether("RARP", 0x8035, BROADCAST),
  one("MAC spoof", "mac", (mark) => udpFrame(beyond, 9, mark, { from: LIAR })),
  one("MAC of the gateway", "mac", (mark) => udpFrame(beyond, 9, mark, { from: gatewayMacAddress })),
  one("IPv6 noise from another MAC", "mac", (mark) =>
    icmpv6Frame(
      { src: OWN_LL, dst: "ff02::2", to: group("02"), from: LIAR },
      [133, 0, 0, 0, 0, 0, 0, 0],
      mark,
    ),
  ),
  udp("source of the LAN", "source", beyond, 9, { src: lanHost }),
  udp("source of the box", "source", beyond, 9, { src: box }),
  udp("source of another machine", "source", beyond, 9, { src: otherMachine }),
  udp("no source", "source", beyond, 9, { src: "0.0.0.0" }),
  tcp("TCP from a false source", "source", beyond, 80, { src: "10.0.2.16" }),

  ether("an experimental ethertype", 0x88b5),
  ether("LLDP", 0x88cc, "01:80:c2:00:00:0e"),
  ether("EAPOL", 0x888e, "01:80:c2:00:00:03"),
  ether("PPPoE discovery", 0x8863, BROADCAST),
  ether("MPLS", 0x8847),
  ether("batman-adv", 0x4305, BROADCAST),
  one("STP", "ethertype", (mark) =>
    etherFrame(3 + mark.length, [0x42, 0x42, 0x03, ...bytesOf(mark)], { to: "01:80:c2:00:00:00" }),
  ),
  one("VLAN tag", "ethertype", (mark) => tagged(0x8100, 5, udpFrame(beyond, 9, mark))),
  one("VLAN 0", "ethertype", (mark) => tagged(0x8100, 0, udpFrame(beyond, 9, mark))),
  one("two VLAN tags", "ethertype", (mark) =>
    tagged(0x88a8, 5, tagged(0x8100, 6, udpFrame(lanHost, 9, mark))),
  ),

  ...protocol("GRE", 47),
  ...protocol("SCTP", 132),
  ...protocol("6in4", 41),
  ...protocol("IP in IP", 4),
  ...protocol("ESP", 50),
  { name: "fragments to the internet", fate: "tunnel", frames: (mark) => fragments(beyond, mark) },
  { name: "fragments to the LAN", fate: "destination", frames: (mark) => fragments(lanHost, mark) },
  one("a first fragment alone", "held", (mark) =>
    ipv4Frame({ dst: "203.0.113.81", protocol: 17, fragment: 0x2000 }, udpBody(9, mark.padEnd(32, "."))),
  ),
  one("a later fragment alone", "held", (mark) =>
    ipv4Frame({ dst: "203.0.113.82", protocol: 17, fragment: 20 }, bytesOf(mark)),
  ),
  ping("TTL of 1", "held", beyond, { ttl: 1 }),
  one("a source route", "malformed", (mark) =>
    udpFrame(beyond, 9, mark, { options: [131, 7, 4, 192, 168, 77, 20, 0] }),
  ),
  one("IGMP with router alert", "malformed", (mark) =>
    ipv4Frame(
      { dst: "224.0.0.22", protocol: 2, options: [148, 4, 0, 0], to: multicast("224.0.0.22") },
      bytesOf(mark),
    ),
  ),
  one("version 5 of IP", "malformed", (mark) => udpFrame(beyond, 9, mark, { version: 5 })),
  one("longer than its frame", "malformed", (mark) => udpFrame(beyond, 9, mark, { length: 900 })),
  one("shorter than its header", "malformed", (mark) => udpFrame(beyond, 9, mark, { length: 12 })),
  one("a header cut off", "malformed", (mark) =>
    etherFrame(0x0800, bytesOf(mark).slice(0, 0).concat([0x45, 0, 0, 10])),
  ),

  udp("another machine's address in the tunnel", "tunnel", otherMachine, 9),
  one("another machine's MAC", "mac", (mark) => udpFrame(beyond, 9, mark, { to: LIAR })),
  one("the own MAC", "mac", (mark) => udpFrame(beyond, 9, mark, { to: guestMacAddress })),
];

function tagged(type: number, vlan: number, frame: Uint8Array): Uint8Array {
  return Uint8Array.from([
    ...frame.slice(0, 12),
    type >> 8,
    type & 0xff,
    vlan >> 8,
    vlan & 0xff,
    ...frame.slice(12),
  ]);
}

/** What comes from outside and is to reach no machine. @param to MAC address of the box on that link */
export const INWARD_CASES = [
  {
    name: "UDP to the machine's own address",
    frame: (mark: string, to: string) => udpFrame(guestAddress, 9, mark, { src: lanHost, to, from: LIAR }),
  },
  {
    name: "UDP to its address in the tunnel",
    frame: (mark: string, to: string) => udpFrame(otherMachine, 9, mark, { src: lanHost, to, from: LIAR }),
  },
  {
    name: "router advertisement",
    frame: (mark: string) =>
      icmpv6Frame(
        { src: "fe80::bad", dst: "ff02::1", to: group("01"), from: LIAR },
        [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0],
        mark,
      ),
  },
  {
    name: "ARP for the machine",
    frame: (mark: string) =>
      arpFrame({ operation: 1, sender: lanHost, target: guestAddress, from: LIAR }, mark),
  },
  {
    name: "broadcast",
    frame: (mark: string) =>
      udpFrame("255.255.255.255", 9, mark, { src: lanHost, to: BROADCAST, from: LIAR }),
  },
] as const;
