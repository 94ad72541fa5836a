import { frameSender } from "./dhcp-frame.ts";

/* Sends each line of its input, a whole frame in hexadecimal, by an interface: bun test/lab/vm-frame-feeder.ts DEVICE. Says "sent" when it is. */

const [device = ""] = process.argv.slice(2);
const send = frameSender(device);
console.log("ready");
for await (const line of console) console.log(send(Buffer.from(line, "hex")) ? "sent" : `${device}: refused`);
