import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { CALM, decidePressure } from "../../../../src/vm/host-first/decide-pressure.ts";
import { byRank } from "../../../../src/vm/host-first/rank.ts";
import {
  arbitraryLeases,
  arbitraryWeather,
  BUSY,
  lease,
  POLICY,
  PressedWorld,
  SHORT_OF_MEMORY,
  WELL_OFF,
} from "./pressed-world.ts";

const three = () => [
  lease("1", { origin: "local" }),
  lease("2", { origin: "network" }),
  lease("3", { origin: "stranger", priority: 9 }),
];

describe("a box that needs itself", () => {
  test("suspends strangers' leases first, then its networks', then local ones, one a second", () => {
    const world = new PressedWorld(three());
    expect(world.seconds(8, BUSY)).toEqual(["suspend 3", "suspend 2", "suspend 1"]);
    expect(world.happened.map(({ atMs }) => atMs)).toEqual([3_000, 4_000, 5_000]);
  });

  test("waits until it has been busy for two seconds", () => {
    const world = new PressedWorld(three());
    for (let n = 0; n < 10; n += 1) world.seconds(1, n % 2 ? BUSY : WELL_OFF);
    expect(world.happened).toEqual([]);
  });

  test("stops suspending when it helps, and resumes the highest first when all has been well for long enough", () => {
    const world = new PressedWorld(three());
    expect(world.seconds(4, BUSY)).toEqual(["suspend 3", "suspend 2"]);
    expect(world.seconds(9, WELL_OFF)).toEqual([]);
    expect(world.seconds(60, WELL_OFF)).toEqual(["resume 2", "resume 3"]);
  });

  test("gives way lowest priority first, and of two equal ones the younger", () => {
    const world = new PressedWorld([
      lease("1", { priority: 1 }),
      lease("2", { startedAtMs: 5 }),
      lease("3", { startedAtMs: 9 }),
    ]);
    expect(world.seconds(6, BUSY)).toEqual(["suspend 3", "suspend 2", "suspend 1"]);
  });

  test("displaces for want of memory, for a suspended lease keeps what it has", () => {
    const world = new PressedWorld(three());
    expect(world.seconds(2, SHORT_OF_MEMORY)).toEqual(["displace 3"]);
    expect(world.seconds(4, SHORT_OF_MEMORY)).toEqual([]);
    expect(world.seconds(1, SHORT_OF_MEMORY)).toEqual(["displace 2"]);
    expect(world.seconds(60, WELL_OFF)).toEqual([]);
    expect(world.leases).toHaveLength(1);
  });

  test.each([
    ["heat", { ...WELL_OFF, temperatureC: 80 }],
    ["heat", { ...WELL_OFF, throttled: true }],
    ["power", { ...WELL_OFF, power: "low" as const }],
    ["io", { ...WELL_OFF, ioStall: 0.5 }],
  ])("suspends for %s", (cause, reading) => {
    const world = new PressedWorld([lease("1")]);
    expect(world.seconds(8, reading)).toEqual(["suspend 1"]);
    expect(world.happened[0]?.order).toMatchObject({ cause });
  });

  test("lends on battery, unless its policy says otherwise", () => {
    const onBattery = { ...WELL_OFF, power: "battery" as const };
    expect(new PressedWorld([lease("1")]).seconds(9, onBattery)).toEqual([]);
    expect(new PressedWorld([lease("1")], { ...POLICY, stopOn: "battery" }).seconds(9, onBattery)).toEqual([
      "suspend 1",
    ]);
  });

  test("refuses every new lease while it needs itself, and says why", () => {
    const world = new PressedWorld([]);
    world.seconds(3, { ...BUSY, temperatureC: 90 });
    expect(world.decision?.refuses({ origin: "local", priority: 9 })).toBe("the box needs itself: cpu");
    world.seconds(5, { ...BUSY, temperatureC: 90 });
    expect(world.decision?.refuses({ origin: "local", priority: 9 })).toBe("the box needs itself: cpu, heat");
    world.seconds(60, WELL_OFF);
    expect(world.decision?.refuses({ origin: "stranger", priority: 0 })).toBeUndefined();
  });

  test("takes no lease before those that wait to be resumed, unless it is higher", () => {
    const world = new PressedWorld([lease("1", { origin: "network" })]);
    world.seconds(3, BUSY);
    world.seconds(4, WELL_OFF);
    expect(world.decision?.causes).toEqual(["cpu"]);
    // Over by the marks, but the lease is still held.
    world.second(WELL_OFF);
    expect(world.decision?.causes).toEqual([]);
    expect(world.decision?.refuses({ origin: "network", priority: 0 })).toBe(
      "leases that are suspended go first",
    );
    expect(world.decision?.refuses({ origin: "network", priority: 1 })).toBeUndefined();
  });

  test("holds a lease twice as long each time it had to give way again, and forgives it when it has run for long", () => {
    const world = new PressedWorld([lease("1")]);
    const heldMs = () => {
      world.seconds(3, BUSY);
      const suspendedAt = world.happened.at(-1)?.atMs ?? 0;
      for (let n = 0; n < 200 && world.happened.at(-1)?.order.order === "suspend"; n += 1)
        world.second(WELL_OFF);
      return (world.happened.at(-1)?.atMs ?? 0) - suspendedAt;
    };
    expect([heldMs(), heldMs(), heldMs(), heldMs(), heldMs()]).toEqual([
      10_000, 20_000, 40_000, 80_000, 80_000,
    ]);
    world.seconds(90, WELL_OFF);
    expect(heldMs()).toBe(10_000);
  });

  test("leaves alone what somebody else has suspended", () => {
    const world = new PressedWorld([lease("1", { suspended: true })]);
    expect(world.seconds(20, BUSY)).toEqual([]);
    expect(world.seconds(60, WELL_OFF)).toEqual([]);
  });

  test("suspends again what runs although it was suspended", () => {
    const world = new PressedWorld([lease("1")]);
    world.seconds(3, BUSY);
    world.leases = [lease("1")];
    expect(world.seconds(4, BUSY)).toEqual([]);
    expect(world.seconds(2, BUSY)).toEqual(["suspend 1"]);
  });

  test("does nothing of what it cannot measure", () => {
    const nothing = Object.fromEntries(Object.keys(WELL_OFF).map((key) => [key, undefined]));
    const world = new PressedWorld(three());
    expect(world.seconds(30, nothing as never)).toEqual([]);
  });
});

