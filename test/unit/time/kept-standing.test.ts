import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { keepStanding, keptStanding } from "../../../src/time/kept-standing.ts";
import type { Reading } from "../../../src/time/time-source.ts";
import { scratchFolders } from "../scratch.ts";

const folderOf = scratchFolders();
const STANDING: Reading = {
  source: "phones",
  epochMs: 1_790_000_000_000,
  heardMs: 5_000,
  uncertaintyMs: 6_000,
  voices: 7,
};

test("who has set the clock is known to the next daemon of the same boot, whose monotonic clock begins anew", () => {
  const file = join(folderOf(), "clock.json");
  keepStanding(file, STANDING, { bootId: "a", aheadMs: 60_000 });
  const later = keptStanding(file, { bootId: "a", aheadMs: 900_000 });
  // 840 s have passed between the beginnings of the two clocks.
  expect(later).toEqual({
    source: "phones",
    epochMs: 1_790_000_840_000,
    heardMs: -835_000,
    uncertaintyMs: 6_000,
    voices: 7,
  });
});

test("after a boot nothing of it holds", () => {
  const file = join(folderOf(), "clock.json");
  keepStanding(file, STANDING, { bootId: "a", aheadMs: 0 });
  expect(keptStanding(file, { bootId: "b", aheadMs: 0 })).toBeUndefined();
  expect(keptStanding(join(folderOf(), "none.json"), { bootId: "a", aheadMs: 0 })).toBeUndefined();
});

test("a file that is none does no harm", () => {
  const file = join(folderOf(), "clock.json");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      writeFileSync(file, text);
      expect(keptStanding(file, { bootId: "a", aheadMs: 0 })).toBeUndefined();
    }),
  );
});
