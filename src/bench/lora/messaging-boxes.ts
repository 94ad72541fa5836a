import { setImmediate } from "node:timers/promises";
import type { MessageCode } from "../../lora/link/index.ts";
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

export interface MessagingBoxesOptions extends BoxesOptions {
  /** What makes bodies of bundles shorter; `code` is for what goes beside them. */
  bodyCode?: MessageCode;
}

/** Boxes on the virtual air with their bundles in memory. */
export function messagingBoxes(options: MessagingBoxesOptions): MessagingBoxes {
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
    boxes: boxes.map((box) => messagingBox(box, { time, random, pending, bodyCode: options.bodyCode })),
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

interface Around {
  time: VirtualTime;
  random: () => number;
  pending: () => void;
  bodyCode: MessageCode | undefined;
}

function messagingBox(box: BoxOnAir, { time, random, pending, bodyCode }: Around): MessagingBox {
  const code = bodyCode ? { code: bodyCode } : {};
  const custody = new MemoryCustody(time, pending);
  const begin = () => {
    const air = airOfLink(box.link);
    const log = { debug: () => {} };
    const made = new LoraMessages({ air, custody, timers: time, random, log, ...code });
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
