import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import { addressText, type LinkAddress, type LoraPart, textCode } from "../lora/index.ts";
import type { BundleId } from "./bundle/bundle.ts";
import type { Custody } from "./custody/custody.ts";
import type { OtherBox } from "./custody/handed-over.ts";
import type { MessagesStatus } from "./desk/operator-messages.ts";
import { airOfPart } from "./lora/bundle-air.ts";
import { LoraMessages } from "./lora/lora-messages.ts";

export interface LoraCarrierOptions {
  part: Pick<LoraPart, "links" | "submit" | "on" | "off">;
  /** This box on LoRa. */
  address: LinkAddress;
  custody: Custody;
  handedOver: (id: BundleId, to: OtherBox) => void;
  timers: Timers;
  random: () => number;
  log: Logger;
}

/** Bundles by the LoRa cases of this box. */
export class LoraCarrier {
  private readonly messages: LoraMessages;

  constructor({ part, address, custody, timers, random, log }: LoraCarrierOptions) {
    const air = airOfPart(part, address);
    this.messages = new LoraMessages({ air, custody, timers, random, log, code: textCode });
  }

  start(): void {
    this.messages.start();
  }

  stop(): void {
    this.messages.stop();
  }

  neighbours(): MessagesStatus["neighbours"] {
    return this.messages.neighbourhood.near().map(({ address }) => {
      const waiting = [...this.messages.stock.waiting].filter(({ has }) => !has.has(address)).length;
      return { name: addressText(address), by: "lora", inSync: waiting === 0, waiting };
    });
  }

  /** What no neighbour has yet, and waits for its turn on the air. */
  underWay(id: BundleId): { etaSeconds?: number } | undefined {
    const carried = this.messages.stock.get(id);
    return carried && carried.has.size === 0 && carried.dueMs !== undefined ? {} : undefined;
  }
}
