import { expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { RankedIndex } from "../../../../src/messages/sync/ranked-index.ts";
import { MemoryCustody, someBundle } from "./memory-custody.ts";

test("what is held is ranked by its priority, and behind all by its length", () => {
  const time = new VirtualTime();
  const custody = new MemoryCustody(time);
  const sos = custody.put(someBundle("sos"));
  const long = custody.put(someBundle("direct", { bodyBytes: 9_000 }));
  const index = new RankedIndex(custody, time);
  let isReady = false;
  index.start(() => {
    isReady = true;
  });
  expect(isReady).toBe(true);
  const urgent = custody.put(someBundle("notice", { priority: "sos" }));
  expect(index.of("sos").ids()).toEqual([sos, urgent].sort());
  expect([index.rankOf(long), index.rankOf("0".repeat(24))]).toEqual(["large", undefined]);
  custody.drop(sos);
  expect(index.of("sos").ids()).toEqual([urgent]);
  index.stop();
  custody.put(someBundle("sos"));
  expect(index.of("sos").size).toBe(0);
});

test("a large store is taken in slices, and what comes and goes meanwhile is right in the end", () => {
  const time = new VirtualTime();
  const custody = new MemoryCustody(time);
  const ids = Array.from({ length: 9_000 }, () => custody.put(someBundle("post", { bodyBytes: 5 })));
  const index = new RankedIndex(custody, time);
  let readyAtMs: number | undefined;
  // As a database has it: as it was when it was asked.
  const outlines = [...custody.outline()];
  custody.outline = () => outlines;
  index.start(() => {
    readyAtMs = time.monotonicMs();
  });
  expect([readyAtMs, index.of("room").size]).toEqual([undefined, 2_000]);
  for (const id of [ids[0], ids[8_999]]) custody.drop(id ?? "");
  custody.put(someBundle("post"));
  time.advance(0);
  expect(readyAtMs).toBe(0);
  expect(index.of("room").ids()).toEqual(custody.ids());
  index.stop();
  expect(time.waiting).toBe(0);
});
