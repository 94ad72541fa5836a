import type { Bench } from "./bench.ts";
import { dayRows } from "./lora-days.ts";
import { erasureRows } from "./lora-erasure.ts";
import { goodputRows } from "./lora-goodput.ts";
import { replugRows } from "./lora-replug.ts";
import { textRows } from "./lora-text.ts";

/** How well the air is used, and what is lost. */
export const lora: Bench = {
  name: "lora",
  summary:
    "LoRa: goodput against the channel's limit, bytes on the air against Meshtastic, replugging, the law's airtime",
  needsLab: false,
  notes: [
    "Goodput: raw radios on a simulated channel, in virtual time, without a duty cycle; every sender has more to say than the channel carries.",
    "Listening before talking is that of raw radios on the simulated air: the host asks the radio whether the channel is busy. Firmware that decides itself when it sends is not measured here.",
    "Sizes: 8,000 bytes a message, two on the way at a time for each sender; 200 and 40 bytes, 64 at a time. A short message pays for a whole header and preamble, so that less of the limit is left for it.",
    "Delivered: whole, once, and acknowledged to its sender; every payload is another.",
    "The limit is the largest frame back to back without pause or header; nobody reaches it, and with 30 % of frames lost 70 % of it is the most there is.",
    "Texts: only those that the text model has not seen; both sides with all headers, as the frame is given to the radio.",
  ],
  async run({ quick, progress }) {
    progress("texts");
    const texts = textRows();
    const goodput = goodputRows(quick, progress);
    progress("1,000 days");
    const days = dayRows(quick);
    progress("replugging");
    return [...texts, ...goodput, ...erasureRows(), ...days, ...(await replugRows(quick))];
  },
};
