import type { MessagingBox } from "../../../../src/bench/lora/messaging-boxes.ts";
import { BUNDLE_PAYLOAD } from "../../../../src/lora/index.ts";
import { encodeFrame } from "../../../../src/messages/lora/frame.ts";
import type { Item } from "../../../../src/messages/lora/items.ts";

let heard = 0;

/** As if this had come from whoever says that they are `from`. */
export function hear(box: MessagingBox | undefined, from: number, item: Item): void {
  heard += 1;
  const payload = Uint8Array.of(BUNDLE_PAYLOAD, ...encodeFrame({ number: heard & 255, items: [item] }));
  const received = { payload, from: undefined, to: undefined, rssiDbm: undefined, snrDb: undefined, hops: 0 };
  box?.link.emit("message", { from, payload, isToEveryone: true, received });
}
