import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { additive, breaking, planMigration } from "../../../src/store/migration.ts";

const ADDS = additive("adds");
const BREAKS = breaking("breaks");

describe("the steps of a new database", () => {
  test("are taken one by one, and no copy is kept of nothing", () => {
    expect(planMigration(0, undefined, [ADDS, BREAKS, ADDS])).toEqual({
      kind: "migrate",
      breaks: false,
      steps: [
        { sql: ["adds"], form: { version: 1, oldest: 0 } },
        { sql: ["breaks"], form: { version: 2, oldest: 2 } },
        { sql: ["adds"], form: { version: 3, oldest: 2 } },
      ],
    });
  });
});

describe("the steps of a database that is there", () => {
  test("shut nobody out where they only add", () => {
    expect(planMigration(1, 0, [ADDS, ADDS])).toEqual({
      kind: "migrate",
      breaks: false,
      steps: [{ sql: ["adds"], form: { version: 2, oldest: 0 } }],
    });
  });

  test("are all or none where one of them shuts older versions out", () => {
    expect(planMigration(1, 0, [ADDS, ADDS, BREAKS, ADDS])).toEqual({
      kind: "migrate",
      breaks: true,
      steps: [{ sql: ["adds", "breaks", "adds"], form: { version: 4, oldest: 3 } }],
    });
  });

  test("are none where all are taken, and who may read it is recorded once", () => {
    const known = [BREAKS, BREAKS, ADDS];
    expect(planMigration(3, 2, known)).toEqual({ kind: "migrate", breaks: false, steps: [] });
    expect(planMigration(3, undefined, known)).toEqual({
      kind: "migrate",
      breaks: false,
      steps: [{ sql: [], form: { version: 3, oldest: 2 } }],
    });
  });
});

describe("a database of a newer version", () => {
  test.each([
    [3, 0, "newer"],
    [3, 1, "newer"],
    [3, 2, "newer"],
    [3, 3, "too-new"],
    // Written before versions said it.
    [3, undefined, "too-new"],
  ] as const)("of %p steps for those who know %p is %p to one who knows two", (version, oldest, kind) => {
    expect(planMigration(version, oldest, [ADDS, ADDS])).toEqual({ kind });
  });

  test("never lets in who does not know a step that shut older versions out", () => {
    const lists = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(lists, fc.nat(8), fc.nat(8), (flags, atOne, atOther) => {
        const all = flags.map((adds) => (adds ? ADDS : BREAKS));
        const [newer, older] = [Math.max(atOne, atOther), Math.min(atOne, atOther)].map((at) =>
          Math.min(Math.max(at, 1), all.length),
        ) as [number, number];
        const plan = planMigration(0, undefined, all.slice(0, newer));
        const form = plan.kind === "migrate" ? plan.steps.at(-1)?.form : undefined;
        const met = planMigration(form?.version ?? 0, form?.oldest, all.slice(0, older));
        const isShutOut = all.slice(older, newer).includes(BREAKS);
        expect(met.kind).toBe(older === newer ? "migrate" : isShutOut ? "too-new" : "newer");
      }),
    );
  });
});
