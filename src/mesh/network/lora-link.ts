import { type LinkAddress, type LoraPart, MESH_PAYLOAD } from "../../lora/index.ts";
import type { LoraBearer } from "./lora-carrier.ts";

/** A control message that is as long as they may be, sealed. */
const MAX_BYTES = 1_100;
/** Later it is of no use: whoever sent it has been told by then that it did not arrive. */
const LIFETIME_MS = 5 * 60_000;

/** The LoRa cases as a way for the mesh's datagrams, marked so that nobody takes them for texts. */
export class LoraLink implements LoraBearer {
  readonly maxBytes = MAX_BYTES;

  constructor(
    private readonly part: Pick<LoraPart, "links" | "submit" | "on" | "off">,
    /** This box on LoRa. */
    readonly address: LinkAddress,
  ) {}

  isUsable(): boolean {
    return this.part.links.some((link) => link.isAttached);
  }

  send(to: number, datagram: Uint8Array): void {
    const payload = new Uint8Array(datagram.length + 1);
    payload[0] = MESH_PAYLOAD;
    payload.set(datagram, 1);
    const admission = this.part.submit({ payload, to, priority: "direct", lifetimeMs: LIFETIME_MS });
    if (!admission.accepted) throw new Error(`LoRa: ${admission.detail}`);
  }

  /** @returns ends it */
  onDatagram(heard: (from: LinkAddress, datagram: Uint8Array) => void): () => void {
    const listener = ({ payload, from }: { payload: Uint8Array; from: LinkAddress }) => {
      if (payload[0] === MESH_PAYLOAD) heard(from, payload.subarray(1));
    };
    this.part.on("message", listener);
    return () => this.part.off("message", listener);
  }
}
