import { describe, expect, test } from "bun:test";
import type { Kind } from "../../../../src/messages/bundle/bundle.ts";
import { someBundle } from "./memory-custody.ts";
import { SyncBoxes } from "./sync-box.ts";

const many = (count: number, kind: Kind, bodyBytes = 60) =>
  Array.from({ length: count }, () => someBundle(kind, { bodyBytes }));

/** Two boxes that are started and not connected yet. */
function pair() {
  const boxes = new SyncBoxes();
  const [a, b] = [boxes.box("a"), boxes.box("b")];
  boxes.start(a, b);
  return { boxes, time: boxes.time, a, b };
}

const idsOf = (list: readonly { id: string }[]) => list.map(({ id }) => id).sort();

describe("two boxes that meet", () => {
  test("have the same afterwards, and both know what was handed over", async () => {
    const { boxes, time, a, b } = pair();
    for (const one of many(50, "post")) for (const { custody } of [a, b]) custody.put(one);
    const ofA = many(20, "check-in").map((one) => a.custody.put(one));
    const ofB = many(30, "direct").map((one) => b.custody.put(one));
    boxes.connect(a, b);
    await time.advanceAsync(5_000);
    expect(a.custody.ids()).toEqual(b.custody.ids());
    expect(a.custody.ids()).toHaveLength(100);
    expect(idsOf(a.handedOver)).toEqual(ofA.sort());
    expect(idsOf(b.handedOver)).toEqual(ofB.sort());
    expect(a.handedOver[0]?.peer).toBe("b");
    expect([a.custody.offered.length, b.custody.offered.length]).toEqual([30, 20]);
    await a.sync.stop();
    await b.sync.stop();
    expect(time.waiting).toBe(0);
    expect([a.engine.streams.size, b.engine.streams.size]).toEqual([0, 0]);
  });

  test("fill an empty box with more than one comparison tells of", async () => {
    const { boxes, time, a, b } = pair();
    boxes.engines.bytesPerS = 50_000_000;
    b.custody.commitMs = 1;
    for (const one of many(17_000, "post", 10)) a.custody.put(one);
    boxes.connect(a, b);
    expect(await time.runUntilAsync(() => b.custody.held.size === 17_000, 60_000)).toBe(true);
    expect(b.custody.offered).toHaveLength(17_000);
  }, 120_000);

  test("say next to nothing while they have the same, and less and less often", async () => {
    const { boxes, time, a, b } = pair();
    for (const one of many(500, "post")) for (const { custody } of [a, b]) custody.put(one);
    boxes.connect(a, b);
    await time.advanceAsync(3_600_000);
    expect(boxes.frames("offer")).toEqual([]);
    const comparisons = boxes.frames("compare", a).filter(({ frame }) => frame.rank === "sos");
    expect(comparisons.length).toBeGreaterThan(4);
    expect(comparisons.length).toBeLessThan(12);
    expect(boxes.bytes).toBeLessThan(comparisons.length * 400);
  });

  test("find out by comparing what no offer told of", async () => {
    const { boxes, time, a, b } = pair();
    boxes.connect(a, b);
    await time.advanceAsync(10_000);
    // An offer that is answered, and a box that then loses what it took on.
    const id = a.custody.put(someBundle("post"));
    await time.advanceAsync(1_000);
    b.custody.drop(id);
    b.custody.had.delete(id);
    expect(await time.runUntilAsync(() => b.custody.held.has(id), 20 * 60_000)).toBe(true);
  });

  test("tell the age as it is when the bundle goes", async () => {
    const { boxes, time, a, b } = pair();
    a.custody.put(someBundle("post"));
    boxes.connect(a, b);
    await time.advanceAsync(1_000);
    expect(b.custody.offered[0]).toMatchObject({ ageMs: 1_000, source: { by: "box", peer: "a" } });
  });
});

