import { describe, expect, test } from "bun:test";
import { type MessagingBox, messagingBoxes } from "../../../../src/bench/lora/messaging-boxes.ts";
import { decodeFrame as decodeLinkFrame } from "../../../../src/lora/link/frame.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import type { Bundle, BundleId } from "../../../../src/messages/bundle/bundle.ts";
import { bundleId } from "../../../../src/messages/bundle/bundle-codec.ts";
import { encodeForm, keyHashOf } from "../../../../src/messages/lora/bundle-form.ts";
import { decodeFrame } from "../../../../src/messages/lora/frame.ts";
import { hopTagOf, type Item, shortIdOf, tagOf } from "../../../../src/messages/lora/items.ts";
import { MAX_CARRIED } from "../../../../src/messages/lora/stock.ts";
import { hear } from "./made-up-frames.ts";
import { bundleOf, keyOf, submit } from "./some-bundles.ts";

const HOUR_MS = 3_600_000;
const CHANNEL = { frequencyHz: 869_525_000, modulation: PRESETS.LongFast, powerDbm: 27 };
/** Each hears the next, and nobody else. */
const IN_A_ROW = { channel: CHANNEL, spacingM: 1_500 };
const EVERYONE = { kind: "everyone" } as const;
const person = (number: number) => ({ kind: "person", key: keyOf(number) }) as const;
const card = (from: number) => bundleOf(from, { kind: "card", to: EVERYONE });
const checkIn = (from: number) => bundleOf(from, { kind: "check-in", to: EVERYONE });
const direct = (from: number, to: number) => bundleOf(from, { kind: "direct", to: person(to) });
/** As most go: whoever it is for sees by the seal who it is from. */
const sealed = (from: number, to: number): Bundle => ({ ...direct(from, to), signature: new Uint8Array(0) });

/** Two keys that have the same hash on LoRa. */
function keysOfOneHash(): [Uint8Array, Uint8Array] {
  const keys = new Map<number, Uint8Array>();
  for (let n = 0; ; n += 1) {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, n);
    const other = keys.get(keyHashOf(key));
    if (other) return [other, key];
    keys.set(keyHashOf(key), key);
  }
}

/** Which of them each box has told of as new, as often as it did. */
function arrivals(boxes: readonly MessagingBox[]): BundleId[][] {
  return boxes.map(({ custody }) => {
    const ids: BundleId[] = [];
    custody.onNew(({ id }) => ids.push(id));
    return ids;
  });
}

describe("two boxes that have just been switched on", () => {
  test("have each other's calls for help within half a minute, though neither had heard of the other", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 11, ...IN_A_ROW });
    const told = arrivals(boxes);
    const [there, back] = [bundleOf(0, { kind: "sos", to: EVERYONE }), checkIn(1)];
    submit(boxes[0], there);
    submit(boxes[1], back);
    await run(30_000);
    expect(told[1]).toContain(bundleId(there));
    expect(told[0]).toContain(bundleId(back));
  });

  test("say hello to one that comes back soon, and not again and again to one that comes and goes", async () => {
    const { boxes, run, air } = messagingBoxes({ count: 2, seed: 12, ...IN_A_ROW });
    await run(HOUR_MS);
    const before = air.stats().sent;
    for (let time = 0; time < 20; time += 1) {
      boxes[1]?.restart();
      await run(10_000);
    }
    // Each start says hello once; who stays greets as often as hellos go at most.
    expect(air.stats().sent - before).toBeLessThan(45);
  });
});

