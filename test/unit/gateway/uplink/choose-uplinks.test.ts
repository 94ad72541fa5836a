import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkAfterMs } from "../../../../src/gateway/uplink/check-pace.ts";
import { chooseUplinks, type UplinkCandidate } from "../../../../src/gateway/uplink/choose-uplinks.ts";
import { isWorking, newHealth, type UplinkState } from "../../../../src/gateway/uplink/uplink-health.ts";

const STATES = [
  ...(["absent", "unplugged", "no-address", "no-route", "checking", "router-silent"] as const),
  ...(["associated", "captive", "no-names", "lossy", "slow", "online"] as const),
];
const WORKS: readonly UplinkState[] = ["no-names", "lossy", "slow", "online"];

const uplink = (name: string, state: UplinkState, more: Partial<UplinkCandidate> = {}): UplinkCandidate => ({
  ...{ interface: name, priority: 10, metered: false },
  health: { ...newHealth(0), state, workingSinceMs: WORKS.includes(state) ? 0 : undefined },
  ...more,
});
const fallen = (name: string, sinceMs: number, more: Partial<UplinkCandidate> = {}) =>
  uplink(name, "online", {
    health: { ...newHealth(0), state: "online", workingSinceMs: sinceMs, falls: 1 },
    ...more,
  });

describe("which uplinks are used", () => {
  test("those of the lowest priority that work, together", () => {
    const all = [
      uplink("a", "online"),
      uplink("b", "online", { priority: 20 }),
      uplink("c", "online"),
      uplink("d", "associated"),
    ];
    expect(chooseUplinks(all, [], 0)).toEqual(["a", "c"]);
  });

  test("a metered one is the last of those that work, whatever its priority", () => {
    const paid = uplink("wwan0", "online", { metered: true, priority: 1 });
    expect(chooseUplinks([paid, uplink("eth0", "slow")], [], 0)).toEqual(["eth0"]);
    expect(chooseUplinks([paid, uplink("eth0", "captive")], [], 0)).toEqual(["wwan0"]);
    expect(chooseUplinks([paid, uplink("eth0", "no-names")], [], 0)).toEqual(["wwan0"]);
  });

  test("what is bad at it waits behind what is good", () => {
    const all = [uplink("a", "lossy"), uplink("b", "online", { priority: 30 })];
    expect(chooseUplinks(all, ["a"], 0)).toEqual(["b"]);
  });

  test("one that came back is taken when it has worked for 20 s, or at once where nothing else does", () => {
    const [back, other] = [fallen("a", 1_000), uplink("b", "online", { priority: 20 })];
    expect(chooseUplinks([back, other], ["b"], 20_999)).toEqual(["b"]);
    expect(chooseUplinks([back, other], ["b"], 21_000)).toEqual(["a"]);
    expect(chooseUplinks([back, uplink("b", "associated")], ["b"], 1_000)).toEqual(["a"]);
  });

  test("where nothing is known to work the likeliest is kept, and without any wire there is none", () => {
    const all = [
      uplink("a", "captive"),
      uplink("b", "associated", { priority: 90 }),
      uplink("c", "unplugged"),
    ];
    expect(chooseUplinks(all, ["a"], 0)).toEqual(["b"]);
    expect(chooseUplinks([uplink("a", "absent"), uplink("b", "no-address")], ["a"], 0)).toEqual([]);
  });

  const candidates = fc.uniqueArray(
    fc.record({
      interface: fc.constantFrom("a", "b", "c", "d", "e"),
      priority: fc.constantFrom(1, 10, 20),
      metered: fc.boolean(),
      state: fc.constantFrom<UplinkState>(...STATES),
      falls: fc.nat(3),
      sinceMs: fc.nat(100_000),
    }),
    { selector: (one) => one.interface },
  );
  const made = candidates.map((all) =>
    all.map(
      ({ state, falls, sinceMs, ...rest }): UplinkCandidate => ({
        ...rest,
        health: {
          ...newHealth(0),
          ...{ state, falls, workingSinceMs: WORKS.includes(state) ? sinceMs : undefined },
        },
      }),
    ),
  );
  const names = fc.subarray(["a", "b", "c", "d", "e"]);

  test("whatever there is: something that works is used if anything does, and never a metered one beside or before a free one that is online", () => {
    fc.assert(
      fc.property(made, names, fc.integer({ min: 100_000, max: 300_000 }), (all, before, atMs) => {
        const chosen = all.filter((one) => chooseUplinks(all, before, atMs).includes(one.interface));
        if (all.some(({ health }) => isWorking(health))) {
          expect(chosen.length).toBeGreaterThan(0);
          expect(chosen.every(({ health }) => isWorking(health))).toBe(true);
        }
        expect(new Set(chosen.map(({ metered }) => metered)).size).toBeLessThanOrEqual(1);
        const isTrusted = ({ interface: name, health }: UplinkCandidate) =>
          before.includes(name) || health.falls === 0;
        const isFree = all.some((one) => !one.metered && one.health.state === "online" && isTrusted(one));
        if (isFree) expect(chosen.some(({ metered }) => metered)).toBe(false);
      }),
    );
  });

  test("asked again with what it said it says the same", () => {
    fc.assert(
      fc.property(made, names, fc.integer({ min: 100_000, max: 300_000 }), (all, before, atMs) => {
        const chosen = chooseUplinks(all, before, atMs);
        expect(chooseUplinks(all, chosen, atMs)).toEqual(chosen);
      }),
    );
  });
});

test("checks are seldom on metered ones, and at once in doubt", () => {
  const online = uplink("a", "online").health;
  const after = (inUse: boolean, metered: boolean, health = online) =>
    checkAfterMs(health, inUse, metered, 10_000);
  expect([after(true, false), after(false, false)]).toEqual([10_000, 30_000]);
  expect([after(true, true), after(false, true)]).toEqual([30_000, 100_000]);
  expect(after(true, true, { ...online, fails: 1 })).toBe(500);
  expect(after(false, false, uplink("a", "captive").health)).toBe(10_000);
});
