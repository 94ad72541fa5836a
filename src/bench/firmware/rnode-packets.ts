import { MTU, SINGLE_FRAME_PAYLOAD } from "../../lora/rnode/commands.ts";
import type { HeardFrame } from "../air/modem.ts";

const SPLIT_FLAG = 0x01;

/** @returns the frames of one packet: a random number in the upper half of the header tells that they belong together */
export function framesOf(packet: Uint8Array, random: () => number): Uint8Array[] {
  const sequence = Math.floor(random() * 16) << 4;
  if (packet.length <= SINGLE_FRAME_PAYLOAD) return [Uint8Array.of(sequence, ...packet)];
  const header = sequence | SPLIT_FLAG;
  return [
    Uint8Array.of(header, ...packet.subarray(0, SINGLE_FRAME_PAYLOAD)),
    Uint8Array.of(header, ...packet.subarray(SINGLE_FRAME_PAYLOAD)),
  ];
}

/** Puts packets together again. One packet is under way at a time; a lost half takes its other half with it. */
export class RnodeAssembler {
  private sequence: number | undefined;
  private first: number[] = [];

  /** @returns the packet that this frame completes */
  take({ bytes }: HeardFrame): Uint8Array | undefined {
    const [header = 0, ...rest] = bytes;
    const sequence = header >> 4;
    const isSplit = (header & SPLIT_FLAG) !== 0;
    const isSecond = isSplit && this.sequence === sequence;
    const first = isSecond ? this.first : [];
    this.sequence = isSplit && !isSecond ? sequence : undefined;
    this.first = isSplit && !isSecond ? rest : [];
    return this.sequence === undefined ? Uint8Array.from([...first, ...rest].slice(0, MTU)) : undefined;
  }
}
