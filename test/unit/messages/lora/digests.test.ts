import { describe, expect, test } from "bun:test";
import { MemoryCustody } from "../../../../src/bench/lora/memory-custody.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { LoraContext } from "../../../../src/messages/lora/context.ts";
import { Digests } from "../../../../src/messages/lora/digests.ts";
import { type Carried, carriedOf } from "../../../../src/messages/lora/stock.ts";

const OWN = 1;
const OTHER = 2;
const MINUTE_MS = 60_000;
/** What a neighbour says that has other bundles. */
const OTHERS = { count: 7, sum: 7 };

function digestsOfABox() {
  const time = new VirtualTime();
  const air = { address: OWN, outlook: () => undefined, send: () => undefined, onFrame: () => () => {} };
  const custody = new MemoryCustody(time, () => {});
  const context = new LoraContext({ air, custody, timers: time, random: () => 0, log: { debug: () => {} } });
  context.neighbourhood.heard(OTHER, 1);
  const digests = new Digests(context);
  const waiting = carriedOf("ab".repeat(32) as Carried["id"], {
    ...{ kind: "post", priority: "room", senderHash: 1, person: undefined },
    ...{ origin: OWN, sinceMs: 0, airBytes: 120 },
  });
  context.stock.add(waiting);
  time.advance(MINUTE_MS);
  return {
    time,
    digests,
    /** It waits for the air from now on. */
    holdUp: () => context.stock.plan(waiting, time.monotonicMs()),
    letGo: () => context.stock.plan(waiting, undefined),
    /** What it says some time after it has heard that a neighbour has others. */
    saidOfOthers() {
      digests.onFingerprint(OTHER, OTHERS);
      time.advance(MINUTE_MS);
      const parts = digests.parts();
      for (const part of parts) digests.onSaid(part);
      return parts.map(({ kind }) => kind);
    },
  };
}

describe("comparing with neighbours", () => {
  test("begins where they have something else, and not where they have the same", () => {
    const { digests, time, saidOfOthers } = digestsOfABox();
    expect(saidOfOthers()).toEqual(["parts"]);
    digests.onFingerprint(OTHER, { count: 1, sum: 0xabababab });
    time.advance(MINUTE_MS);
    expect(digests.parts()).toEqual([]);
  });

  test("waits while bundles wait for the air, but for some minutes of each hour, and begins when they have gone", () => {
    const { holdUp, letGo, time, saidOfOthers } = digestsOfABox();
    holdUp();
    time.advance(5 * MINUTE_MS);
    const said = Array.from({ length: 6 * 60 }, () => saidOfOthers().length);
    expect(time.monotonicMs()).toBe((6 + 6 * 60) * MINUTE_MS);
    expect(said.slice(0, 5)).toEqual([1, 1, 1, 1, 1]);
    expect(said.slice(15, 45).every((count) => count === 0)).toBe(true);
    const times = said.filter((count) => count > 0).length;
    expect(times).toBeGreaterThan(30);
    expect(times).toBeLessThan(80);
    letGo();
    expect(saidOfOthers()).toEqual(["parts"]);
  });

  test("is answered where bundles wait for the air at both ends: who has not compared for long joins in", () => {
    const { digests, holdUp, time, saidOfOthers } = digestsOfABox();
    holdUp();
    time.advance(5 * MINUTE_MS);
    const isAnswered = () => {
      digests.onParts(OTHER, { kind: "parts", prefix: "", sums: Array.from({ length: 16 }, () => 1) });
      time.advance(MINUTE_MS);
      const parts = digests.parts();
      for (const part of parts) digests.onSaid(part);
      return parts.length > 0;
    };
    expect(saidOfOthers()).toEqual(["parts"]);
    expect(isAnswered()).toBe(true);
    time.advance(15 * MINUTE_MS);
    expect(isAnswered()).toBe(false);
    time.advance(45 * MINUTE_MS);
    expect(isAnswered()).toBe(true);
  });
});
