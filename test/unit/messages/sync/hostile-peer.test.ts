import { describe, expect, test } from "bun:test";
import { RANKS } from "../../../../src/messages/sync/rank.ts";
import { decodeFrame, encodeFrame, type SyncFrame } from "../../../../src/messages/sync/sync-frame.ts";
import { idsFrom } from "./id-sets.ts";
import { someBundle } from "./memory-custody.ts";
import { SyncBoxes } from "./sync-box.ts";

const HELLO: SyncFrame = { says: "hello", version: 1, takesLarge: true };

/** A box, and somebody who speaks to it as he likes. */
async function visited() {
  const boxes = new SyncBoxes();
  const box = boxes.box("box");
  boxes.start(box);
  // His id comes first, so he begins.
  const visitor = boxes.engines.engine("a visitor");
  boxes.engines.connect(visitor, box.engine);
  const stream = await visitor.open("box", "/omerta/bundles/1");
  const heard: SyncFrame[] = [];
  let ended: unknown;
  (async () => {
    for await (const frame of stream.frames()) heard.push(decodeFrame(frame));
  })().catch((error) => {
    ended = error;
  });
  const { time } = boxes;
  return {
    boxes,
    box,
    time,
    heard,
    say: (...frames: readonly (SyncFrame | Uint8Array)[]) => {
      for (const frame of frames)
        stream.send(frame instanceof Uint8Array ? frame : encodeFrame(frame)).catch(() => undefined);
      return time.advanceAsync(2_000);
    },
    /** Why it was shown out. */
    why: () => (ended instanceof Error ? ended.message : undefined),
    heardOf: <S extends SyncFrame["says"]>(says: S) =>
      heard.filter((frame): frame is Extract<SyncFrame, { says: S }> => frame.says === says),
  };
}

