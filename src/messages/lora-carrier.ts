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

  constructor({ part, address, custody, handedOver, timers, random, log }: LoraCarrierOptions) {
    this.messages = new LoraMessages({
      ...{ custody, timers, random, log },
      air: airOfPart(part, address),
      code: textCode,
      handedOver: (id, to) => handedOver(id, { by: "lora", address: to }),
    });
  }

  start(): void {
    this.messages.start();
  }

  stop(): void {
    this.messages.stop();
  }

  /** A person is at this box now, by their key: what is for them is to come here. */
  personIsHere(key: Uint8Array): void {
    this.messages.personIsHere(key);
  }

  neighbours(): MessagesStatus["neighbours"] {
    return this.messages.neighbours().map(({ address, heardSecondsAgo, waiting }) => ({
      name: addressText(address),
      by: "lora",
      inSync: waiting === 0,
      agoS: heardSecondsAgo,
      waiting,
    }));
  }

  /** What no neighbour has yet, and waits for its turn on the air. */
  underWay(id: BundleId): { etaSeconds?: number } | undefined {
    const underWay = this.messages.underWay(id);
    if (!underWay) return undefined;
    const { etaMs } = underWay;
    return etaMs === undefined || !Number.isFinite(etaMs) ? {} : { etaSeconds: Math.ceil(etaMs / 1000) };
  }
}