describe("a new bundle", () => {
  test("is offered at once, and goes when it is wanted", async () => {
    const { boxes, time, a, b } = pair();
    boxes.connect(a, b);
    await time.advanceAsync(1_000);
    const id = a.custody.put(someBundle("check-in"));
    expect(await time.runUntilAsync(() => b.custody.held.has(id), 20)).toBe(true);
    expect(boxes.frames("offer", a).map(({ frame }) => frame)).toEqual([
      { says: "offer", rank: "check-in", ids: [id] },
    ]);
    expect(boxes.frames("want", b)).toHaveLength(1);
  });

  test("that calls for help goes without being asked for", async () => {
    const { boxes, time, a, b } = pair();
    boxes.connect(a, b);
    await time.advanceAsync(1_000);
    const id = b.custody.put(someBundle("sos"));
    expect(await time.runUntilAsync(() => a.custody.held.has(id), 10)).toBe(true);
    expect(boxes.frames("offer")).toEqual([]);
    await time.advanceAsync(100);
    expect(b.handedOver).toEqual([{ id, peer: "a" }]);
  });

  test("is not sent back to where it came from", async () => {
    const { boxes, time, a, b } = pair();
    boxes.connect(a, b);
    await time.advanceAsync(1_000);
    a.custody.put(someBundle("post"));
    a.custody.put(someBundle("sos"));
    await time.advanceAsync(3_600_000);
    expect(b.custody.held.size).toBe(2);
    expect([boxes.frames("offer", b), boxes.frames("bundle", b)]).toEqual([[], []]);
    expect(b.handedOver).toEqual([]);
  });

  test("reaches every box of a chain, and each once where all are connected to all", async () => {
    const boxes = new SyncBoxes();
    const all = ["a", "b", "c", "d"].map((name) => boxes.box(name));
    boxes.start(...all);
    for (const [at, one] of all.entries()) for (const other of all.slice(at + 1)) boxes.connect(one, other);
    await boxes.time.advanceAsync(1_000);
    const [first] = all;
    const ids = many(200, "post").map((one) => first?.custody.put(one));
    await boxes.time.advanceAsync(10_000);
    for (const { custody } of all) expect(custody.held.size).toBe(200);
    expect(all.map(({ custody }) => custody.offered.length)).toEqual([0, 200, 200, 200]);
    // Each neighbour has said that it has it, whoever gave it.
    expect(new Set(first?.handedOver.map(({ id, peer }) => `${id} ${peer}`)).size).toBe(ids.length * 3);
  });
});

describe("what goes first", () => {
  const order = ["sos", "check-in", "direct", "post", "photo"] as const;

  test("is the most urgent, in whatever order it came", async () => {
    const { boxes, time, a, b } = pair();
    boxes.engines.bytesPerS = 20_000;
    for (const kind of [...order].reverse())
      for (const one of many(30, kind, kind === "photo" ? 20_000 : 60)) a.custody.put(one);
    boxes.connect(a, b);
    await time.advanceAsync(120_000);
    const kinds = b.custody.offered.map(({ id }) => a.custody.get(id)?.bundle.kind);
    expect(kinds).toHaveLength(150);
    // What is asked for in one lot comes in one lot, before anything that is less urgent.
    expect(kinds).toEqual(order.flatMap((kind) => Array.from({ length: 30 }, () => kind)));
  });

  test("is a call for help also while thousands of others go, by one frame's time", async () => {
    const { boxes, time, a, b } = pair();
    boxes.engines.bytesPerS = 20_000;
    for (const one of many(2_000, "post", 400)) a.custody.put(one);
    for (const one of many(5, "photo", 50_000)) a.custody.put(one);
    boxes.connect(a, b);
    await time.advanceAsync(10_000);
    expect(b.custody.held.size).toBeGreaterThan(100);
    expect(b.custody.held.size).toBeLessThan(1_000);
    const sos = a.custody.put(someBundle("sos"));
    const checkIn = a.custody.put(someBundle("check-in"));
    const frameMs = (500 / 20_000) * 1_000;
    expect(await time.runUntilAsync(() => b.custody.held.has(sos), 3 * frameMs + 20)).toBe(true);
    // It is offered, asked for and sent, each behind one frame at most.
    expect(await time.runUntilAsync(() => b.custody.held.has(checkIn), 8 * frameMs + 20)).toBe(true);
    expect(b.custody.held.size).toBeLessThan(1_000);
    await time.advanceAsync(120_000);
    expect(b.custody.ids()).toEqual(a.custody.ids());
  });

  test("is no picture by a way whose volume is paid for, until there is another", async () => {
    const { boxes, time, a, b } = pair();
    const old = a.custody.put(someBundle("photo", { bodyBytes: 30_000 }));
    const small = a.custody.put(someBundle("photo", { bodyBytes: 3_000 }));
    // Only one of the two knows that the way is metered.
    b.way.metered = true;
    boxes.connect(a, b);
    await time.advanceAsync(5_000);
    const fresh = a.custody.put(someBundle("photo", { bodyBytes: 20_000 }));
    await time.advanceAsync(3_600_000);
    expect(b.custody.ids()).toEqual([small]);
    expect(boxes.bytes).toBeLessThan(15_000);
    b.way.metered = false;
    await time.advanceAsync(30_000);
    expect(b.custody.ids()).toEqual([old, small, fresh].sort());
    a.way.metered = true;
    a.custody.put(someBundle("photo", { bodyBytes: 20_000 }));
    await time.advanceAsync(3_600_000);
    expect(b.custody.held.size).toBe(3);
  });
});

