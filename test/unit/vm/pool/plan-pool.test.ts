import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type PoolPolicy,
  type PoolSight,
  planPool,
  type Stock,
  USUAL_POOL,
  wantedShapes,
} from "../../../../src/vm/pool/plan-pool.ts";
import { isSameShape, type Shape } from "../../../../src/vm/pool/shape.ts";

const SMALL: Shape = { image: "small", cpus: 1, memoryMiB: 256, diskMiB: 0 };
const LARGE: Shape = { ...SMALL, cpus: 2, memoryMiB: 512 };
const DEBIAN: Shape = { ...SMALL, image: "debian", diskMiB: 1_024 };
const POLICY: PoolPolicy = { ...USUAL_POOL, shapes: [SMALL] };

const stocked = (shape: Shape, machines: number, hasFile = true): Stock => ({
  shape,
  ...{ hasFile, machines, fileMiB: 80, machineMiB: 130 },
});
const seen = (more: Partial<PoolSight> = {}): PoolSight => ({
  ...{
    stock: [],
    asked: [],
    images: ["small", "debian"],
    failing: [],
    causes: [],
    availableMemoryMiB: 4_096,
    nowMs: 0,
  },
  ...more,
});
const step = (sight: Partial<PoolSight>, policy = POLICY) => {
  const next = planPool(policy, seen(sight));
  return next && `${next.do} ${next.shape.image} ${next.shape.memoryMiB}`;
};