describe("whatever a box measures", () => {
  const afterAll = (check: (world: PressedWorld) => void) =>
    fc.assert(
      fc.property(arbitraryLeases, arbitraryWeather, (leases, weather) => {
        const world = new PressedWorld(leases);
        for (const reading of weather) world.second(reading);
        check(world);
      }),
      { numRuns: 100 },
    );

  test("no lease is resumed before it was held, each time longer than the last in a row", () => {
    afterAll(({ happened }) => {
      const held = new Map<string, { suspendedAt: number; times: number; resumedAt: number }>();
      for (const { atMs, order } of happened) {
        const known = held.get(order.id);
        if (order.order === "suspend") {
          const forgiven = !known || atMs - known.resumedAt >= POLICY.longestHoldMs;
          held.set(order.id, { suspendedAt: atMs, times: forgiven ? 1 : known.times + 1, resumedAt: 0 });
        } else if (order.order === "resume" && known) {
          const least = Math.min(POLICY.longestHoldMs, POLICY.holdMs * 2 ** (known.times - 1));
          expect(atMs - known.suspendedAt).toBeGreaterThanOrEqual(least);
          held.set(order.id, { ...known, resumedAt: atMs });
        }
      }
    });
  });

  test("who gives way is the lowest that can, and who comes back the highest", () => {
    afterAll(({ happened }) => {
      for (const { order, leases } of happened) {
        const sorted = [...leases].sort(byRank);
        const running = sorted.filter(({ suspended }) => !suspended);
        const suspended = sorted.filter(({ suspended }) => suspended);
        const expected =
          order.order === "suspend" ? running[0] : order.order === "resume" ? suspended.at(-1) : sorted[0];
        expect(order.id).toBe(expected?.id ?? "");
      }
    });
  });

  test("nobody is resumed while a cause holds, and nobody gives way while none does", () => {
    afterAll(({ happened }) => {
      for (const { order, decision } of happened) {
        expect(decision.causes.length > 0).toBe(order.order !== "resume");
        if (order.order !== "resume") expect(decision.causes).toContain(order.cause);
        if (order.order === "displace") expect(order.cause).toBe("memory");
      }
    });
  });

  test("a second decision at the same instant orders nothing more", () => {
    fc.assert(
      fc.property(arbitraryLeases, (leases) => {
        let state = CALM;
        for (let atMs = 0; atMs < 10_000; atMs += 1_000) {
          const first = decidePressure(state, { ...BUSY, atMs }, leases);
          if (first.orders.length > 0)
            expect(decidePressure(first.state, { ...BUSY, atMs }, leases).orders).toEqual([]);
          state = first.state;
        }
      }),
    );
  });
});