describe("boxes in a row", () => {
  test("bring a message from one end to the other by those between, and nowhere else, once", async () => {
    const { boxes, run } = messagingBoxes({ count: 5, seed: 1, ...IN_A_ROW });
    submit(boxes[3], card(3));
    await run(HOUR_MS);
    const told = arrivals(boxes);
    const message = direct(0, 3);
    submit(boxes[0], message);
    await run(60_000);
    const id = bundleId(message);
    expect(told).toEqual([[id], [id], [id], [id], []]);
  });

  test("bring what is for everyone to everyone, once, with 30 % of frames lost", async () => {
    const { boxes, run } = messagingBoxes({ count: 4, seed: 2, frameLoss: 0.3, ...IN_A_ROW });
    await run(HOUR_MS);
    const told = arrivals(boxes);
    const bundles = boxes.flatMap((_, from) => [checkIn(from), checkIn(from), checkIn(from)]);
    for (const [index, bundle] of bundles.entries()) submit(boxes[index % 4], bundle);
    const all = bundles.map(bundleId).toSorted();
    await run(2 * HOUR_MS, () => told.every((ids) => ids.length >= all.length));
    await run(60_000);
    for (const ids of told) expect(ids.toSorted()).toEqual(all);
  });

  test("bring direct messages both ways, once, with 30 % of frames lost", async () => {
    const { boxes, run } = messagingBoxes({ count: 4, seed: 3, frameLoss: 0.3, ...IN_A_ROW });
    for (const [index, box] of boxes.entries()) submit(box, card(index));
    await run(HOUR_MS);
    const told = arrivals(boxes);
    const there = [direct(0, 3), direct(0, 3), direct(1, 3)];
    const back = [direct(3, 0), direct(3, 0), direct(2, 0)];
    const writers = [0, 0, 1, 3, 3, 2];
    for (const [index, bundle] of [...there, ...back].entries()) submit(boxes[writers[index] ?? 0], bundle);
    const wanted = { 0: back.map(bundleId), 3: there.map(bundleId) };
    const has = (box: 0 | 3) => wanted[box].every((id) => told[box]?.includes(id));
    await run(HOUR_MS, () => has(0) && has(3));
    await run(60_000);
    expect([has(0), has(3)]).toEqual([true, true]);
    for (const ids of told) expect(new Set(ids).size).toBe(ids.length);
  });

  test("keep what is for a box that is away, and bring it when that box is heard", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 4, ...IN_A_ROW });
    for (const [index, box] of boxes.entries()) submit(box, card(index));
    await run(HOUR_MS);
    boxes[2]?.unplug();
    const [message, news] = [direct(0, 2), checkIn(0)];
    submit(boxes[0], message);
    submit(boxes[0], news);
    await run(3 * HOUR_MS);
    boxes[2]?.plug();
    const told = arrivals(boxes);
    await run(HOUR_MS);
    expect(told[2]?.toSorted()).toEqual([bundleId(message), bundleId(news)].toSorted());
  });

  test("bring certificates, and are silent about them afterwards", async () => {
    const { boxes, run, air } = messagingBoxes({ count: 2, seed: 4, ...IN_A_ROW });
    await run(HOUR_MS);
    const bundle = bundleOf(0, { kind: "credentials", to: EVERYONE, body: new Uint8Array(400).fill(5) });
    submit(boxes[0], bundle);
    await run(60_000);
    expect(boxes[1]?.custody.get(bundleId(bundle))?.bundle).toEqual(bundle);
    const beforeMs = air.stats().airtimeMs;
    await run(HOUR_MS);
    expect(air.stats().airtimeMs - beforeMs).toBeLessThan(20_000);
  });

  test("find a way for whom nobody has heard of yet", async () => {
    const { boxes, run } = messagingBoxes({ count: 4, seed: 5, ...IN_A_ROW });
    await run(HOUR_MS);
    const told = arrivals(boxes);
    const message = direct(0, 3);
    submit(boxes[0], message);
    await run(120_000);
    expect(told[3]).toEqual([bundleId(message)]);
  });

  test("find a way for whom nobody has heard of also where a box was not to be heard when it went, or lost it", async () => {
    for (const seed of [31, 32, 33]) {
      const { boxes, run } = messagingBoxes({ count: 3, seed, frameLoss: 0.3, ...IN_A_ROW });
      const message = direct(0, 2);
      submit(boxes[0], message);
      boxes[2]?.unplug();
      await run(HOUR_MS);
      // It forgets what it knew of others, and has just repeated it for the one when the other comes.
      boxes[1]?.restart();
      const before = boxes[1]?.messages.neighbours().length;
      await run(HOUR_MS, () => boxes[1]?.messages.neighbours().length !== before);
      await run(6_000);
      boxes[2]?.plug();
      await run(HOUR_MS);
      expect(boxes[2]?.custody.knows(bundleId(message))).toBe(true);
    }
  });

  test("repeat what is sought soon where it was left to others and nobody repeats it", async () => {
    const { boxes, run, air } = messagingBoxes({ count: 1, seed: 17, ...IN_A_ROW });
    const [box] = boxes;
    const own = box?.link.address ?? 0;
    await run(60_000);
    // Both have it from 2; 3 hears more, and is heard by 7 as well.
    for (const [from, heard] of [
      [2, [3]],
      [3, [2, 7, 8, 9]],
      [7, [3]],
    ] as const)
      hear(box, from, {
        ...{ kind: "hello", seqno: 1, routes: [], stored: { count: 0, sum: 0 } },
        heard: [own, ...heard].map((address) => ({ address, quality: 255 })),
      });
    // It has said whom it hears.
    await run(10 * 60_000);
    const sent: number[] = [];
    const ear = air.modem({ name: "ear", position: { x: 0, y: 0 } });
    ear.configure(CHANNEL);
    let passedS = 0;
    ear.onFrame(({ bytes }) => {
      const frame = decodeLinkFrame(bytes);
      if (frame.kind !== "data") return;
      const { items } = decodeFrame(frame.body.subarray(1));
      if (items.some(({ kind }) => kind === "bundle")) sent.push(passedS);
    });
    const form = encodeForm(direct(5, 6), { sender: true, to: true });
    hear(box, 2, { kind: "bundle", hop: undefined, hops: 0, origin: 2, ageS: 1, form });
    for (; passedS < 120; passedS += 1) await run(1_000);
    expect(sent[0]).toBeGreaterThan(8);
    expect(sent[0]).toBeLessThan(40);
  });

  test("send what was sought its way as soon as it is known where it is to go", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 34, ...IN_A_ROW });
    await run(HOUR_MS);
    boxes[2]?.unplug();
    const message = direct(0, 2);
    submit(boxes[0], message);
    // It has gone to all near, and been named: the next time it is named is far away.
    await run(HOUR_MS);
    boxes[1]?.custody.evict(bundleId(message));
    boxes[1]?.restart();
    boxes[2]?.plug();
    await run(120_000);
    submit(boxes[2], card(2));
    // A frame of it may be lost once.
    await run(240_000);
    expect(boxes[2]?.custody.knows(bundleId(message))).toBe(true);
  });

  test("send nobody's messages away from the box where they have just been seen", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 15, ...IN_A_ROW });
    submit(boxes[2], card(2));
    await run(HOUR_MS);
    const message = direct(0, 2);
    boxes[0]?.messages.personIsHere(keyOf(2));
    submit(boxes[0], message);
    await run(60_000);
    expect(boxes[1]?.custody.knows(bundleId(message))).toBe(false);
    const other = direct(1, 2);
    submit(boxes[1], other);
    await run(60_000);
    expect(boxes[2]?.custody.knows(bundleId(other))).toBe(true);
  });

  test("go on with what was in custody when one of them is started anew", async () => {
    const { boxes, run } = messagingBoxes({ count: 4, seed: 6, ...IN_A_ROW });
    for (const [index, box] of boxes.entries()) submit(box, card(index));
    await run(HOUR_MS);
    const told = arrivals(boxes);
    const message = direct(0, 3);
    submit(boxes[0], message);
    await run(60_000, () => told[1]?.length === 1);
    boxes[1]?.restart();
    await run(HOUR_MS, () => told[3]?.length === 1);
    expect(told[3]).toEqual([bundleId(message)]);
    // What had gone long before is offered by its name, and is taken by nobody again.
    boxes[1]?.restart();
    await run(HOUR_MS);
    expect(told.map((ids) => ids.length)).toEqual([1, 1, 1, 1]);
  });

  test("say of nobody that they are at a box that only repeats, after a restart, what they wrote elsewhere", async () => {
    const { boxes, run } = messagingBoxes({ count: 4, seed: 16, ...IN_A_ROW });
    const theirs = card(3);
    submit(boxes[3], theirs);
    await run(HOUR_MS);
    boxes[2]?.unplug();
    boxes[1]?.custody.evict(bundleId(theirs));
    for (const index of [0, 1]) boxes[index]?.restart();
    await run(HOUR_MS);
    expect(boxes[1]?.custody.knows(bundleId(theirs))).toBe(true);
    boxes[2]?.plug();
    await run(HOUR_MS);
    const message = direct(1, 3);
    submit(boxes[1], message);
    await run(60_000);
    expect(boxes[3]?.custody.knows(bundleId(message))).toBe(true);
  });

  test("hold what is for beyond a box that is away, and send it on once that one is back", async () => {
    const { boxes, run } = messagingBoxes({ count: 5, seed: 7, ...IN_A_ROW });
    for (const [index, box] of boxes.entries()) submit(box, card(index));
    await run(HOUR_MS);
    boxes[3]?.unplug();
    const told = arrivals(boxes);
    const message = direct(0, 4);
    submit(boxes[0], message);
    await run(2 * HOUR_MS);
    expect(told[4]).toEqual([]);
    boxes[3]?.plug();
    await run(HOUR_MS);
    expect(told[4]).toEqual([bundleId(message)]);
  });
});

