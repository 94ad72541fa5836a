import { expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import { abortAfter, patientTimers } from "../../../../src/mesh/engine/patient-timers.ts";

/** Timers whose event loop comes round only so often. */
function busy(time: VirtualTime, roundMs: number): Timers {
  return {
    monotonicMs: () => time.monotonicMs(),
    after: (delayMs, task) => {
      const dueMs = time.monotonicMs() + delayMs;
      return time.after(Math.ceil(dueMs / roundMs) * roundMs - time.monotonicMs(), task);
    },
  };
}

function firedAt(time: VirtualTime, timers: Timers, delayMs: number): number | undefined {
  let atMs: number | undefined;
  timers.after(delayMs, () => {
    atMs = time.monotonicMs();
  });
  for (let passedMs = 0; passedMs < delayMs * 5 && atMs === undefined; passedMs += 10) time.advance(10);
  return atMs;
}

test("a box that keeps up waits as long as it was told to", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), (delayMs) => {
      const time = new VirtualTime();
      const atMs = firedAt(time, patientTimers(time), delayMs) ?? 0;
      expect(atMs).toBeGreaterThanOrEqual(delayMs);
      expect(atMs).toBeLessThan(delayMs + 11);
    }),
  );
});

test("time in which this box did not come round does not count, up to four times what was to be waited", () => {
  const time = new VirtualTime();
  expect(firedAt(time, patientTimers(busy(time, 1_000)), 4_000)).toBe(8_000 + 1_000);
  const stuck = new VirtualTime();
  expect(firedAt(stuck, patientTimers(busy(stuck, 5_000)), 4_000)).toBe(20_000);
});

test("what is called off never comes, in whichever piece of the wait", () => {
  const time = new VirtualTime();
  const { signal, callOff } = abortAfter(patientTimers(time), 2_000, "late");
  time.advance(1_200);
  callOff();
  time.advance(10_000);
  expect(signal.aborted).toBe(false);
  const late = abortAfter(patientTimers(time), 2_000, "late");
  for (let pieces = 0; pieces < 4; pieces += 1) time.advance(500);
  expect(late.signal.reason).toEqual(new Error("late"));
});
