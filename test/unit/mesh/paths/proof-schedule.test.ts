import { expect, test } from "bun:test";
import { type ProofNeed, proofIntervalMs } from "../../../../src/mesh/paths/proof-schedule.ts";

const NEED: ProofNeed = { kind: "ethernet", metered: false, isChosen: false, isBusy: false, hasOther: true };

test.each<[what: string, need: Partial<ProofNeed>, ms: number]>([
  ["traffic goes by it", { isChosen: true, isBusy: true }, 500],
  ["traffic goes by another", { isBusy: true }, 1_000],
  ["nothing is said, and there is another", { isChosen: true }, 1_500],
  ["nothing is said, by the other one", {}, 15_000],
  ["nothing is said, and there is no other", { isChosen: true, hasOther: false }, 15_000],
  ["nothing is said, by a box between", { kind: "relay" }, 60_000],
  ["the same, where all leave by one interface", { kind: "relay", hasOther: false }, 60_000],
  ["a box between is all there is", { kind: "relay", isChosen: true, hasOther: false }, 15_000],
  ["a stream, for which a NAT has a mapping", { kind: "stream" }, 15_000],
  ["bytes cost", { metered: true }, 25_000],
  ["it is LoRa", { kind: "lora", isChosen: true, isBusy: true }, 3_600_000],
])("a way is proven as often as is worth it: %s", (_, need, ms) => {
  expect(proofIntervalMs({ ...NEED, ...need })).toBe(ms);
});
