import { describe, expect, test } from "bun:test";
import { MemoryCustody } from "../../../../src/bench/lora/memory-custody.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { LoraContext } from "../../../../src/messages/lora/context.ts";
import { Digests } from "../../../../src/messages/lora/digests.ts";
import { shortIdOf } from "../../../../src/messages/lora/items.ts";
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

describe("what a neighbour names", () => {
  /** Of 24 digits, of which the first four name it. */
  const idOf = (start: string) => start.padEnd(24, "0") as Carried["id"];
  const tagNamed = (start: string) => Number.parseInt(start.slice(0, 4), 16);

  function boxWith(...held: { id: string; priority?: Carried["priority"] }[]) {
    const time = new VirtualTime();
    const air = { address: OWN, outlook: () => undefined, send: () => undefined, onFrame: () => () => {} };
    const custody = new MemoryCustody(time, () => {});
    const context = new LoraContext({
      air,
      custody,
      timers: time,
      random: () => 0,
      log: { debug: () => {} },
    });
    context.neighbourhood.heard(OTHER, 1);
    const carried = held.map(({ id, priority = "room" }) =>
      carriedOf(idOf(id), {
        ...{ kind: "post", priority, senderHash: 1, person: undefined },
        ...{ origin: OWN, sinceMs: 0, airBytes: 120 },
      }),
    );
    for (const one of carried) context.stock.add(one);
    const digests = new Digests(context);
    const wanted = () => {
      time.advance(MINUTE_MS);
      return digests.wants().flatMap((want) => (want.kind === "want-recent" ? want.tags : []));
    };
    return { digests, carried, wanted, context };
  }

  test("is asked for where nothing here begins so, and else it has it", () => {
    const { digests, carried, wanted } = boxWith({ id: "abcd01" });
    digests.onRecent(OTHER, [tagNamed("abcd"), tagNamed("1234")]);
    expect([...(carried[0]?.has ?? [])]).toEqual([OTHER]);
    expect(wanted()).toEqual([tagNamed("1234")]);
    digests.onCame(shortIdOf(idOf("123456")));
    expect(wanted()).toEqual([]);
  });

  test("says of none of two that begin so that it is there, and of no call for help first", () => {
    const { digests, carried, wanted } = boxWith(
      { id: "abcd01" },
      { id: "abcd02" },
      { id: "beef01", priority: "sos" },
    );
    digests.onRecent(OTHER, [tagNamed("abcd"), tagNamed("beef")]);
    expect(carried.map(({ has }) => has.size)).toEqual([0, 0, 0]);
    expect(wanted()).toEqual([]);
    carried[2]?.has.add(9);
    digests.onRecent(OTHER, [tagNamed("beef")]);
    expect(carried[2]?.has.size).toBe(2);
  });

  test("is not asked for while it has gone from here lately", () => {
    const { digests, wanted } = boxWith();
    const goneFirst = shortIdOf(idOf("abcd01"));
    digests.onGone(goneFirst);
    const others = Array.from({ length: 600 }, (_, index) => (0x1000 + index) * 0x1_0000);
    for (const other of others) digests.onGone(other);
    digests.onGone(goneFirst);
    digests.onRecent(OTHER, [tagNamed("abcd")]);
    expect(wanted()).toEqual([]);
    expect(digests.isGone(goneFirst)).toBe(true);
  });
});