describe("an acknowledgement", () => {
  test("comes when the bundle is on the medium, and not before", async () => {
    const { boxes, time, a, b } = pair();
    b.custody.commitMs = 20_000;
    const id = a.custody.put(someBundle("sos"));
    boxes.connect(a, b);
    await time.advanceAsync(19_900);
    expect([b.custody.offered.length, a.handedOver.length, b.custody.held.size]).toEqual([1, 0, 0]);
    await time.advanceAsync(1_000);
    expect(a.handedOver).toEqual([{ id, peer: "b" }]);
  });

  test("does not come while the medium fails, and the bundle comes again", async () => {
    const { boxes, time, a, b } = pair();
    b.custody.fails = true;
    const ids = [a.custody.put(someBundle("sos")), a.custody.put(someBundle("post"))].sort();
    boxes.connect(a, b);
    await time.advanceAsync(300_000);
    expect(a.handedOver).toEqual([]);
    expect(b.log.lines.map(({ msg }) => msg)).toContain("bundles cannot be kept");
    expect(b.custody.offered.length).toBeLessThan(30);
    b.custody.fails = false;
    expect(await time.runUntilAsync(() => b.custody.held.size === 2, 120_000)).toBe(true);
    await time.advanceAsync(1_000);
    expect(idsOf(a.handedOver)).toEqual(ids);
  });

  test("comes as well for what the neighbour knew, and has no more", async () => {
    const { boxes, time, a, b } = pair();
    const one = someBundle("direct");
    const id = b.custody.put(one);
    b.custody.drop(id);
    a.custody.put(one);
    boxes.connect(a, b);
    await time.advanceAsync(1_000);
    expect(a.handedOver).toEqual([{ id, peer: "b" }]);
    expect(b.custody.offered).toEqual([]);
  });

  test("that was lost is asked for when the neighbour comes again", async () => {
    const boxes = new SyncBoxes();
    const waiting = new Set<string>();
    const [a, b] = [boxes.box("a", { unconfirmed: () => waiting }), boxes.box("b")];
    const one = someBundle("sos");
    waiting.add(a.custody.put(one));
    b.custody.put(one);
    boxes.start(a, b);
    boxes.connect(a, b);
    await boxes.time.advanceAsync(1_000);
    expect(a.handedOver).toEqual([{ id: one.id, peer: "b" }]);
  });

  test("that refuses keeps the bundle from being offered to that neighbour for a while, and to no other", async () => {
    const boxes = new SyncBoxes();
    const [a, b, c] = [boxes.box("a"), boxes.box("b"), boxes.box("c")];
    boxes.start(a, b, c);
    let full = true;
    b.custody.refuses = () => (full ? "quota" : undefined);
    const id = a.custody.put(someBundle("post"));
    boxes.connect(a, b);
    boxes.connect(a, c);
    await boxes.time.advanceAsync(500_000);
    expect(b.custody.offered).toHaveLength(1);
    expect(a.handedOver).toEqual([{ id, peer: "c" }]);
    expect(boxes.frames("offer", a).filter(({ to }) => to === "b")).toHaveLength(1);
    // Also after the connection was lost.
    boxes.cut(a, b);
    boxes.connect(a, b);
    await boxes.time.advanceAsync(60_000);
    expect(b.custody.offered).toHaveLength(1);
    full = false;
    expect(await boxes.time.runUntilAsync(() => b.custody.held.has(id), 2_000_000)).toBe(true);
  });
});

