import { expect, test } from "bun:test";
import { join } from "node:path";
import { describeNeeding } from "../needs.ts";
import { playApart } from "./vm-apart.ts";
import type { ChurnReport } from "./vm-churn-story.ts";
import { WHOLE_BOX_NEEDS } from "./vm-whole-box.ts";

const LEASES = 24;
const AT_A_TIME = 4;
const BUILD_MS = 900_000;
/** In emulation, on a machine that may do much else. */
const STORY_MS = 1_500_000;
/**
 * What the daemon may keep more of after the last two thirds of the leases than after the first: what a garbage collector has not
 * come to yet. Of what is kept of a lease itself, 1 MiB would be seen.
 */
const GROWTH_MIB = 16;

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
const spread = (values: readonly number[]): string =>
  `${Math.min(...values)} to ${Math.max(...values)} ms, median ${median(values)} ms`;

describeNeeding([...WHOLE_BOX_NEEDS, "program:ssh"], "a box that lends", () => {
  test(
    `serves ${LEASES} leases, ${AT_A_TIME} at a time, and has nothing of them afterwards`,
    async () => {
      const story = join(import.meta.dir, "vm-churn-story.ts");
      const report = await playApart<ChurnReport>("vmchurn", story, String(LEASES), String(AT_A_TIME));
      const { served, memoryMiB, tookS, leases } = report;
      const { first, third, last } = memoryMiB;
      console.log(
        [
          `${served.length} leases in ${tookS} s, ${AT_A_TIME} at a time`,
          `SSH's banner after ${spread(served.map(({ readyMs }) => readyMs))}`,
          `released in ${spread(served.map(({ releaseMs }) => releaseMs))}`,
          `the daemon kept ${[first, third, last].map((some) => some.toFixed(0)).join(", ")} MiB: before, after a third, after all`,
        ].join("\n"),
      );
      expect(served).toHaveLength(LEASES);
      for (const one of served)
        expect(one).toMatchObject({ said: "Linux", outcome: expect.stringMatching(/^released: /) });
      expect(Object.keys(leases)).toHaveLength(LEASES);
      expect(Object.values(leases).filter((ends) => ends !== 1)).toEqual([]);
      expect(report.left).toEqual([]);
      expect(report.leftAtRequester).toEqual([]);
      expect(last - third).toBeLessThan(GROWTH_MIB);
    },
    BUILD_MS + STORY_MS,
  );
});
