import { describe, expect, test } from "bun:test";
import { someBundle } from "./memory-custody.ts";
import { SyncBoxes } from "./sync-box.ts";

describe("two boxes that meet", () => {
  test("have the same afterwards, and both know what was handed over", async () => {
    const boxes = new SyncBoxes();
    const [a, b] = [boxes.box("a"), boxes.box("b")];
    const common = Array.from({ length: 50 }, () => someBundle("post"));
    for (const one of common) {
      a.custody.put(one);
      b.custody.put(one);
    }
    const ofA = Array.from({ length: 20 }, () => a.custody.put(someBundle("check-in")));
    const ofB = Array.from({ length: 30 }, () => b.custody.put(someBundle("direct")));
    boxes.start(a, b);
    boxes.connect(a, b);
    await boxes.time.advanceAsync(5_000);
    expect(a.custody.ids()).toEqual(b.custody.ids());
    expect(a.custody.ids()).toHaveLength(100);
    expect(a.handedOver.map(({ id }) => id).sort()).toEqual(ofA.sort());
    expect(b.handedOver.map(({ id }) => id).sort()).toEqual(ofB.sort());
    expect(a.handedOver[0]?.peer).toBe("b");
    expect([a.custody.offered.length, b.custody.offered.length]).toEqual([30, 20]);
    await a.sync.stop();
    await b.sync.stop();
    expect(boxes.time.waiting).toBe(0);
  });
});
