import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type CheckpointAsk,
  CheckpointError,
  encodeCheckpointHead,
  MAX_CHECKPOINT_ASK_BYTES,
  openCheckpointAsk,
  signCheckpointAsk,
} from "../../../../src/vm/checkpoint/index.ts";
import { hex, requester, stranger } from "../request/fixed-request.ts";
import { fixedHeader } from "./fixed-checkpoint.ts";

const own = hex(requester.publicKey);
const fetching: CheckpointAsk = { kind: "fetch", requester: own, checkpoint: "0f".repeat(16) };
const offering: CheckpointAsk = { kind: "offer", requester: own, head: encodeCheckpointHead(fixedHeader()) };

describe("what a requester says of a saved machine", () => {
  test("is read as it was written, and fits into its bytes", () => {
    for (const ask of [fetching, offering]) {
      const bytes = signCheckpointAsk(ask, requester);
      expect(openCheckpointAsk(bytes)).toEqual(ask);
      expect(bytes.length).toBeLessThanOrEqual(MAX_CHECKPOINT_ASK_BYTES);
    }
  });

  test("has bytes that must not change", () => {
    expect(hex(signCheckpointAsk(fetching, requester))).toBe(
      "8501015820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da500f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f584079aaf2c011547e8bfa5f7784b08caf1034b68462006a477bc9288741614e145d2626612ed4126fb7dbff42518d6640b84c2100ae951aeb4fe11a4899d52ffa0f",
    );
  });

  test("is said by nobody else", () => {
    expect(() => signCheckpointAsk(fetching, stranger)).toThrow("ask.requester: is not who signs");
    const theirs = { ...offering, requester: hex(stranger.publicKey) };
    expect(() => openCheckpointAsk(signCheckpointAsk(theirs, stranger))).toThrow(
      "is not whose machine it is",
    );
  });

  test("with any byte changed, or of whatever bytes, is refused", () => {
    const bytes = signCheckpointAsk(offering, requester);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        expect(() => openCheckpointAsk(changed)).toThrow(CheckpointError);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (any) => {
        expect(() => openCheckpointAsk(any)).toThrow(CheckpointError);
      }),
    );
  });
});
