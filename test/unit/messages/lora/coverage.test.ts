import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { areReachedWithout, dependentsOf, type Listener } from "../../../../src/messages/lora/coverage.ts";

type Links = ReadonlyMap<number, ReadonlySet<number>>;

const linksOf = (pairs: readonly (readonly [number, number])[]): Links => {
  const links = new Map<number, Set<number>>();
  const join = (one: number, other: number) => links.set(one, (links.get(one) ?? new Set()).add(other));
  for (const [one, other] of pairs) {
    join(one, other);
    join(other, one);
  }
  return links;
};

const heardBy = (links: Links, box: number): ReadonlySet<number> => links.get(box) ?? new Set();

const listenersOf = (links: Links, box: number): Listener[] =>
  [...heardBy(links, box)].map((address) => ({
    address,
    hears: new Map([...heardBy(links, address)].map((other) => [other, 1])),
  }));

/** As a box sees it that knows its neighbours and whom they hear. */
const isLeftOut = (links: Links, box: number, senders: readonly number[]): boolean =>
  areReachedWithout(
    { address: box, hears: heardBy(links, box).size },
    listenersOf(links, box),
    senders,
    (address) => (heardBy(links, box).has(address) ? heardBy(links, address) : []),
  );

describe("what others repeat", () => {
  test("is left to a box that hears more and has heard the same, where it reaches all", () => {
    // 1 is heard by 2 and 3, which hear each other and both reach 4; 3 reaches 5 as well.
    const links = linksOf([
      [1, 2],
      [1, 3],
      [2, 3],
      [2, 4],
      [3, 4],
      [3, 5],
    ]);
    expect(isLeftOut(links, 2, [1])).toBe(true);
    expect(isLeftOut(links, 3, [1])).toBe(false);
  });

  test("is not left to a box that has not heard a sender", () => {
    // 4 hears more, but has the message from 2 alone.
    const links = linksOf([
      [1, 2],
      [2, 3],
      [2, 4],
      [3, 4],
      [4, 5],
      [4, 6],
    ]);
    expect(isLeftOut(links, 2, [1])).toBe(false);
    expect(isLeftOut(links, 3, [2])).toBe(true);
    expect(isLeftOut(links, 2, [])).toBe(false);
  });

  test("reaches every box of a network in which any two are joined, wherever it begins", () => {
    const size = 10;
    const someLinks = fc
      .record({
        tree: fc.array(fc.nat(), { minLength: size - 1, maxLength: size - 1 }),
        more: fc.array(fc.tuple(fc.integer({ min: 1, max: size }), fc.integer({ min: 1, max: size })), {
          maxLength: 20,
        }),
      })
      .map(({ tree, more }) => {
        const joined = tree.map((to, index) => [index + 2, (to % (index + 1)) + 1] as const);
        return linksOf([...joined, ...more.filter(([one, other]) => one !== other)]);
      });
    let leftOut = 0;
    fc.assert(
      fc.property(someLinks, fc.integer({ min: 1, max: size }), (links, origin) => {
        const heardFrom = new Map<number, number[]>();
        const next = [origin];
        const has = new Set([origin]);
        for (let box = next.shift(); box !== undefined; box = next.shift()) {
          if (box !== origin && isLeftOut(links, box, heardFrom.get(box) ?? [])) {
            leftOut += 1;
            continue;
          }
          for (const other of heardBy(links, box)) {
            heardFrom.set(other, [...(heardFrom.get(other) ?? []), box]);
            if (!has.has(other)) next.push(other);
            has.add(other);
          }
        }
        expect(has.size).toBe(size);
      }),
    );
    expect(leftOut).toBeGreaterThan(100);
  });
});

describe("who depends on a box", () => {
  const nobody = () => false;
  /** 1 – 2 – 3 – 4, as 2 sees it. */
  const inARow = linksOf([
    [1, 2],
    [2, 3],
    [3, 4],
  ]);

  test("is whoever has it from nobody else, and repeats it for others", () => {
    expect(dependentsOf(2, listenersOf(inARow, 2), (address) => address === 1)).toEqual([3]);
  });

  test("is nobody who hears only this box: they repeat nothing", () => {
    expect(dependentsOf(2, listenersOf(inARow, 2), nobody)).toEqual([3]);
    expect(dependentsOf(3, listenersOf(inARow, 3), nobody)).toEqual([2]);
  });

  test("is nobody who hears another that has it, or hears this box too", () => {
    expect(dependentsOf(2, listenersOf(inARow, 2), (address) => address === 4)).toEqual([]);
    const withDetour = linksOf([
      [1, 2],
      [2, 3],
      [3, 4],
      [2, 4],
    ]);
    expect(dependentsOf(2, listenersOf(withDetour, 2), nobody)).toEqual([]);
  });
});
