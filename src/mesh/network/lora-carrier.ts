import type { Carrier, PathTarget } from "../paths/paths-interface.ts";

/** What the mesh needs of the LoRa cases. */
export interface LoraBearer {
  /** Whether there is a case that may send. */
  isUsable(): boolean;
  /** Takes a datagram on for one box, or throws when it cannot be sent. */
  send(to: number, datagram: Uint8Array): void;
  /** Largest datagram. */
  readonly maxBytes: number;
}

/** Datagrams as LoRa messages: the link beneath cuts, repeats and counts the airtime. */
export class LoraCarrier implements Carrier {
  constructor(private readonly bearer: LoraBearer) {}

  send(target: PathTarget, datagram: Uint8Array): void {
    if (target.by !== "lora") throw new TypeError(`${target.by}: not by LoRa`);
    this.bearer.send(target.address, datagram);
  }

  maxBytes(): number {
    return this.bearer.isUsable() ? this.bearer.maxBytes : 0;
  }
}