describe("many boxes", () => {
  test("that all hear each other say hello in frames that hold it, and reach who is beyond one of them", async () => {
    const crowd = Array.from({ length: 24 }, (_, index) => ({ x: index * 10, y: 0 }));
    const positions = [...crowd, { x: -1_700, y: 0 }];
    const { boxes, run } = messagingBoxes({ count: 25, seed: 12, channel: CHANNEL, positions });
    submit(boxes[24], card(24));
    await run(HOUR_MS);
    const message = direct(23, 24);
    submit(boxes[23], message);
    await run(120_000, () => boxes[24]?.custody.knows(bundleId(message)) === true);
    expect(boxes[24]?.custody.knows(bundleId(message))).toBe(true);
  });
});

describe("boxes with two ways", () => {
  test("send by the other way what is lost with the box that had taken it further", async () => {
    const positions = [
      { x: 0, y: 0 },
      { x: 1_200, y: 700 },
      { x: 1_200, y: -700 },
      { x: 2_400, y: 0 },
    ];
    const { boxes, run } = messagingBoxes({ count: 4, seed: 11, channel: CHANNEL, positions });
    for (const [index, box] of boxes.entries()) submit(box, card(index));
    await run(HOUR_MS);
    boxes[3]?.unplug();
    const message = direct(0, 3);
    submit(boxes[0], message);
    await run(60_000);
    const holders = [1, 2].filter((index) => boxes[index]?.custody.knows(bundleId(message)));
    expect(holders).toHaveLength(1);
    for (const index of holders) boxes[index]?.unplug();
    boxes[3]?.plug();
    await run(3 * HOUR_MS);
    expect(boxes[3]?.custody.knows(bundleId(message))).toBe(true);
  });
});

