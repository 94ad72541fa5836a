// Asks for the captive-portal option by DHCPv6 as a phone does that has its address by SLAAC
// (Information-request, RFC 8415 section 18.2.6): `dhcpv6-ask.ts INTERFACE`. Only for the lab.
import { createSocket } from "node:dgram";

const INFORMATION_REQUEST = 11;
const [CLIENT_ID, OPTION_REQUEST, CAPTIVE_PORTAL] = [1, 6, 103];
const device = process.argv[2] ?? "";

const option = (code: number, data: number[]) => [
  code >> 8,
  code & 255,
  data.length >> 8,
  data.length & 255,
  ...data,
];
const message = Uint8Array.from([
  ...[INFORMATION_REQUEST, 1, 2, 3],
  ...option(CLIENT_ID, [0, 3, 0, 1, 2, 0, 0, 0, 0, 1]),
  ...option(OPTION_REQUEST, [0, CAPTIVE_PORTAL]),
]);

const socket = createSocket("udp6");
socket.on("message", (reply) => {
  for (let at = 4; at + 4 <= reply.length; ) {
    const [code, length] = [reply.readUInt16BE(at), reply.readUInt16BE(at + 2)];
    if (code === CAPTIVE_PORTAL) console.log(reply.toString("latin1", at + 4, at + 4 + length));
    at += 4 + length;
  }
  process.exit(0);
});
socket.bind(546, "::", () => socket.send(message, 547, `ff02::1:2%${device}`));
setTimeout(() => process.exit(1), 3_000);