describe("the plan of a pool", () => {
  test("makes a file first, then machines of it until enough wait", () => {
    expect(step({})).toBe("makeFile small 256");
    expect(step({ stock: [stocked(SMALL, 0)] })).toBe("makeMachine small 256");
    expect(step({ stock: [stocked(SMALL, 1)] })).toBe("makeMachine small 256");
    expect(step({ stock: [stocked(SMALL, 2)] })).toBeUndefined();
    expect(step({ stock: [stocked(SMALL, 3)] })).toBe("dropMachine small 256");
  });

  test("has one of each shape wait before a second of any", () => {
    const policy = { ...POLICY, shapes: [SMALL, LARGE] };
    expect(step({ stock: [stocked(SMALL, 1), stocked(LARGE, 0)] }, policy)).toBe("makeMachine small 512");
    expect(step({ stock: [stocked(SMALL, 1), stocked(LARGE, 1)] }, policy)).toBe("makeMachine small 256");
  });

  test("takes up what is asked for repeatedly, after what is configured, and lets it go when that is long ago", () => {
    const asked = [LARGE, DEBIAN, LARGE, LARGE, DEBIAN].map((shape, atMs) => ({ shape, atMs }));
    const wide = { ...POLICY, mostShapes: 3 };
    expect(wantedShapes(wide, seen({ asked }))).toEqual([SMALL, LARGE, DEBIAN]);
    expect(wantedShapes(POLICY, seen({ asked }))).toEqual([SMALL, LARGE]);
    expect(wantedShapes(wide, seen({ asked: asked.slice(0, 2) }))).toEqual([SMALL]);
    expect(wantedShapes(wide, seen({ asked, nowMs: 10 + wide.demandMs }))).toEqual([SMALL]);
    expect(wantedShapes(wide, seen({ asked, images: ["small"] }))).toEqual([SMALL, LARGE]);
    const stock = [stocked(SMALL, 2), stocked(LARGE, 1)];
    expect(step({ stock, asked, nowMs: 10 + wide.demandMs })).toBe("dropMachine small 512");
    expect(step({ stock: [stocked(SMALL, 2), stocked(LARGE, 0)] })).toBe("dropFile small 512");
  });

  test("gives everything back while the box needs its memory, the least wanted first, and files last", () => {
    const policy = { ...POLICY, shapes: [SMALL, LARGE] };
    const under = (stock: Stock[]) => step({ stock, causes: ["memory"] }, policy);
    expect(under([stocked(SMALL, 2), stocked(LARGE, 1)])).toBe("dropMachine small 512");
    expect(under([stocked(SMALL, 2), stocked(LARGE, 0)])).toBe("dropMachine small 256");
    expect(under([stocked(SMALL, 0), stocked(LARGE, 0)])).toBe("dropFile small 512");
    expect(under([stocked(SMALL, 0)])).toBe("dropFile small 256");
    expect(under([])).toBeUndefined();
  });

  test("makes nothing while the box needs itself for something else, and keeps what costs nothing", () => {
    for (const cause of ["cpu", "io", "heat", "power"] as const) {
      expect(step({ causes: [cause] })).toBeUndefined();
      expect(step({ stock: [stocked(SMALL, 1)], causes: [cause] })).toBeUndefined();
    }
  });

  test("lets what cannot be made wait, and makes the others", () => {
    const policy = { ...POLICY, shapes: [SMALL, LARGE] };
    expect(step({ failing: [SMALL] }, policy)).toBe("makeFile small 512");
    expect(step({ failing: [SMALL, LARGE], stock: [stocked(SMALL, 0)] }, policy)).toBeUndefined();
  });

  test("with none to wait makes the file alone", () => {
    const policy = { ...POLICY, keep: 0 };
    expect(step({}, policy)).toBe("makeFile small 256");
    expect(step({ stock: [stocked(SMALL, 0)] }, policy)).toBeUndefined();
  });

  test("never makes what does not fit, and comes to rest whatever there is, in as many steps as there are things", () => {
    const shapes = fc.subarray([SMALL, LARGE, DEBIAN]);
    fc.assert(
      fc.property(
        shapes,
        fc.record({
          keep: fc.nat(4),
          mostShapes: fc.nat(3),
          memoryShareMiB: fc.nat(2_000),
          keptMemoryMiB: fc.nat(1_000),
        }),
        fc.array(fc.tuple(fc.constantFrom(SMALL, LARGE, DEBIAN), fc.nat(5), fc.boolean()), { maxLength: 3 }),
        fc.nat(4_000),
        fc.subarray(["memory", "cpu"] as const),
        (configured, sizes, there, availableMiB, causes) => {
          const policy = { ...POLICY, ...sizes, shapes: configured };
          let stock: Stock[] = there
            .filter(([shape], at) => there.findIndex(([one]) => isSameShape(one, shape)) === at)
            .map(([shape, machines, hasFile]) => stocked(shape, machines, hasFile));
          const usedAtFirst = taken(stock);
          for (let turn = 0; turn < 60; turn += 1) {
            const availableMemoryMiB = availableMiB + usedAtFirst - taken(stock);
            const next = planPool(policy, seen({ stock, causes, availableMemoryMiB }));
            if (!next) return;
            if (next.do.startsWith("make")) {
              expect(causes).toEqual([]);
              expect(availableMemoryMiB).toBeGreaterThan(policy.keptMemoryMiB);
            }
            stock = after(stock, next);
            if (next.do.startsWith("make")) expect(taken(stock)).toBeLessThanOrEqual(policy.memoryShareMiB);
          }
          throw new Error(`it does not come to rest: ${JSON.stringify(stock)}`);
        },
      ),
    );
  });
});

const taken = (stock: readonly Stock[]) =>
  stock.reduce(
    (sum, { hasFile, fileMiB, machines, machineMiB }) =>
      sum + (hasFile ? fileMiB : 0) + machines * machineMiB,
    0,
  );

function after(stock: readonly Stock[], next: NonNullable<ReturnType<typeof planPool>>): Stock[] {
  const others = stock.filter(({ shape }) => !isSameShape(shape, next.shape));
  const one = stock.find(({ shape }) => isSameShape(shape, next.shape)) ?? stocked(next.shape, 0, false);
  const changed = {
    makeFile: { hasFile: true },
    makeMachine: { machines: one.machines + 1 },
    dropMachine: { machines: one.machines - 1 },
    dropFile: { hasFile: false },
  }[next.do];
  return [...others, { ...one, ...changed }];
}
