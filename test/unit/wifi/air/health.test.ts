import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Finding, type Health, lookAt, newHealth } from "../../../../src/wifi/air/health.ts";

const ILL: Finding = { is: "ill", why: "has ended" };

function healthy(nowMs: number): Health {
  return lookAt(newHealth(nowMs), { is: "well" }, nowMs).health;
}

describe("the health of a radio's service", () => {
  test("that fails is mended at once", () => {
    expect(lookAt(healthy(0), ILL, 10_000)).toMatchObject({
      remedy: "restart",
      health: { state: "starting", repairs: 1, why: "has ended" },
    });
  });

  test("is mended later and later, and deeper, while that does not help", () => {
    let health = healthy(0);
    const repairs: string[] = [];
    for (let nowMs = 0; nowMs <= 40_000; nowMs += 10) {
      const looked = lookAt(health, ILL, nowMs);
      health = looked.health;
      if (looked.remedy) repairs.push(`${looked.remedy} at ${nowMs}`);
    }
    expect(repairs).toEqual([
      "restart at 0",
      "restart at 250",
      "remake at 750",
      "reset at 1750",
      "remake at 3750",
      "remake at 7750",
      "remake at 15750",
      "reset at 31750",
    ]);
  });

  test("is forgiven after it was well for five seconds, and not before", () => {
    const mended = lookAt(healthy(0), ILL, 0).health;
    const well = lookAt(mended, { is: "well" }, 1_000).health;
    expect(lookAt(well, { is: "well" }, 5_999).health.repairs).toBe(1);
    expect(lookAt(well, { is: "well" }, 6_000).health.repairs).toBe(0);
  });

  test("that has not started after its time is mended", () => {
    const health = newHealth(0);
    expect(lookAt(health, { is: "starting" }, 11_999).remedy).toBeUndefined();
    expect(lookAt(health, { is: "starting" }, 12_000)).toMatchObject({
      remedy: "restart",
      health: { why: "does not start" },
    });
  });

  test("that is on its way again has its time anew: a change of channel is no fault", () => {
    const moving = lookAt(healthy(0), { is: "starting" }, 50_000);
    expect(moving).toMatchObject({ remedy: undefined, health: { state: "starting", sinceMs: 50_000 } });
  });

  test("is never mended twice within the first wait, whatever is found", () => {
    const finding = fc.constantFrom<Finding>({ is: "well" }, { is: "starting" }, ILL);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), finding)), (looks) => {
        let health = newHealth(0);
        let nowMs = 0;
        let lastMs = Number.NEGATIVE_INFINITY;
        for (const [laterMs, found] of looks) {
          nowMs += laterMs;
          const looked = lookAt(health, found, nowMs);
          health = looked.health;
          if (looked.remedy === undefined) continue;
          expect(nowMs - lastMs).toBeGreaterThanOrEqual(250);
          lastMs = nowMs;
        }
      }),
    );
  });
});
