import type { FrameCarrier } from "../../../../src/lora/frame-carrier.ts";
import { decodeFrame, encodeFrame, type LinkFrame } from "../../../../src/lora/link/frame.ts";
import type { FailureReason, Fate, Received } from "../../../../src/lora/radio.ts";

interface Handed {
  frame: LinkFrame;
  told: (fate: Fate) => void;
}

/** A carrier whose frames stay with it until the test says what has become of them. */
export class HandCarrier implements FrameCarrier {
  readonly waiting: Handed[] = [];
  private listener = (_: Received) => {};

  constructor(readonly maxFrameBytes = 255) {}

  airtimeMs(bytes: number): number {
    return bytes;
  }

  etaMs(airtimeMs: number): number {
    return airtimeMs;
  }

  send: FrameCarrier["send"] = (frame, _priority, told) => {
    const handed = { frame: decodeFrame(frame), told };
    this.waiting.push(handed);
    return () => {
      const at = this.waiting.indexOf(handed);
      if (at >= 0) this.waiting.splice(at, 1);
    };
  };

  onFrame(listener: (received: Received) => void): () => void {
    this.listener = listener;
    return () => {
      this.listener = () => {};
    };
  }

  hear(frame: LinkFrame): void {
    const rest = { from: undefined, to: undefined, rssiDbm: -90, snrDb: 5, hops: 0 };
    this.listener({ payload: encodeFrame(frame), ...rest });
  }

  /** The oldest frame leaves the antenna. @returns undefined when there is none */
  leave(): LinkFrame | undefined {
    const handed = this.waiting.shift();
    handed?.told({ state: "on-air" });
    return handed?.frame;
  }

  /** The oldest frame does not leave. @returns undefined when there is none */
  fail(reason: FailureReason): LinkFrame | undefined {
    const handed = this.waiting.shift();
    handed?.told({ state: "failed", reason, detail: "by hand" });
    return handed?.frame;
  }
}
