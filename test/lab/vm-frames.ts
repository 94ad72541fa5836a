import { GUEST_LINK } from "../../src/vm/guest-link.ts";

/** Frames as a machine's kernel, or a liar in it, makes them. All bytes of a frame; no frame check sequence. */

export const macBytes = (address: string): number[] =>
  address.split(":").map((part) => Number.parseInt(part, 16));
export const ipBytes = (address: string): number[] => address.split(".").map(Number);
const ip6Bytes = (address: string): number[] => {
  const [head = "", tail = ""] = address.split("::");
  const words = (text: string) =>
    text === "" ? [] : text.split(":").map((word) => Number.parseInt(word, 16));
  const [first, last] = [words(head), words(tail)];
  const all = address.includes("::")
    ? [...first, ...Array(8 - first.length - last.length).fill(0), ...last]
    : first;
  return all.flatMap((word) => [word >> 8, word & 0xff]);
};

export const BROADCAST = "ff:ff:ff:ff:ff:ff";
const word = (value: number): number[] => [(value >> 8) & 0xff, value & 0xff];

export interface Link {
  from?: string;
  to?: string;
}

export function etherFrame(
  type: number,
  body: readonly number[] | Uint8Array,
  { from, to }: Link = {},
): Uint8Array {
  const { guestMacAddress, gatewayMacAddress } = GUEST_LINK;
  return Uint8Array.from([
    ...macBytes(to ?? gatewayMacAddress),
    ...macBytes(from ?? guestMacAddress),
    ...word(type),
    ...body,
  ]);
}

export interface Ipv4 extends Link {
  src?: string;
  dst: string;
  protocol: number;
  /** The 16 bits of flags and offset. */
  fragment?: number;
  options?: readonly number[];
  version?: number;
  /** In the header; the body's own otherwise. */
  length?: number;
  ttl?: number;
}

export function ipv4Frame(packet: Ipv4, body: readonly number[]): Uint8Array {
  const {
    src = GUEST_LINK.guestAddress,
    dst,
    protocol,
    fragment = 0,
    options = [],
    version = 4,
    ttl = 64,
  } = packet;
  const words = 5 + options.length / 4;
  const header = [
    ...[
      (version << 4) | words,
      0,
      ...word(packet.length ?? words * 4 + body.length),
      ...word(0x1234),
      ...word(fragment),
    ],
    ...[ttl, protocol, 0, 0, ...ipBytes(src), ...ipBytes(dst), ...options],
  ];
  header.splice(10, 2, ...word(checksum(header)));
  return etherFrame(0x0800, [...header, ...body], packet);
}

const text = (payload: string): number[] => [...Buffer.from(payload)];

/** UDP without a checksum, as IPv4 allows (RFC 768). */
export const udpBody = (port: number, payload: string, from = 40_000): number[] => [
  ...[...word(from), ...word(port), ...word(8 + payload.length), 0, 0],
  ...text(payload),
];

export const udpFrame = (dst: string, port: number, payload: string, more: Partial<Ipv4> = {}): Uint8Array =>
  ipv4Frame({ ...more, dst, protocol: 17 }, udpBody(port, payload));

/** A SYN with data (RFC 9293 section 3.8.7 allows it), so that there is something to look for. */
export function tcpFrame(
  dst: string,
  port: number,
  payload: string,
  { from = 40_001, ...more }: Omit<Partial<Ipv4>, "from"> & { from?: number } = {},
): Uint8Array {
  const src = more.src ?? GUEST_LINK.guestAddress;
  const segment = [
    ...[...word(from), ...word(port), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, ...word(0xffff), 0, 0, 0, 0],
    ...text(payload),
  ];
  const pseudo = [...ipBytes(src), ...ipBytes(dst), 0, 6, ...word(segment.length)];
  segment.splice(16, 2, ...word(checksum([...pseudo, ...segment])));
  return ipv4Frame({ ...more, dst, protocol: 6 }, segment);
}

export function pingFrame(dst: string, payload: string, more: Partial<Ipv4> = {}): Uint8Array {
  const message = [8, 0, 0, 0, 0, 1, 0, 1, ...text(payload)];
  message.splice(2, 2, ...word(checksum(message)));
  return ipv4Frame({ ...more, dst, protocol: 1 }, message);
}

export interface Arp extends Link {
  operation: 1 | 2;
  senderMac?: string;
  sender: string;
  target: string;
}

/** With the text where a short frame is filled up. */
export const arpFrame = (
  { operation, senderMac, sender, target, ...link }: Arp,
  payload: string,
): Uint8Array =>
  etherFrame(
    0x0806,
    [
      ...[0, 1, 8, 0, 6, 4, 0, operation],
      ...[...macBytes(senderMac ?? link.from ?? GUEST_LINK.guestMacAddress), ...ipBytes(sender)],
      ...[0, 0, 0, 0, 0, 0, ...ipBytes(target), ...text(payload)],
    ],
    { to: BROADCAST, ...link },
  );

export interface Ipv6 extends Link {
  src: string;
  dst: string;
  next: number;
  hops?: number;
}

export const ipv6Frame = (
  { src, dst, next, hops = 64, ...link }: Ipv6,
  body: readonly number[],
): Uint8Array =>
  etherFrame(
    0x86dd,
    [0x60, 0, 0, 0, ...word(body.length), next, hops, ...ip6Bytes(src), ...ip6Bytes(dst), ...body],
    link,
  );

/** @param message without its checksum, which is at its third byte */
export function icmpv6Frame(
  packet: Omit<Ipv6, "next">,
  message: readonly number[],
  payload: string,
): Uint8Array {
  const body = [...message, ...text(payload)];
  const pseudo = [...ip6Bytes(packet.src), ...ip6Bytes(packet.dst), 0, 0, ...word(body.length), 0, 0, 0, 58];
  body.splice(2, 2, ...word(checksum([...pseudo, ...body])));
  return ipv6Frame({ hops: 255, ...packet, next: 58 }, body);
}

export const bytesOf = text;

function checksum(bytes: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
