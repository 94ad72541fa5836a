import type { Answer } from "./answers.ts";
import { joined } from "./bytes.ts";
import { ERROR } from "./codes.ts";
import { type Command, FirmwareError, type Outcome } from "./command-queue.ts";
import { sendChannelData, sendRawData } from "./commands.ts";
import { NONCE_BYTES } from "./wire-sizes.ts";

/** From the range that is free for development (docs/number_allocations.md of MeshCore). */
export const DATA_TYPE = 0xff4f;
/** The radio's first channel; as it comes it is "Public", whose key everyone has. */
const CHANNEL = 0;
/** In front of raw packets, which have no type. */
const RAW_MARKER = Uint8Array.of(0x4f, 0x42);

type Run = <T>(command: Command<T>, done: (outcome: Outcome<T>) => void) => void;

/**
 * Sends to everyone: floods a datagram on a channel, and where the firmware is too old for these, a raw packet that
 * goes no further than this node is heard.
 */
export class DatagramSender {
  private isRaw = false;

  constructor(
    private readonly run: Run,
    private nonce: number,
  ) {}

  send(payload: Uint8Array, done: (outcome: Outcome<true>) => void): void {
    const frame = this.isRaw ? this.rawFrame(payload) : this.channelFrame(payload);
    const take = (answer: Answer): { result: true } | undefined =>
      answer.kind === "ok" ? { result: true } : undefined;
    this.run({ name: "send a datagram", frame, take }, (outcome) => {
      const isTooOld =
        "error" in outcome &&
        outcome.error instanceof FirmwareError &&
        outcome.error.code === ERROR.unsupported;
      if (!isTooOld || this.isRaw) {
        done(outcome);
        return;
      }
      this.isRaw = true;
      this.send(payload, done);
    });
  }

  private channelFrame(payload: Uint8Array): Uint8Array {
    return sendChannelData(CHANNEL, DATA_TYPE, joined(this.nextNonce(), payload));
  }

  private rawFrame(payload: Uint8Array): Uint8Array {
    return sendRawData(joined(RAW_MARKER, this.nextNonce(), payload));
  }

  private nextNonce(): Uint8Array {
    this.nonce = (this.nonce + 1) & 0xffff;
    return Uint8Array.of(this.nonce & 0xff, this.nonce >> 8);
  }
}

/** @returns undefined when another application sent it */
export function fromChannelData(dataType: number, data: Uint8Array): Uint8Array | undefined {
  return dataType === DATA_TYPE && data.length > NONCE_BYTES ? data.slice(NONCE_BYTES) : undefined;
}

/** @returns undefined when another application sent it */
export function fromRawData(data: Uint8Array): Uint8Array | undefined {
  const header = RAW_MARKER.length + NONCE_BYTES;
  const isOurs = data.length > header && RAW_MARKER.every((byte, at) => data[at] === byte);
  return isOurs ? data.slice(header) : undefined;
}
