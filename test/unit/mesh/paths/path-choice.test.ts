import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  choosePath,
  DEFAULT_POLICY,
  isUsable,
  type PathView,
  scoreOf,
  stableAfterMs,
} from "../../../../src/mesh/paths/path-choice.ts";
import { PATH_KINDS } from "../../../../src/mesh/paths/paths-interface.ts";

const path = (id: string, about: Partial<PathView> = {}): PathView => ({
  id,
  kind: "ethernet",
  state: "good",
  cost: 0,
  metered: false,
  rttMs: 10,
  loss: 0,
  lossOf: 32,
  isStable: true,
  ...about,
});
const choose = (paths: PathView[], current?: string, policy = DEFAULT_POLICY) =>
  choosePath(paths, policy, current);

describe("the choice of a path", () => {
  test("follows the operator's order of kinds", () => {
    const paths = [path("modem", { kind: "internet" }), path("wire"), path("air", { kind: "radio" })];
    expect(choose(paths)).toEqual({ chosen: "wire", second: "air", inDoubt: false });
    const policy = { ...DEFAULT_POLICY, order: ["internet", "radio", "ethernet"] as const };
    expect(choose(paths, undefined, policy)).toEqual({ chosen: "modem", second: "air", inDoubt: false });
  });

  test("sets what a way costs, loses and takes against the order", () => {
    const wire = (about: Partial<PathView>) =>
      choose([path("wire", about), path("air", { kind: "radio" })]).chosen;
    expect(wire({})).toBe("wire");
    expect(wire({ loss: 0.1 })).toBe("air");
    expect(wire({ rttMs: 200 })).toBe("air");
    expect(wire({ metered: true })).toBe("air");
    expect(wire({ cost: 1 })).toBe("air");
  });

  test("sets how much passes and what energy it takes against the order, as far as the operator asks for it", () => {
    const slow = path("wire", { capacityKbit: 1_000, energyJoulePerMb: 0.04 });
    const hungry = path("air", { kind: "radio", capacityKbit: 50_000, energyJoulePerMb: 0.6 });
    const by = (weights: Partial<typeof DEFAULT_POLICY.weights>, order = DEFAULT_POLICY.order) =>
      choose([slow, hungry], undefined, { order, weights: { ...DEFAULT_POLICY.weights, ...weights } }).chosen;
    expect(by({})).toBe("wire");
    expect(by({ throughput: 50 })).toBe("air");
    expect(by({ throughput: 0, energy: 0 }, ["radio", "ethernet"])).toBe("air");
    expect(by({ throughput: 0, energy: 200 }, ["radio", "ethernet"])).toBe("wire");
    // By default they decide between ways that are equal else.
    expect(
      choose([path("slow", { capacityKbit: 1_000 }), path("fast", { capacityKbit: 90_000 })]).chosen,
    ).toBe("fast");
    expect(scoreOf(path("unknown"), DEFAULT_POLICY)).toBe(
      scoreOf(path("best", { capacityKbit: 100_000 }), DEFAULT_POLICY),
    );
  });

  test("takes LoRa only when nothing else is there, whatever the weights", () => {
    const lora = path("lora", { kind: "lora", state: "untried", isStable: false });
    const policy = { ...DEFAULT_POLICY, order: ["lora", "internet"] as const };
    const poor = path("modem", { kind: "internet", loss: 0.9, metered: true, cost: 50, isStable: false });
    expect(choose([lora, poor], undefined, policy).chosen).toBe("modem");
    expect(choose([lora, poor], "lora", policy).chosen).toBe("modem");
    expect(choose([lora, path("modem", { state: "dead" })])).toEqual({ chosen: "lora", inDoubt: true });
    // Not even as the second while the first works.
    expect(choose([lora, poor])).toEqual({ chosen: "modem", inDoubt: false });
    expect(choose([lora, { ...poor, state: "doubtful" }])).toEqual({
      chosen: "modem",
      second: "lora",
      inDoubt: true,
    });
  });

  test("keeps a path in doubt until it is dead, and names a second meanwhile", () => {
    const air = path("air", { kind: "radio" });
    expect(choose([path("wire", { state: "doubtful" }), air], "wire")).toEqual({
      chosen: "wire",
      second: "air",
      inDoubt: true,
    });
    expect(choose([path("wire", { state: "dead" }), air], "wire")).toEqual({ chosen: "air", inDoubt: false });
  });

  test("leaves a path that works only for one that is stable and clearly better", () => {
    const air = path("air", { kind: "radio" });
    expect(choose([path("wire", { isStable: false }), air], "air").chosen).toBe("air");
    const fresh = [path("wire", { isStable: false }), { ...air, isStable: false }];
    expect(choose(fresh, "air").chosen).toBe("air");
    expect(choose([path("wire"), air], "air").chosen).toBe("wire");
    expect(choose([path("one", { rttMs: 95 }), path("two", { rttMs: 100 })], "two").chosen).toBe("two");
    expect(choose([path("one", { rttMs: 50 }), path("two", { rttMs: 100 })], "two").chosen).toBe("one");
  });

  test("prefers a second that does not depend on the same interface", () => {
    const paths = [
      path("wire", { dependsOn: "eth0" }),
      path("wire6", { dependsOn: "eth0" }),
      path("air", { kind: "radio", dependsOn: "wlan0" }),
    ];
    expect(choose(paths, "wire").second).toBe("air");
    expect(choose(paths.slice(0, 2), "wire").second).toBe("wire6");
  });

  test("names nothing where nothing was ever proven", () => {
    expect(choose([])).toEqual({ inDoubt: true });
    expect(choose([path("wire", { state: "untried" }), path("air", { state: "dead" })])).toEqual({
      inDoubt: true,
    });
  });

  const views = fc.array(
    fc
      .record({
        kind: fc.constantFrom(...PATH_KINDS),
        state: fc.constantFrom("untried", "good", "doubtful", "dead"),
        cost: fc.nat({ max: 5 }),
        metered: fc.boolean(),
        rttMs: fc.nat({ max: 2_000 }),
        capacityKbit: fc.integer({ min: 2, max: 100_000 }),
        energyJoulePerMb: fc.nat({ max: 1_000 }),
        loss: fc.double({ min: 0, max: 1, noNaN: true }),
        isStable: fc.boolean(),
        dependsOn: fc.constantFrom("eth0", "wlan0", "wwan0"),
      })
      .map((about) => about as Omit<PathView, "id">),
    { maxLength: 12 },
  );

  test("never chooses what is not usable while something is, never the same twice, and is settled at once", () => {
    fc.assert(
      fc.property(views, fc.nat({ max: 12 }), (abouts, at) => {
        const paths = abouts.map((about, i) => ({ ...about, id: `path ${i}` }));
        const choice = choose(paths, `path ${at}`);
        const byId = (id?: string) => paths.find((one) => one.id === id);
        const [chosen, second] = [byId(choice.chosen), byId(choice.second)];
        expect(chosen !== undefined).toBe(paths.some(isUsable));
        if (chosen) expect(isUsable(chosen)).toBe(true);
        if (second) expect(isUsable(second) && second !== chosen).toBe(true);
        expect(choice.inDoubt).toBe(chosen?.state !== "good");
        // Asked again with nothing changed, it says the same: no swinging.
        expect(choose(paths, choice.chosen)).toEqual(choice);
      }),
      { numRuns: 3_000 },
    );
  });

  test("gives a lower score to what is better in one thing and equal in all others", () => {
    fc.assert(
      fc.property(views, (abouts) => {
        for (const about of abouts) {
          const view = { ...about, id: "one" };
          const score = scoreOf(view, DEFAULT_POLICY);
          expect(scoreOf({ ...view, cost: view.cost + 1 }, DEFAULT_POLICY)).toBeGreaterThan(score);
          const { capacityKbit = 2, energyJoulePerMb = 0 } = view;
          const slower = { ...view, capacityKbit: capacityKbit - 1 };
          const hungrier = { ...view, energyJoulePerMb: energyJoulePerMb + 1 };
          for (const worse of [slower, hungrier])
            expect(scoreOf(worse, DEFAULT_POLICY)).toBeGreaterThan(score);
          expect(scoreOf({ ...view, rttMs: (view.rttMs ?? 0) + 1 }, DEFAULT_POLICY)).toBeGreaterThan(score);
        }
      }),
    );
  });
});

describe("the time until a path that came back is preferred again", () => {
  test("doubles with every time that it lately died, up to five minutes", () => {
    expect([0, 1, 2, 3, 40].map(stableAfterMs)).toEqual([3_000, 6_000, 12_000, 24_000, 300_000]);
  });
});
