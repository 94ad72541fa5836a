import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const HEADERS = 14 + 20 + 8;
const BOOTP = 240;

export interface DhcpMessage {
  /** The frame's own source. */
  source: readonly number[];
  /** For whom it claims to speak. */
  chaddr: readonly number[];
  ciaddr?: readonly number[];
  transaction: number;
  /** With the end option. */
  options: readonly number[];
}

/** A client's DHCP message (RFC 2131 section 2) as a whole Ethernet frame. */
export function dhcpFrame({ source, chaddr, ciaddr, transaction, options }: DhcpMessage): Uint8Array {
  const message = new DataView(new ArrayBuffer(HEADERS + BOOTP + options.length));
  const bytes = new Uint8Array(message.buffer);
  bytes.set([...BROADCAST, ...source, 0x08, 0x00]);
  const ip = 14;
  bytes.set([0x45, 0], ip);
  message.setUint16(ip + 2, bytes.length - ip);
  bytes.set([64, 17], ip + 8);
  bytes.set([0, 0, 0, 0, 255, 255, 255, 255], ip + 12);
  message.setUint16(ip + 10, checksum(bytes.subarray(ip, ip + 20)));
  const udp = ip + 20;
  message.setUint16(udp, 68);
  message.setUint16(udp + 2, 67);
  message.setUint16(udp + 4, bytes.length - udp);
  const bootp = udp + 8;
  bytes.set([1, 1, 6, 0], bootp);
  message.setUint32(bootp + 4, transaction);
  if (ciaddr) bytes.set(ciaddr, bootp + 12);
  bytes.set(chaddr, bootp + 28);
  bytes.set([0x63, 0x82, 0x53, 0x63, ...options], bootp + 236);
  return bytes;
}

/** A way to send whole frames on an interface, as any station can. @returns whether a frame was sent */
export function frameSender(device: string): (frame: Uint8Array) => boolean {
  const { socket, sendto } = dlopen("libc.so.6", {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
  }).symbols;
  const descriptor = socket(AF_PACKET, SOCK_RAW, 0);
  if (descriptor < 0) throw new Error(`${device}: no packet socket`);
  const link = new DataView(new ArrayBuffer(20));
  link.setUint16(0, AF_PACKET, true);
  link.setInt32(4, Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8")), true);
  return (frame) =>
    Number(sendto(descriptor, ptr(frame), frame.length, 0, ptr(link.buffer), 20)) === frame.length;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
