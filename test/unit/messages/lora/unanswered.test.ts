import { describe, expect, test } from "bun:test";
import { type MessagingBox, messagingBoxes } from "../../../../src/bench/lora/messaging-boxes.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import type { Bundle } from "../../../../src/messages/bundle/bundle.ts";
import { bundleId, encodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { decodeFrame } from "../../../../src/messages/lora/frame.ts";
import { type Item, shortIdOf } from "../../../../src/messages/lora/items.ts";
import { hear } from "./made-up-frames.ts";
import { bundleOf, keyOf, submit } from "./some-bundles.ts";

const HOUR_MS = 3_600_000;
const CHANNEL = { frequencyHz: 869_525_000, modulation: PRESETS.LongFast, powerDbm: 27 };
const TWO = { count: 2, channel: CHANNEL, spacingM: 1_500 };

/** To whoever is at the second box. */
const direct = (bodyBytes: number): Bundle =>
  bundleOf(0, {
    kind: "direct",
    to: { kind: "person", key: keyOf(1) },
    body: new Uint8Array(bodyBytes).fill(bodyBytes),
  });

/** Two boxes of which the first knows who is at the second, and each the other's keys. */
async function twoThatKnowEachOther(seed: number) {
  const made = messagingBoxes({ seed, ...TWO });
  for (const [index, box] of made.boxes.entries())
    submit(box, bundleOf(index, { kind: "card", to: { kind: "everyone" } }));
  await made.run(HOUR_MS / 3);
  const [first, second] = made.boxes;
  if (!first || !second) throw new Error("not two boxes");
  return { ...made, first, second };
}

/** What the other one hears of a box from now on. */
function itemsHeardBy(box: MessagingBox): Item[] {
  const items: Item[] = [];
  box.link.on("message", ({ payload }) => items.push(...decodeFrame(payload.subarray(1)).items));
  return items;
}

describe("a box whose frame holds two bundles", () => {
  test("is done with one that is heard to be there while the frame is still on its way, and sends it no more", async () => {
    const { first, second, run } = await twoThatKnowEachOther(21);
    const [one, other] = [direct(8), direct(9)];
    first.unplug();
    for (const bundle of [one, other]) submit(first, bundle);
    await run(1_000);
    first.plug();
    await run(10_000, () => first.link.waiting > 0);
    // An answer to an earlier time that it went, say.
    const held = [{ id: shortIdOf(bundleId(one)), hops: 1 }];
    hear(first, second.link.address, { kind: "have", held });
    expect(first.link.waiting).toBe(1);
    const items = itemsHeardBy(second);
    await run(HOUR_MS / 3);
    for (const bundle of [one, other]) expect(second.custody.knows(bundleId(bundle))).toBe(true);
    expect(items.filter(({ kind }) => kind === "bundle")).toHaveLength(2);
  });
});

describe("a bundle that a box never answers", () => {
  test("holds up no other that goes there", async () => {
    const { first, second, run } = await twoThatKnowEachOther(22);
    // Each has a frame of its own.
    const [stuck, other] = [direct(130), direct(131)];
    const take = second.custody.take.bind(second.custody);
    const isStuck = (encoded: Uint8Array) => Buffer.compare(encoded, encodeBundle(stuck)) === 0;
    // As where a medium hangs.
    second.custody.take = (encoded, ageMs, source) =>
      isStuck(encoded) ? new Promise(() => {}) : take(encoded, ageMs, source);
    submit(first, stuck);
    await run(1_000);
    submit(first, other);
    // It is heard all the while: a box that is silent is out of reach.
    for (let minute = 0; minute < 20; minute += 1) {
      submit(second, bundleOf(1, { kind: "check-in", to: { kind: "everyone" } }));
      await run(60_000);
    }
    expect(second.custody.knows(bundleId(stuck))).toBe(false);
    expect(second.custody.knows(bundleId(other))).toBe(true);
  });
});

describe("what is for somebody of whom nobody has heard", () => {
  test("goes as soon as the one box near says that it hears this one, which it did not at first", async () => {
    const { boxes, run } = messagingBoxes({ seed: 23, ...TWO });
    const [first, listener] = boxes;
    if (!first || !listener) throw new Error("not two boxes");
    listener.messages.stop();
    const items = itemsHeardBy(listener);
    submit(first, direct(40));
    await run(HOUR_MS);
    const stored = { count: 0, sum: 0 };
    const hello = { kind: "hello", seqno: 0, heard: [], routes: [], stored } as const;
    hear(first, 9, hello);
    await run(60_000);
    expect(items.filter(({ kind }) => kind === "bundle")).toHaveLength(0);
    hear(first, 9, { ...hello, heard: [{ address: first.link.address, quality: 255 }] });
    await run(60_000);
    expect(items.filter(({ kind }) => kind === "bundle")).toHaveLength(1);
  });
});
