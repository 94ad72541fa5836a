import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Ground, nextStep } from "../../../src/time/next-step.ts";
import { isTrusted, type Reading, TIME_SOURCES, type TimeSource } from "../../../src/time/time-source.ts";

const BUILT = Date.UTC(2026, 6, 1);
/** The clock of a box that was off for two months, five minutes after it was switched on. */
const GROUND: Ground = { nowMs: 300_000, wallMs: Date.UTC(2026, 8, 29), builtMs: BUILT, movedMs: 0 };
const TRUE_MS = Date.UTC(2026, 10, 29);

const says = (source: TimeSource, wallMs: number, rest: Partial<Reading> = {}): Reading => ({
  source,
  epochMs: wallMs - GROUND.nowMs,
  heardMs: GROUND.nowMs,
  uncertaintyMs: 2_000,
  ...rest,
});
const step = (standing: Reading | undefined, readings: Reading[], ground: Partial<Ground> = {}) =>
  nextStep(standing, readings, { ...GROUND, ...ground });

const source = fc.constantFrom(...TIME_SOURCES);
const reading = fc.record({
  source,
  // Half of them near what can be.
  epochMs: fc.oneof(
    fc.integer({ min: -1e12, max: 4e12 }),
    fc.integer({ min: BUILT - 1e9, max: BUILT + 2e11 }),
  ),
  heardMs: fc.integer({ min: 0, max: GROUND.nowMs }),
  uncertaintyMs: fc.integer({ min: 0, max: 1e9 }),
  voices: fc.integer({ min: 1, max: 200 }),
});