describe("what is most urgent", () => {
  test("a call for help overtakes what waits already, at every box", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 8, ...IN_A_ROW });
    await run(HOUR_MS);
    const told = arrivals(boxes);
    // One fills a frame that has been begun.
    const long = (count: number) => new Uint8Array(46).fill(count);
    for (let count = 0; count < 12; count += 1)
      submit(
        boxes[0],
        bundleOf(0, { kind: "post", to: { kind: "room", room: "square" }, body: long(count) }),
      );
    await run(3_000);
    const sos = bundleOf(0, { kind: "sos", to: EVERYONE });
    submit(boxes[0], sos);
    await run(HOUR_MS, () => told[2]?.includes(bundleId(sos)) === true);
    expect(told[2]?.indexOf(bundleId(sos))).toBeLessThan(3);
  });
});

describe("whoever makes frames up", () => {
  /** Two boxes that both have a hundred bundles, and are silent but for hellos. */
  async function twoWithMuch() {
    const made = messagingBoxes({ count: 2, seed: 1, ...IN_A_ROW });
    const { boxes, run, air } = made;
    await run(HOUR_MS / 2);
    for (let count = 0; count < 100; count += 1) submit(boxes[0], checkIn(0));
    await run(3 * HOUR_MS);
    expect(boxes[1]?.custody.ids()).toHaveLength(100);
    const own = boxes[0]?.link.address ?? 0;
    /** As if the second box, or anybody, had sent it. */
    const forge = async (from: number, item: Item) => {
      hear(boxes[0], from, item);
      await run(5_000);
    };
    const airS = async (wait: () => Promise<void>) => {
      const beforeMs = air.stats().airtimeMs;
      await wait();
      return (air.stats().airtimeMs - beforeMs) / 1_000;
    };
    return { ...made, own, forge, airS, ids: boxes[0]?.custody.ids().map(shortIdOf) ?? [] };
  }

  test("gets nothing for an empty list of everything", async () => {
    const { boxes, run, forge, airS } = await twoWithMuch();
    const quietS = await airS(() => run(HOUR_MS));
    const spentS = await airS(async () => {
      await forge(boxes[1]?.link.address ?? 0, { kind: "list", prefix: "", ids: [] });
      await run(HOUR_MS);
    });
    expect(spentS).toBeLessThan(quietS + 20);
  });

  test("gets no more than a share of the air, whatever is asked for and by how many", async () => {
    const { run, forge, airS, own, ids } = await twoWithMuch();
    const of = hopTagOf(own);
    const quietS = await airS(() => run(HOUR_MS));
    const spentS = await airS(async () => {
      for (let count = 0; count < 180; count += 1) {
        await forge(0x400000 + count, { kind: "want", of, ids: ids.slice(0, 60) });
        await forge(0x500000 + count, { kind: "parts", prefix: "", sums: Array(16).fill(count) });
        await forge(0x600000 + count, { kind: "list", prefix: (count % 16).toString(16), ids: [] });
        await forge(0x700000, {
          kind: "recent",
          tags: ids.slice(0, 60).map((id) => tagOf(id + count * 0x1_0000)),
        });
        await forge(0x800000 + count, { kind: "want-recent", of, tags: ids.slice(0, 60).map(tagOf) });
      }
    });
    // What may go at once, and a twentieth of an hour; greetings to whoever seems to have come.
    expect(spentS).toBeLessThan(quietS + 180 + 180 + 60);
  });

  test("moves nobody elsewhere by a bundle that its sender has not signed", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 2, ...IN_A_ROW });
    submit(boxes[2], card(2));
    await run(HOUR_MS);
    const [first] = boxes;
    const forged = bundleOf(2, { kind: "post", to: { kind: "room", room: "square" } });
    const form = encodeForm(forged, { sender: true, to: false });
    for (const origin of [first?.link.address ?? 0, 0x123456]) {
      const item: Item = { kind: "bundle", hop: 0x1234, hops: 1, origin, ageS: 0, form };
      hear(first, 0x777777, item);
    }
    const message = direct(0, 2);
    submit(first, message);
    await run(120_000);
    expect(boxes[2]?.custody.knows(bundleId(message))).toBe(true);
  });

  test("moves nobody elsewhere by a bundle that nobody has signed", async () => {
    const { boxes, run } = messagingBoxes({ count: 3, seed: 2, ...IN_A_ROW });
    submit(boxes[2], card(2));
    await run(HOUR_MS);
    const [first, second] = boxes;
    // Neither by the air, nor by a guest of a box.
    const form = encodeForm(sealed(2, 5), { sender: true, to: true });
    const hop = hopTagOf(first?.link.address ?? 0);
    hear(first, 0x777777, { kind: "bundle", hop, hops: 1, origin: 0x123456, ageS: 0, form });
    submit(second, sealed(2, 6));
    await run(10_000);
    const message = sealed(0, 2);
    submit(first, message);
    await run(120_000);
    expect(boxes[2]?.custody.knows(bundleId(message))).toBe(true);
  });

  test("is told from another of the same hash by the id of what is not signed", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 3, ...IN_A_ROW });
    submit(boxes[1], card(2));
    const senders = keysOfOneHash().map((key) => ({ as: "person" as const, key }));
    for (const sender of senders) submit(boxes[0], { ...card(0), sender });
    await run(HOUR_MS);
    const messages = senders.map((sender) => ({ ...sealed(0, 2), sender }));
    for (const message of messages) submit(boxes[0], message);
    await run(60_000);
    expect(messages.filter((message) => !boxes[1]?.custody.knows(bundleId(message)))).toEqual([]);
  });

  test("is told names of what is sought for a share of the air alone, by however many addresses it seems to come", async () => {
    const { boxes, run, forge, airS, own } = await twoWithMuch();
    for (let count = 0; count < 300; count += 1) submit(boxes[0], direct(0, 50));
    await run(4 * HOUR_MS);
    const quietS = await airS(() => run(HOUR_MS));
    const spentS = await airS(async () => {
      for (let count = 0; count < 720; count += 1)
        await forge(0x600000 + count, { kind: "want", of: hopTagOf(own + 1), ids: [count] });
    });
    // As above.
    expect(spentS).toBeLessThan(quietS + 180 + 180 + 60);
  }, 30_000);

  test("is asked once for keys that it names, whatever keys it tells then", async () => {
    const { run, forge, airS } = await twoWithMuch();
    const quietS = await airS(() => run(100_000));
    for (let count = 0; count < 32; count += 1) {
      const form = encodeForm(sealed(100 + count, 200 + count), { sender: false, to: false });
      await forge(9, { kind: "bundle", hop: undefined, hops: 1, origin: 9, ageS: 0, form });
    }
    const spentS = await airS(async () => {
      for (let count = 0; count < 20; count += 1)
        await forge(9, { kind: "keys", keys: [new Uint8Array(32).fill(count)] });
    });
    expect(spentS).toBeLessThan(quietS + 5);
  });

  test("gets a bundle repeated once, however often it is asked for", async () => {
    const { forge, airS, own, ids } = await twoWithMuch();
    const oneS = await airS(() => forge(9, { kind: "want", of: hopTagOf(own), ids: ids.slice(0, 1) }));
    const moreS = await airS(async () => {
      for (let from = 10; from < 13; from += 1)
        await forge(from, { kind: "want", of: hopTagOf(own), ids: ids.slice(0, 1) });
    });
    expect(oneS).toBeGreaterThan(0.5);
    expect(moreS).toBeLessThan(oneS);
  });
});