describe("whoever", () => {
  test("says what is no frame, or does not greet, is shown out", async () => {
    const babbler = await visited();
    await babbler.say(HELLO, Buffer.from("babble"));
    expect(babbler.why()).toContain("frame");
    const rude = await visited();
    await rude.say({ says: "offer", rank: "sos", ids: idsFrom(0, 3) });
    expect(rude.why()).toContain("greet");
    expect(rude.box.engine.streams.size).toBe(0);
  });

  test("opens and says nothing is left after a minute, and whoever is greeted and owes nothing is not", async () => {
    const { time, why } = await visited();
    await time.advanceAsync(55_000);
    expect(why()).toBeUndefined();
    await time.advanceAsync(20_000);
    expect(why()).toBe("the peer is silent");
    const quiet = await visited();
    await quiet.say(HELLO);
    await quiet.time.advanceAsync(3_600_000);
    expect(quiet.why()).toBeUndefined();
  });

  test("does not acknowledge what was sent is left, and the bundle goes again", async () => {
    const { box, say, time, why, heardOf, boxes } = await visited();
    await say(HELLO);
    const id = box.custody.put(someBundle("sos"));
    await time.advanceAsync(80_000);
    expect(heardOf("bundle").map((frame) => frame.id)).toEqual([id]);
    expect(why()).toBe("the peer is silent");
    expect(box.handedOver).toEqual([]);
    const other = boxes.box("other");
    boxes.start(other);
    boxes.connect(box, other);
    await time.advanceAsync(1_000);
    expect(other.custody.held.has(id)).toBe(true);
  });

  test("calls a bundle by another's name is shown out, and the other is still fetched from others", async () => {
    const { box, say, why, boxes, time } = await visited();
    const [wanted, junk] = [someBundle("check-in"), someBundle("post")];
    await say(HELLO, { says: "offer", rank: "check-in", ids: [wanted.id] });
    await say({ says: "bundle", id: wanted.id, ageMs: 0, encoded: junk.encoded });
    expect(why()).toContain("was said to be");
    const honest = boxes.box("honest");
    honest.custody.put(wanted);
    boxes.start(honest);
    boxes.connect(box, honest);
    await time.advanceAsync(1_000);
    expect(box.custody.held.has(wanted.id)).toBe(true);
  });

  test("sends garbage for a bundle spoils it for himself alone", async () => {
    const { box, say, heardOf, boxes, time } = await visited();
    const wanted = someBundle("check-in");
    await say(HELLO, { says: "offer", rank: "check-in", ids: [wanted.id] });
    await say({ says: "bundle", id: wanted.id, ageMs: 0, encoded: new Uint8Array(50) });
    expect(heardOf("taken")).toEqual([{ says: "taken", outcome: "malformed", ids: [wanted.id] }]);
    await say({ says: "offer", rank: "check-in", ids: [wanted.id] });
    expect(heardOf("taken").at(-1)).toEqual({ says: "taken", outcome: "later", ids: [wanted.id] });
    const honest = boxes.box("honest");
    honest.custody.put(wanted);
    boxes.start(honest);
    boxes.connect(box, honest);
    await time.advanceAsync(1_000);
    expect(box.custody.held.has(wanted.id)).toBe(true);
  });

  test("offers a bundle and keeps it back delays it by a minute at most, however much he talks", async () => {
    const { box, say, boxes, time, heardOf } = await visited();
    const wanted = someBundle("check-in");
    await say(HELLO, { says: "offer", rank: "check-in", ids: [wanted.id] });
    expect(heardOf("want").map(({ ids }) => ids)).toEqual([[wanted.id]]);
    const honest = boxes.box("honest");
    honest.custody.put(wanted);
    boxes.start(honest);
    boxes.connect(box, honest);
    await time.advanceAsync(10_000);
    expect(box.custody.held.has(wanted.id)).toBe(false);
    for (let second = 0; second < 70; second += 2) await say(HELLO);
    expect(box.custody.held.has(wanted.id)).toBe(true);
  });

  test("sends more than was acknowledged, asks for more than he was offered, or compares on and on, is shown out", async () => {
    const flood = await visited();
    flood.box.custody.commitMs = 60_000;
    const bundles = Array.from({ length: 500 }, () => someBundle("post"));
    await flood.say(
      HELLO,
      ...bundles.map(({ id, encoded }): SyncFrame => ({ says: "bundle", id, ageMs: 0, encoded })),
    );
    expect(flood.why()).toContain("more bundles come than were acknowledged");
    expect(flood.box.custody.offered.length).toBeLessThanOrEqual(401);

    const greedy = await visited();
    const all = Array.from({ length: 2_500 }, () => greedy.box.custody.put(someBundle("post")));
    const wants = Array.from(
      { length: 5 },
      (_, at): SyncFrame => ({ says: "want", ids: all.slice(at * 500, (at + 1) * 500) }),
    );
    await greedy.say(HELLO, ...wants);
    expect(greedy.why()).toContain("bundles are wanted");
    expect(greedy.heardOf("bundle").length).toBeLessThanOrEqual(256);

    const curious = await visited();
    const digest = new Uint8Array(16);
    const compare: SyncFrame = {
      says: "compare",
      rank: "sos",
      ranges: [{ upTo: undefined, says: "digest", digest }],
    };
    await curious.say(HELLO, ...Array.from({ length: 2_400 }, () => compare));
    expect(curious.why()).toBeUndefined();
    expect(curious.heardOf("compared").length).toBe(2_400);
    await curious.say(...Array.from({ length: 200 }, () => compare));
    expect(curious.why()).toContain("compares too often");
  });

  test("answers what nobody asked is shown out where it would cost something", async () => {
    const { box, say, why } = await visited();
    const id = box.custody.put(someBundle("post"));
    // What a member says that it has is its word, as any acknowledgement is.
    await say(HELLO, { says: "taken", outcome: "new", ids: [...idsFrom(0, 100), id] });
    expect(box.handedOver).toEqual([{ id, peer: "a visitor" }]);
    await say({ says: "not-here", ids: idsFrom(0, 100) });
    expect(why()).toBeUndefined();
    await say({ says: "compared", rank: "sos", ranges: [] });
    expect(why()).toContain("nothing was asked");
  });

  test("offers more than there is room for is told later, and the box keeps its bounds", async () => {
    const { box, say, heardOf, why } = await visited();
    await say(HELLO);
    for (let from = 0; from < 60_000; from += 500)
      await say({ says: "offer", rank: RANKS[from % 5] ?? "room", ids: idsFrom(from, 500) });
    expect(why()).toBeUndefined();
    const later = heardOf("taken").flatMap(({ outcome, ids }) => (outcome === "later" ? ids : []));
    expect(later.length).toBe(60_000 - 32_768);
    expect(box.sync.neighbours()[0]?.toCome).toBe(32_768);
    // Of each rank only so many are asked for.
    expect(heardOf("want").flatMap(({ ids }) => ids).length).toBeLessThanOrEqual(256 * 5);
  });

  test("leads a comparison nowhere is compared with no longer, and no more often than others", async () => {
    const boxes = new SyncBoxes();
    const box = boxes.box("box");
    boxes.start(box);
    for (let number = 0; number < 2_000; number += 1) box.custody.put(someBundle("post", { bodyBytes: 5 }));
    const liar = boxes.engines.engine("liar");
    liar.handle("/omerta/bundles/1", async (stream) => {
      await stream.send(encodeFrame(HELLO));
      for await (const bytes of stream.frames()) {
        const frame = decodeFrame(bytes);
        if (frame.says !== "compare") continue;
        // Everything differs, always.
        const ranges = frame.ranges.map(({ upTo }) => ({
          upTo,
          says: "digest" as const,
          digest: new Uint8Array(16),
        }));
        await stream.send(encodeFrame({ says: "compared", rank: frame.rank, ranges }));
      }
    });
    boxes.engines.connect(box.engine, liar);
    await boxes.time.advanceAsync(600_000);
    const ofPosts = boxes.frames("compare", box).filter(({ frame }) => frame.rank === "room");
    expect(ofPosts.length).toBeGreaterThan(12);
    expect(ofPosts.length).toBeLessThanOrEqual(12 * 10);
  });
});
