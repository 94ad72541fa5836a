import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AirtimeRecord } from "../../../../src/bench/air/airtime-record.ts";

const entry = (startMs: number, endMs: number, frequencyHz = 869_525_000) => ({
  startMs,
  endMs,
  frequencyHz,
  bandwidthHz: 250_000,
});

describe("the record of airtime", () => {
  test("tells modems and bands apart", () => {
    const record = new AirtimeRecord();
    record.note("a", entry(0, 100));
    record.note("a", entry(200, 250, 868_100_000));
    record.note("b", entry(50, 60));
    expect(record.totalMs("a")).toBe(150);
    expect(record.totalMs("a", { lowHz: 868_000_000, highHz: 868_600_000 })).toBe(50);
    expect(record.totalMs("a", { lowHz: 868_600_000, highHz: 869_525_000 })).toBe(0);
    expect(record.entries("b")).toEqual([entry(50, 60)]);
    expect(record.totalMs("nobody")).toBe(0);
  });

  test("takes back what a frame that was cut off did not use", () => {
    const record = new AirtimeRecord();
    record.note("a", entry(0, 100));
    record.cutOff("a", 30);
    expect(record.totalMs("a")).toBe(30);
  });

  test("finds the span that holds the most, whole frames or not", () => {
    const record = new AirtimeRecord();
    for (const [startMs, endMs] of [
      [0, 10],
      [50, 80],
      [90, 100],
    ] as const) {
      record.note("a", entry(startMs, endMs));
    }
    expect(record.mostInWindowMs("a", 5)).toBe(5);
    expect(record.mostInWindowMs("a", 45)).toBe(35);
    expect(record.mostInWindowMs("a", 60)).toBe(40);
    expect(record.mostInWindowMs("a", 1_000)).toBe(50);
    expect(record.mostInWindowMs("nobody", 60)).toBe(0);
  });

  test("finds as much as trying every span does", () => {
    const step = fc.record({ gap: fc.nat(20), length: fc.integer({ min: 1, max: 15 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 15 }), fc.integer({ min: 1, max: 60 }), (steps, windowMs) => {
        const record = new AirtimeRecord();
        const busy: boolean[] = [];
        for (const { gap, length } of steps) {
          const startMs = busy.length + gap;
          for (let ms = busy.length; ms < startMs + length; ms++) busy[ms] = ms >= startMs;
          record.note("a", entry(startMs, startMs + length));
        }
        let most = 0;
        for (let from = -windowMs; from < busy.length; from++) {
          let sum = 0;
          for (let ms = Math.max(0, from); ms < from + windowMs; ms++) sum += busy[ms] ? 1 : 0;
          most = Math.max(most, sum);
        }
        expect(record.mostInWindowMs("a", windowMs)).toBe(most);
      }),
    );
  });

  test("forgets what is older than its memory, and nothing younger", () => {
    const record = new AirtimeRecord(1_000);
    for (let i = 0; i < 10_000; i++) record.note("a", entry(i * 10, i * 10 + 5));
    const kept = record.entries("a");
    expect(kept.length).toBeLessThan(500);
    expect(kept[0]?.startMs).toBeLessThanOrEqual(99_990 - 1_000);
    expect(kept.at(-1)?.startMs).toBe(99_990);
  });
});