describe("what does not go by LoRa", () => {
  test("is where somebody outside is reached: all who listen would read it", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 5, ...IN_A_ROW });
    await run(HOUR_MS);
    const heard: string[] = [];
    boxes[1]?.link.on("message", ({ payload }) => heard.push(Buffer.from(payload).toString("latin1")));
    const outside = { kind: "outside", uri: "mailto:mother@example.org" } as const;
    const bundle = bundleOf(0, { kind: "check-in", to: outside });
    submit(boxes[0], bundle);
    await run(3 * HOUR_MS);
    expect(heard.length).toBeGreaterThan(0);
    expect(heard.filter((said) => said.includes("mother"))).toEqual([]);
    expect(boxes[1]?.custody.knows(bundleId(bundle))).toBe(false);
    expect(boxes[0]?.messages.underWay(bundleId(bundle))).toBeUndefined();
  });
});

describe("what is said to have come", () => {
  test("is what is still in custody: whoever handed over what had to give way keeps it", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 13, ...IN_A_ROW });
    submit(boxes[1], card(1));
    await run(HOUR_MS);
    let given = 0;
    const custody = boxes[1]?.custody;
    custody?.onNew(({ id }) => {
      given += 1;
      if (given === 1) custody.evict(id);
    });
    const message = direct(0, 1);
    submit(boxes[0], message);
    await run(10_000, () => given === 1);
    await run(500);
    expect(boxes[0]?.messages.underWay(bundleId(message))).toBeDefined();
    await run(60_000);
    expect([given, custody?.knows(bundleId(message))]).toEqual([2, true]);
    expect(boxes[0]?.messages.underWay(bundleId(message))).toBeUndefined();
  });

  test("is asked for no more where it was here and its time is over", async () => {
    const { boxes, run, air } = messagingBoxes({ count: 2, seed: 14, ...IN_A_ROW });
    await run(HOUR_MS);
    const bundles = Array.from({ length: 10 }, () => checkIn(0));
    for (const bundle of bundles) submit(boxes[0], bundle);
    await run(HOUR_MS);
    for (const bundle of bundles) boxes[1]?.custody.remove(bundleId(bundle));
    const said: Item["kind"][] = [];
    boxes[0]?.link.on("message", ({ payload }) => {
      for (const { kind } of decodeFrame(payload.subarray(1)).items) said.push(kind);
    });
    const beforeMs = air.stats().airtimeMs;
    await run(3 * HOUR_MS);
    expect(said).toContain("hello");
    expect(said).not.toContain("want");
    expect(air.stats().airtimeMs - beforeMs).toBeLessThan(300_000);
  });
});