describe("the clock", () => {
  test("that nothing has told anything stays as it is", () => {
    expect(step(undefined, [])).toEqual({ kind: "keep" });
  });

  test("is set by satellites, another box, a radio or phones where nothing better is there", () => {
    for (const one of ["satellites", "boxes", "radio", "phones"] as const)
      expect(step(undefined, [says(one, TRUE_MS)])).toMatchObject({ kind: "set", toMs: TRUE_MS });
    const all = [says("phones", TRUE_MS + 9e6), says("satellites", TRUE_MS), says("radio", TRUE_MS + 5e6)];
    expect(step(undefined, all)).toMatchObject({
      kind: "set",
      toMs: TRUE_MS,
      reading: { source: "satellites" },
    });
  });

  test("is not set where it is right already, and is known to be right from then on", () => {
    const taken = { kind: "take", reading: { source: "satellites", uncertaintyMs: 3_500 } };
    expect(step(undefined, [says("satellites", GROUND.wallMs + 1_500)])).toMatchObject(taken);
    // However unsure the clock was before: it is no surer than it is off.
    const old = says("network", GROUND.wallMs, { uncertaintyMs: 900_000 });
    expect(step(old, [says("satellites", GROUND.wallMs + 600_000)]).kind).toBe("set");
    expect(step(old, [says("satellites", GROUND.wallMs - 1_500)])).toMatchObject(taken);
    expect(step(undefined, [says("phones", GROUND.wallMs - 5_000, { uncertaintyMs: 6_000 })])).toMatchObject({
      kind: "take",
    });
  });

  test("is never set by the network, which has set it by itself", () => {
    fc.assert(
      fc.property(
        fc.option(reading, { nil: undefined }),
        fc.integer({ min: 0, max: 4e12 }),
        (standing, wallMs) => {
          expect(step(standing, [says("network", wallMs)]).kind).not.toBe("set");
        },
      ),
    );
  });

  test("once a better source has told it, is never moved by phones or a radio, whatever they say and however long ago it was", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<TimeSource>("network", "satellites", "boxes"),
        fc.array(reading, { maxLength: 8 }),
        fc.integer({ min: 0, max: 1e11 }),
        (set, readings, later) => {
          const untrusted = readings.filter((one) => !isTrusted(one.source));
          expect(step(says(set, TRUE_MS), untrusted, { nowMs: GROUND.nowMs + later }).kind).toBe("keep");
        },
      ),
    );
  });

  test("is never moved by phones once a radio has set it, and by a radio once phones have", () => {
    expect(step(says("radio", TRUE_MS), [says("phones", TRUE_MS + 1e9, { voices: 99 })]).kind).toBe("keep");
    expect(step(says("phones", TRUE_MS), [says("radio", TRUE_MS + 1e9)])).toMatchObject({ kind: "set" });
  });

  test("is never set to before the program was built, nor to a time that can be no more", () => {
    fc.assert(
      fc.property(
        fc.option(reading, { nil: undefined }),
        fc.array(reading, { maxLength: 8 }),
        (standing, readings) => {
          const next = step(standing, readings);
          if (next.kind !== "set") return;
          expect(next.toMs).toBeGreaterThanOrEqual(BUILT);
          expect(next.toMs).toBeLessThan(BUILT + 15.1 * 366 * 86_400_000);
        },
      ),
    );
    const years = (count: number) => BUILT + count * 366 * 86_400_000;
    for (const [source, last] of [
      ["satellites", 15],
      ["boxes", 15],
      ["radio", 5],
      ["phones", 5],
    ] as const) {
      expect(step(undefined, [says(source, years(last - 1))]).kind).toBe("set");
      expect(step(undefined, [says(source, years(last + 1))]).kind).toBe("keep");
    }
    const rolledOver = TRUE_MS - 1024 * 7 * 86_400_000;
    expect(step(undefined, [says("satellites", rolledOver)]).kind).toBe("keep");
    expect(step(undefined, [says("phones", Date.UTC(2032, 0, 1))]).kind).toBe("keep");
  });

  test("is never put back by those who are not trusted, but for what they have moved it themselves", () => {
    fc.assert(
      fc.property(
        fc.option(reading, { nil: undefined }),
        fc.array(reading, { maxLength: 8 }),
        fc.integer({ min: 0, max: 1e10 }),
        (standing, readings, movedMs) => {
          const untrusted = readings.filter((one) => !isTrusted(one.source));
          const next = step(standing, untrusted, { movedMs });
          if (next.kind !== "set") return;
          const { uncertaintyMs, heardMs } = next.reading;
          const unsure = uncertaintyMs + (GROUND.nowMs - heardMs) * 1e-4;
          expect(next.toMs).toBeGreaterThanOrEqual(GROUND.wallMs - movedMs - unsure - 1);
        },
      ),
    );
    expect(step(undefined, [says("phones", GROUND.wallMs - 60_000)]).kind).toBe("keep");
    const first = says("phones", TRUE_MS, { voices: 5 });
    const ahead = { wallMs: TRUE_MS + 1e9, movedMs: 2e9 };
    expect(step(first, [says("phones", TRUE_MS, { voices: 6 })], ahead)).toMatchObject({
      kind: "set",
      toMs: TRUE_MS,
    });
    expect(step(first, [says("phones", TRUE_MS, { voices: 5 })], ahead).kind).toBe("keep");
  });

  test("is put back by those who are trusted", () => {
    const ahead = { wallMs: TRUE_MS + 1e10, movedMs: 1e10 };
    expect(step(says("phones", TRUE_MS + 1e10), [says("satellites", TRUE_MS)], ahead)).toMatchObject({
      kind: "set",
      toMs: TRUE_MS,
    });
  });

  test("is not taken from the network by another box that says something else, however sure that says it is", () => {
    const network = says("network", TRUE_MS, { uncertaintyMs: 500 });
    const lie = says("boxes", TRUE_MS + 1e9, { uncertaintyMs: 0 });
    const right = { wallMs: TRUE_MS };
    expect(step(network, [lie], right).kind).toBe("keep");
    expect(step(says("satellites", TRUE_MS), [lie], right).kind).toBe("keep");
    expect(step(lie, [network, lie], right)).toMatchObject({ kind: "take", reading: { source: "network" } });
    expect(step(lie, [says("satellites", TRUE_MS), lie])).toMatchObject({ kind: "set", toMs: TRUE_MS });
  });

  test("follows satellites after weeks without the network, and not while that is surer", () => {
    const week = 7 * 86_400_000;
    const network = says("network", GROUND.wallMs, { uncertaintyMs: 500 });
    const slowBy = 120_000;
    const satellites = (at: number, epochMs: number) => says("satellites", 0, { epochMs, heardMs: at });
    expect(step(network, [satellites(GROUND.nowMs, network.epochMs)]).kind).toBe("keep");
    const later = GROUND.nowMs + 3 * week;
    const off = { nowMs: later, wallMs: network.epochMs + later };
    expect(step(network, [satellites(later, network.epochMs + slowBy)], off)).toMatchObject({
      kind: "set",
      toMs: off.wallMs + slowBy,
    });
  });
});
