import { expect, test } from "bun:test";
import type { GuestDecision } from "../../../../src/gateway/gateway.ts";
import { LatestDecisions } from "../../../../src/gateway/roaming/latest-decisions.ts";

const left = (mac: string): GuestDecision => ({ kind: "left", mac });
const agreed = (mac: string): GuestDecision => ({ kind: "agreed", mac, language: "sw", durationMs: 60_000 });

test("of each station the latest is known, in the order in which they came", () => {
  let nowMs = 0;
  const decisions = new LatestDecisions(() => nowMs);
  for (const [atMs, decision] of [agreed("a"), agreed("b"), left("a")].entries()) {
    nowMs = atMs;
    decisions.note(decision);
  }
  expect(decisions.since(Number.NEGATIVE_INFINITY)).toEqual([agreed("b"), left("a")]);
  expect(decisions.since(2)).toEqual([left("a")]);
  expect(decisions.since(3)).toEqual([]);
});

test("of more than there is room for the oldest are forgotten", () => {
  const decisions = new LatestDecisions(() => 0, 2);
  for (const mac of ["a", "b", "a", "c"]) decisions.note(agreed(mac));
  expect(decisions.since(0)).toEqual([agreed("a"), agreed("c")]);
});