describe("more than can be carried", () => {
  test("leaves out the least urgent, and takes it up when something has gone", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 6, ...IN_A_ROW });
    submit(boxes[1], card(1));
    await run(HOUR_MS);
    boxes[0]?.unplug();
    const posts = Array.from({ length: MAX_CARRIED + 100 }, () =>
      bundleOf(0, { kind: "post", to: { kind: "room", room: "square" } }),
    );
    for (const post of posts) submit(boxes[0], post);
    await run(1_000);
    const message = direct(0, 1);
    submit(boxes[0], message);
    await run(1_000);
    const isCarried = (bundle: Bundle) => boxes[0]?.messages.underWay(bundleId(bundle)) !== undefined;
    expect(isCarried(message)).toBe(true);
    expect(posts.filter(isCarried).length).toBeLessThan(MAX_CARRIED);
    expect(posts.slice(-50).filter(isCarried)).toEqual([]);
    for (const post of posts.filter(isCarried).slice(0, 200)) boxes[0]?.custody.remove(bundleId(post));
    await run(60_000);
    expect(posts.slice(-50).filter(isCarried)).toHaveLength(50);
    boxes[0]?.plug();
    await run(10 * 60_000, () => boxes[1]?.custody.knows(bundleId(message)) === true);
    expect(boxes[1]?.custody.knows(bundleId(message))).toBe(true);
  });
});

