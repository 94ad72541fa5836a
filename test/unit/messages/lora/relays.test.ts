import { describe, expect, test } from "bun:test";
import { relayOrder } from "../../../../src/messages/lora/relays.ts";

describe("who repeats what is for everyone", () => {
  test("is first who reaches the most, and nobody whom others make superfluous", () => {
    const candidates = new Map([
      [1, [10, 11]],
      [2, [10, 11, 12]],
      [3, [13]],
      [4, [12]],
    ]);
    expect(relayOrder(candidates, [])).toEqual([2, 3]);
  });

  test("is nobody where all have it, and of equals always the same one, whoever asks", () => {
    expect(relayOrder(new Map([[1, [10]]]), [10])).toEqual([]);
    expect(
      relayOrder(
        new Map([
          [2, [10]],
          [1, [10]],
        ]),
        [],
      ),
    ).toEqual([1]);
    expect(
      relayOrder(
        new Map([
          [1, [10]],
          [2, [10]],
        ]),
        [],
      ),
    ).toEqual([1]);
  });
});
