import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { holdsForS, KnownStatements, tagOf } from "../../../../src/gateway/roaming/known-statements.ts";
import type { Told } from "../../../../src/gateway/roaming/statement.ts";
import { stationNumber, told } from "./statements.ts";

const name = (number: number) => Buffer.from(stationNumber(number)).toString("hex");

function knowing(...all: Told[]) {
  const time = new VirtualTime();
  const known = new KnownStatements(() => time.monotonicMs());
  for (const one of all) known.take(one);
  return { time, known };
}

describe("what is known of stations", () => {
  test("is the latest, in whatever order the boxes hear it", () => {
    const said = fc.record({
      box: fc.integer({ min: 1, max: 3 }),
      station: fc.integer({ min: 1, max: 2 }),
      serial: fc.integer({ min: 1, max: 3 }),
      what: fc.constantFrom("agreed" as const, "left" as const),
    });
    const orders = fc.array(said, { maxLength: 12 }).chain((all) => {
      const everything = all.map(({ box, station, ...one }) =>
        told(box, { ...one, station: stationNumber(station) }),
      );
      const shuffled = fc.shuffledSubarray(everything, {
        minLength: everything.length,
        maxLength: everything.length,
      });
      return fc.tuple(shuffled, shuffled);
    });
    fc.assert(
      fc.property(orders, ([one, other]) => {
        const tags = (all: Told[]) => [...knowing(...all).known.all()].map(({ tag }) => tag).sort();
        expect(tags(one)).toEqual(tags(other));
      }),
      { numRuns: 60 },
    );
  });

  test("an owner who agreed at one box and left at another has left, also when the first says again what it said", () => {
    const { known } = knowing(told(1), told(2, { serial: 2, what: "left" }), told(1));
    expect(known.latest([name(1)])?.told.statement).toMatchObject({ what: "left", serial: 2 });
  });

  test("counts its age, and is forgotten when its time is over", () => {
    const { time, known } = knowing(told(1, { lifetimeS: 60, ageS: 10 }));
    time.advance(49_999);
    expect(known.latest([name(1)])).toMatchObject({ leftS: 1, told: { ageS: 59 } });
    expect(known.sweep().gone).toEqual([]);
    time.advance(1);
    expect(known.latest([name(1)])).toBeUndefined();
    expect(known.get(name(1))).toBeUndefined();
    expect(known.sweep().gone).toEqual([name(1)]);
    expect(known.size).toBe(0);
  });

  test("never gives time back, and takes over the age of who has counted for longer", () => {
    const { time, known } = knowing(told(1, { ageS: 100 }));
    time.advance(5_000);
    expect(known.take(told(1, { ageS: 0 })).isNew).toBe(false);
    expect(known.get(name(1))?.ageS).toBe(105);
    expect(known.take(told(1, { ageS: 500 })).isNew).toBe(false);
    expect(known.get(name(1))?.ageS).toBe(500);
  });

  test("does not take what is over already, and lets something earlier in when what held is over", () => {
    const { time, known } = knowing(told(1, { serial: 9, lifetimeS: 10 }));
    expect(known.take(told(1, { station: stationNumber(2), lifetimeS: 60, ageS: 60 })).isNew).toBe(false);
    time.advance(10_000);
    expect(known.take(told(2)).isNew).toBe(true);
  });

  test("does not take in again what is over, or what was replaced, also when that comes with a lower age", () => {
    const [first, second] = [told(1, { lifetimeS: 60 }), told(2, { serial: 2, lifetimeS: 10 })];
    const { time, known } = knowing(first, second);
    time.advance(10_000);
    expect(known.sweep()).toMatchObject({ gone: [name(1)], over: [{ tag: tagOf(second.signed), ageS: 10 }] });
    for (const one of [first, second]) expect(known.take(one)).toEqual({ isNew: false, gone: [] });
    expect(known.size).toBe(0);
    time.advance(50_000);
    expect(known.sweep().over).toMatchObject([{ tag: tagOf(first.signed), station: name(1), ageS: 60 }]);
    expect(known.take(told(1, { lifetimeS: 60, nonce: 8 })).isNew).toBe(true);
  });

  test("nor what was replaced before it came", () => {
    const { time, known } = knowing(told(2, { serial: 2, lifetimeS: 10 }), told(1));
    time.advance(10_000);
    known.sweep();
    expect(known.take(told(1)).isNew).toBe(false);
    expect(known.agesBeyond(new Map([[tagOf(told(1).signed), 3]]))).toEqual(
      new Map([[tagOf(told(1).signed), 10]]),
    );
  });

  test("finds what holds of a station by any of its names", () => {
    const { known } = knowing(
      told(1, { serial: 4 }),
      told(2, { serial: 5, what: "left", station: stationNumber(2) }),
    );
    expect(known.latest([name(2), name(1)])?.told.statement.what).toBe("left");
    expect(known.latest([name(1)])?.told.statement.what).toBe("agreed");
    expect(known.latest([])).toBeUndefined();
  });

  test("a box that says too much displaces its own; of what it said at once, what ends first", () => {
    const known = new KnownStatements(() => 0, { ofABox: 3 });
    known.take(told(2, { station: stationNumber(99), lifetimeS: 1 }));
    for (const number of [1, 2, 3])
      known.take(told(1, { station: stationNumber(number), lifetimeS: number * 10 }));
    expect(known.take(told(1, { station: stationNumber(4), lifetimeS: 40 }))).toEqual({
      isNew: true,
      gone: [name(1)],
    });
    expect(known.take(told(1, { station: stationNumber(5), lifetimeS: 5 })).isNew).toBe(false);
    expect(known.get(name(99))).toBeDefined();
    expect(known.size).toBe(4);
  });

  test("a box that has said much of who left has room for who agrees", () => {
    const time = new VirtualTime();
    const known = new KnownStatements(() => time.monotonicMs(), { ofABox: 3 });
    for (const number of [1, 2, 3])
      known.take(told(1, { station: stationNumber(number), what: "left", lifetimeS: 604_800 }));
    time.advance(1_000);
    expect(known.take(told(1, { station: stationNumber(4), lifetimeS: 60 }))).toMatchObject({ isNew: true });
    expect(known.get(name(4))).toBeDefined();
    expect(known.size).toBe(3);
  });

  test("when there is no room at all, the box that says most gives way", () => {
    const known = new KnownStatements(() => 0, { inAll: 4 });
    for (const number of [1, 2, 3]) known.take(told(1, { station: stationNumber(number) }));
    known.take(told(2, { station: stationNumber(50), lifetimeS: 1 }));
    const { isNew, gone } = known.take(told(3, { station: stationNumber(60), lifetimeS: 1 }));
    expect(isNew).toBe(true);
    expect(gone).toHaveLength(1);
    expect([name(1), name(2), name(3)]).toContain(gone[0] ?? "");
  });

  test("of a box that is no member any more is forgotten", () => {
    const { known } = knowing(told(1), told(2, { station: stationNumber(2) }));
    const { signer } = told(2).statement;
    expect(known.signers()).toEqual([told(1).statement.signer, signer]);
    expect(known.sweep([signer]).gone).toEqual([name(2)]);
    expect(known.signers()).toEqual([told(1).statement.signer]);
    expect([...known.all()].map(({ station }) => station)).toEqual([name(1)]);
  });
});

test("an agreement holds at a box for no longer than one that it gives itself, from when it was made", () => {
  const { statement } = told(1, { lifetimeS: 1_000 });
  expect(holdsForS(statement, 0, 86_400)).toBe(1_000);
  expect(holdsForS(statement, 100, 600)).toBe(500);
  expect(holdsForS(statement, 700, 600)).toBe(0);
});
