import { frameSender } from "./dhcp-frame.ts";

/* Sends whole frames by an interface: bun test/lab/vm-frame-sender.ts DEVICE HEX… */

const [device = "", ...frames] = process.argv.slice(2);
const send = frameSender(device);
for (const frame of frames)
  if (!send(Buffer.from(frame, "hex"))) throw new Error(`${device}: a frame was refused`);
