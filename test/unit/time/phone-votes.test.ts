import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { PhoneVotes } from "../../../src/time/phone-votes.ts";

const BUILT = Date.UTC(2026, 6, 1);
const NOW = Date.UTC(2026, 10, 29);
const votesOf = (least = 5) => new PhoneVotes({ least, builtMs: BUILT });

describe("phones", () => {
  test("have one vote a station, however often one speaks", () => {
    const votes = votesOf();
    for (let n = 0; n < 100; n += 1) votes.note("02:00:00:00:00:01", NOW + 1e9, n * 60_000);
    for (const station of ["a", "b", "c", "d"]) votes.note(station, NOW, 0);
    expect(votes.count(0)).toBe(5);
    expect(votes.reading(0)).toBeUndefined();
    votes.note("e", NOW + 4_000, 2_000);
    const reading = votes.reading(10_000);
    expect(reading).toMatchObject({ source: "phones", voices: 5, epochMs: NOW });
    expect(reading?.uncertaintyMs).toBe(7_000);
  });

  test("may correct themselves, and not all the time", () => {
    const votes = votesOf(1);
    expect(votes.note("a", NOW, 0)).toBe(true);
    expect(votes.note("a", NOW + 500_000, 30_000)).toBe(false);
    expect(votes.reading(30_000)?.epochMs).toBe(NOW);
    expect(votes.note("a", NOW + 500_000, 60_000)).toBe(true);
    expect(votes.reading(60_000)?.epochMs).toBe(NOW + 440_000);
  });

  test("that were never set, or say what cannot be, have no vote", () => {
    const votes = votesOf(1);
    for (const wallMs of [0, BUILT - 1, Number.NaN, Number.POSITIVE_INFINITY, Date.UTC(2040, 0, 1)])
      expect(votes.note(`${wallMs}`, wallMs, 0)).toBe(false);
    expect(votes.count(0)).toBe(0);
  });

  test("are not asked where the operator does not want it", () => {
    const votes = votesOf(0);
    expect(votes.note("a", NOW, 0)).toBe(false);
    expect(votes.reading(0)).toBeUndefined();
  });

  test("are forgotten after half a day", () => {
    const votes = votesOf(1);
    votes.note("a", NOW, 0);
    expect(votes.count(12 * 3_600_000)).toBe(1);
    expect(votes.count(12 * 3_600_000 + 1)).toBe(0);
  });

  test("in whatever number fill no memory, and those who came first are not pushed out", () => {
    const votes = votesOf();
    for (let n = 0; n < 6; n += 1) votes.note(`first ${n}`, NOW + n, n);
    for (let n = 0; n < 5_000; n += 1) votes.note(`flood ${n}`, NOW + n, 100);
    expect(votes.count(100)).toBe(256);
    expect(votes.note("first 3", NOW, 100_000)).toBe(true);
  });

  test("that lie and are fewer never bring the time out of what honest ones say", () => {
    const station = fc.uniqueArray(fc.integer({ min: 0, max: 10_000 }), { minLength: 5, maxLength: 50 });
    fc.assert(
      fc.property(
        station,
        fc.array(fc.integer({ min: BUILT, max: BUILT + 4e10 }), { maxLength: 50 }),
        (names, lies) => {
          const votes = votesOf();
          const honest = names.map((name) => (name % 41) * 1_000 - 20_000);
          for (const [n, name] of names.entries()) votes.note(`honest ${name}`, NOW + (honest[n] ?? 0), 0);
          for (const [n, wallMs] of lies.slice(0, names.length - 1).entries())
            votes.note(`liar ${n}`, wallMs, 0);
          const { epochMs = Number.NaN } = votes.reading(0) ?? {};
          expect(epochMs).toBeGreaterThanOrEqual(NOW + Math.min(...honest));
          expect(epochMs).toBeLessThanOrEqual(NOW + Math.max(...honest));
        },
      ),
    );
  });
});