describe("a connection that breaks", () => {
  test("again and again in the middle of a bulk loses nothing, and repeats little", async () => {
    const { boxes, time, a, b } = pair();
    boxes.engines.bytesPerS = 40_000;
    for (const one of many(800, "post", 300)) a.custody.put(one);
    for (const one of many(400, "direct", 300)) b.custody.put(one);
    let breaks = 0;
    while (b.custody.held.size < 1_200 || a.custody.held.size < 1_200) {
      boxes.connect(a, b);
      await time.advanceAsync(500 + boxes.random() * 3_000);
      boxes.cut(a, b);
      breaks += 1;
      expect(breaks).toBeLessThan(100);
    }
    expect(breaks).toBeGreaterThan(3);
    expect(a.custody.ids()).toEqual(b.custody.ids());
    // Only what came and was not acknowledged yet comes again.
    expect(b.custody.offered.length).toBeLessThan(800 + 10 * breaks);
    boxes.connect(a, b);
    await time.advanceAsync(5_000);
    expect(a.sync.neighbours()).toMatchObject([{ peer: "b", toHandOver: 0, toCome: 0 }]);
  });

  test("while the peer stays connected is made anew, later and later", async () => {
    const { boxes, time, a, b } = pair();
    b.engine.handle("/omerta/bundles/1", async () => {
      throw new Error("not now");
    });
    boxes.connect(a, b);
    await time.advanceAsync(600_000);
    expect(a.engine.opened).toBeGreaterThan(10);
    expect(a.engine.opened).toBeLessThan(25);
    // It comes back as another: at once.
    boxes.cut(a, b);
    const opened = a.engine.opened;
    boxes.connect(a, b);
    await time.advanceAsync(10);
    expect(a.engine.opened).toBe(opened + 1);
  });
});

test("only one of the two begins, and only boxes are served", async () => {
  const boxes = new SyncBoxes();
  const [a, b, phone] = [boxes.box("a"), boxes.box("b"), boxes.box("0 phone")];
  phone.engine.role = "person";
  boxes.start(a, b, phone);
  a.custody.put(someBundle("post"));
  boxes.connect(a, b);
  boxes.connect(a, phone);
  await boxes.time.advanceAsync(120_000);
  expect([a.engine.opened, b.engine.opened]).toEqual([1, 0]);
  expect(phone.custody.held.size).toBe(0);
  const stream = await b.engine.open("a", "/omerta/bundles/1");
  const frames: Uint8Array[] = [];
  const read = async () => {
    for await (const frame of stream.frames()) frames.push(frame);
  };
  const refused = expect(read()).rejects.toThrow("not yours");
  await boxes.time.advanceAsync(100);
  await refused;
  expect(frames).toEqual([]);
});

test("boxes that come and go, with bundles that come and go, end with the same", async () => {
  const boxes = new SyncBoxes();
  const first = boxes.box("a");
  const all = [first, ...["b", "c", "d", "e"].map((name) => boxes.box(name))];
  boxes.start(...all);
  const { random, time } = boxes;
  const pick = () => all[Math.floor(random() * all.length)] ?? first;
  const dropped = new Set<string>();
  for (let step = 0; step < 300; step += 1) {
    const [one, other] = [pick(), pick()];
    const chance = random();
    if (chance < 0.5) one.custody.put(someBundle((["sos", "check-in", "post"] as const)[step % 3] ?? "post"));
    else if (chance < 0.55) {
      const [id] = one.custody.held.keys();
      if (id !== undefined) {
        // Taken away everywhere that it is, and known to be.
        for (const { custody } of all) custody.drop(id);
        for (const { custody } of all) custody.had.add(id);
        dropped.add(id);
      }
    } else if (one !== other) {
      if (chance < 0.8) boxes.connect(one, other);
      else boxes.cut(one, other);
    }
    await time.advanceAsync(random() * 500);
  }
  for (const [at, one] of all.entries()) {
    const next = all[(at + 1) % all.length];
    if (next) boxes.connect(one, next);
  }
  await time.advanceAsync(200_000);
  expect(first.custody.held.size).toBeGreaterThan(100);
  for (const { custody } of all) expect(custody.ids()).toEqual(first.custody.ids());
  for (const id of dropped) expect(first.custody.held.has(id)).toBe(false);
});