describe("what is told of a bundle", () => {
  test("is when it will have gone, until a neighbour has it", async () => {
    const { boxes, run, time } = messagingBoxes({ count: 2, seed: 9, ...IN_A_ROW });
    await run(HOUR_MS);
    const bundles = Array.from({ length: 6 }, () => checkIn(0));
    for (const bundle of bundles) {
      submit(boxes[0], bundle);
      await run(5);
    }
    const [first = "", last = ""] = [bundles[0], bundles.at(-1)].map((bundle) => bundle && bundleId(bundle));
    const messages = boxes[0]?.messages;
    const firstMs = messages?.underWay(first)?.etaMs ?? Number.NaN;
    const lastMs = messages?.underWay(last)?.etaMs ?? Number.NaN;
    expect(firstMs).toBeGreaterThan(500);
    expect(lastMs).toBeGreaterThan(firstMs);
    const fromMs = time.monotonicMs();
    await run(HOUR_MS, () => boxes[1]?.custody.knows(last) === true);
    expect(time.monotonicMs() - fromMs).toBeLessThan(lastMs * 2);
    await run(HOUR_MS, () => messages?.underWay(last) === undefined);
    expect(messages?.underWay(last)).toBeUndefined();
  });

  test("is nothing while no radio is there", async () => {
    const { boxes, run } = messagingBoxes({ count: 2, seed: 10, ...IN_A_ROW });
    boxes[0]?.unplug();
    const bundle = checkIn(0);
    submit(boxes[0], bundle);
    await run(1_000);
    expect(boxes[0]?.messages.underWay(bundleId(bundle))).toEqual({ etaMs: undefined });
  });
});
