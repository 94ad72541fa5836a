import { describe, expect, test } from "bun:test";
import { type MessagingBox, messagingBoxes } from "../../../../src/bench/lora/messaging-boxes.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { bundleId } from "../../../../src/messages/bundle/bundle-codec.ts";
import { decodeFrame } from "../../../../src/messages/lora/frame.ts";
import { type Item, shortIdOf } from "../../../../src/messages/lora/items.ts";
import { beside } from "../../../../src/messages/lora/said.ts";
import { bundleOf, keyOf, submit } from "./some-bundles.ts";

const CHANNEL = { frequencyHz: 869_525_000, modulation: PRESETS.LongFast, powerDbm: 27 };
const EVERYONE = { kind: "everyone" } as const;
const person = (number: number) => ({ kind: "person", key: keyOf(number) }) as const;

/** What a box hears others say from now on. */
function heardBy(box: MessagingBox | undefined): Item[] {
  const items: Item[] = [];
  box?.link.on("message", ({ payload }) => items.push(...decodeFrame(payload.subarray(1)).items));
  return items;
}

describe("what waits for the air", () => {
  test("is not said once more in a second frame: that something has come is said once", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 21, channel: CHANNEL });
    for (const [index, box] of boxes.entries()) submit(box, bundleOf(index, { kind: "card", to: EVERYONE }));
    await run(3_600_000);
    const heard = heardBy(boxes[0]);
    const bundles = Array.from({ length: 20 }, (_, count) =>
      count % 2 === 0
        ? bundleOf(0, { kind: "check-in", to: EVERYONE })
        : bundleOf(0, { kind: "direct", to: person(1) }),
    );
    for (const bundle of bundles) {
      submit(boxes[0], bundle);
      await run(60_000);
    }
    const times = bundles.map((bundle) => {
      const short = shortIdOf(bundleId(bundle));
      return heard.filter((item) => item.kind === "have" && item.held.some(({ id }) => id === short)).length;
    });
    expect(times).toEqual(bundles.map(() => 1));
  });
});

describe("beside what is said already", () => {
  const have = (...ids: number[]): Item => ({ kind: "have", held: ids.map((id) => ({ id, hops: 0 })) });

  test("only the rest of it is left", () => {
    expect(beside(have(1, 2), have(2, 3))).toEqual(have(1));
    expect(beside(have(2), have(2, 3))).toBeUndefined();
    expect(beside({ kind: "recent", tags: [1, 2] }, { kind: "recent", tags: [1] })).toEqual({
      kind: "recent",
      tags: [2],
    });
    expect(beside({ kind: "recent", tags: [1] }, { kind: "recent", tags: [1, 2] })).toBeUndefined();
    expect(beside({ kind: "refuse", ids: [1] }, { kind: "recent", tags: [1] })).toEqual({
      kind: "refuse",
      ids: [1],
    });
  });

  test("a word that is awaited now is left where it would come too late", () => {
    expect(beside(have(1, 2), have(1, 2), (id) => id !== 2)).toEqual(have(2));
  });

  test("a question is left as it is, unless the same one has all of it", () => {
    const want = (of: number, ...ids: number[]): Item => ({ kind: "want", of, ids });
    expect(beside(want(7, 1, 2), want(7, 1))).toEqual(want(7, 1, 2));
    expect(beside(want(7, 1), want(8, 1))).toEqual(want(7, 1));
    expect(beside(want(7, 1), want(7, 2, 1))).toBeUndefined();
    const wantRecent = (of: number, ...tags: number[]): Item => ({ kind: "want-recent", of, tags });
    expect(beside(wantRecent(7, 1, 2), wantRecent(7, 1))).toEqual(wantRecent(7, 1, 2));
    expect(beside(wantRecent(7, 1), wantRecent(8, 1))).toEqual(wantRecent(7, 1));
    expect(beside(wantRecent(7, 1), want(7, 1))).toEqual(wantRecent(7, 1));
    expect(beside(wantRecent(7, 1), wantRecent(7, 2, 1))).toBeUndefined();
  });

  test("a list of another part is left", () => {
    const list = (prefix: string): Item => ({ kind: "list", prefix, ids: [] });
    expect(beside(list("a"), list("b"))).toEqual(list("a"));
    expect(beside(list("a"), list("a"))).toBeUndefined();
  });
});
