import { describe, expect, test } from "bun:test";
import { KeyBook } from "../../../../src/messages/lora/key-book.ts";
import { bundleOf, keyOf } from "./some-bundles.ts";

const EVERYONE = { kind: "everyone" } as const;

/** Found by trying: the first four bytes of SHA-256 of both are the same. */
const [ONE, OTHER] = [
  hex("000000000000000000000000000000000000000000000000000000000000c493"),
  hex("000000000000000000000000000000000000000000000000000000000000d3f4"),
];

function hex(digits: string): Uint8Array {
  return new Uint8Array(Buffer.from(digits, "hex"));
}

describe("the keys that bundles name by a hash", () => {
  test("are kept beside another that has the same hash, those of bundles in custody first", () => {
    const keys = new KeyBook();
    keys.addAllOf({ ...bundleOf(1, { kind: "card", to: EVERYONE }), sender: { as: "person", key: ONE } });
    const hash = keys.add(OTHER);
    expect(keys.add(ONE)).toBe(hash);
    expect(keys.get(hash)).toEqual([ONE, OTHER]);
    keys.add(OTHER);
    expect(keys.get(hash)).toEqual([ONE, OTHER]);
  });

  test("are believed to be known around no further back than there is room for", () => {
    const keys = new KeyBook();
    for (let hash = 0; hash < 20_001; hash += 1) keys.knownAround(hash);
    expect([keys.isKnownAround(0), keys.isKnownAround(20_000)]).toEqual([false, true]);
    expect(keys.get(keys.add(keyOf(3)))).toEqual([keyOf(3)]);
  });
});
