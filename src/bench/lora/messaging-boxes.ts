import { setImmediate } from "node:timers/promises";
import { airOfLink } from "../../messages/lora/bundle-air.ts";
import { LoraMessages } from "../../messages/lora/lora-messages.ts";
import type { Air } from "../air/air.ts";
import { seededRandom } from "../seeded-random.ts";
import type { VirtualTime } from "../virtual-time.ts";
import { type BoxesOptions, type BoxOnAir, boxesOnAir } from "./boxes-on-air.ts";
import { MemoryCustody } from "./memory-custody.ts";

/** A box that carries bundles over LoRa, and nothing else. */
export interface MessagingBox extends BoxOnAir {
  readonly custody: MemoryCustody;
  readonly messages: LoraMessages;
  /** What is not in custody is lost, as with SIGKILL. */
  restart(): void;
}

export interface MessagingBoxes {
  time: VirtualTime;
  air: Air;
  boxes: MessagingBox[];
  /** Lets time pass, until it is done. */
  run(ms: number, isDone?: () => boolean): Promise<void>;
}

/** Boxes on the virtual air with their bundles in memory. */
export function messagingBoxes(options: BoxesOptions): MessagingBoxes {
  const { time, air, boxes } = boxesOnAir(options);
  const random = seededRandom(options.seed + 1);
  // Virtual time waits for no promise: it stands still when one is about to be kept.
  let isPending = false;
  const pending = () => {
    isPending = true;
  };
  return {
    time,
    air,
    boxes: boxes.map((box) => messagingBox(box, time, random, pending)),
    async run(ms, isDone = () => false) {
      const endMs = time.monotonicMs() + ms;
      await setImmediate();
      while (time.monotonicMs() < endMs && !isDone()) {
        isPending = false;
        time.runUntil(() => isPending || isDone(), endMs - time.monotonicMs());
        await setImmediate();
      }
    },
  };
}

function messagingBox(
  box: BoxOnAir,
  time: VirtualTime,
  random: () => number,
  pending: () => void,
): MessagingBox {
  const custody = new MemoryCustody(time, pending);
  const begin = () => {
    const air = airOfLink(box.link);
    const made = new LoraMessages({ air, custody, timers: time, random, log: { debug: () => {} } });
    made.start();
    return made;
  };
  let messages = begin();
  return {
    name: box.name,
    link: box.link,
    plug: () => box.plug(),
    unplug: () => box.unplug(),
    custody,
    get messages() {
      return messages;
    },
    restart() {
      messages.stop();
      messages = begin();
    },
  };
}
