import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FAR_PORTS } from "../../../../src/config/index.ts";
import { planPorts } from "../../../../src/gateway/far-services/port-plan.ts";

const RANGE = { first: 100, last: 104 };
const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 8 });
/** What is planned when services come and go, one list of those in reach after the other. */
function planAll(rounds: readonly string[][]): ReadonlyMap<string, number>[] {
  let plan: ReadonlyMap<string, number> = new Map();
  return rounds.map((wanted) => {
    plan = planPorts(plan, wanted, RANGE);
    return plan;
  });
}

describe("the ports of far services", () => {
  test("are of the range, one for each, for as many as there is room", () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 6 }), (rounds) => {
        for (const [index, plan] of planAll(rounds).entries()) {
          const ports = [...plan.values()];
          expect(new Set(ports).size).toBe(ports.length);
          for (const port of ports) expect(port >= RANGE.first && port <= RANGE.last).toBe(true);
          const wanted = rounds[index] ?? [];
          expect(wanted.filter((name) => plan.has(name))).toHaveLength(Math.min(wanted.length, 5));
        }
      }),
    );
  });

  test("stay what they are while a service is in reach, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.array(names, { maxLength: 6 }), (rounds) => {
        const steady = rounds.map((wanted) => ["steady", ...wanted]);
        const given = planAll(steady).map((plan) => plan.get("steady"));
        expect(new Set(given).size).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("are kept for a service that is away as long as there are others to give", () => {
    const before = planPorts(new Map(), ["a", "b"], RANGE);
    const without = planPorts(before, ["b", "c", "d", "e"], RANGE);
    expect(without.get("a")).toBe(before.get("a"));
    const full = planPorts(without, ["b", "c", "d", "e", "f"], RANGE);
    expect(full.has("a")).toBe(false);
    expect(full.get("f")).toBe(before.get("a"));
  });

  test("are the same after a restart where no two services have the same first choice", () => {
    expect(planPorts(new Map(), ["two", "one"])).toEqual(
      planPorts(new Map([["one", planPorts(new Map(), ["one"]).get("one") ?? 0]]), ["two"]),
    );
  });

  test("are below those that the kernel gives out by itself", () => {
    expect(FAR_PORTS.last).toBeLessThan(32_768);
    expect(FAR_PORTS.last - FAR_PORTS.first).toBe(99);
  });
});
