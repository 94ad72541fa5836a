import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";

describe("virtual time", () => {
  test("runs what is due in order of time, and of asking where that is the same", () => {
    const time = new VirtualTime();
    const ran: string[] = [];
    const note = (name: string) => () => ran.push(`${name}@${time.monotonicMs()}`);
    time.after(20, note("late"));
    time.after(10, note("first"));
    time.after(10, note("second"));
    time.after(-5, note("at once"));
    expect(ran).toEqual([]);
    time.advance(15);
    expect(ran).toEqual(["at once@0", "first@10", "second@10"]);
    expect(time.monotonicMs()).toBe(15);
    time.advance(5);
    expect(ran.at(-1)).toBe("late@20");
  });

  test("runs what a task asks for within the same call", () => {
    const time = new VirtualTime();
    const ran: number[] = [];
    const again = () => {
      ran.push(time.monotonicMs());
      time.after(3, again);
    };
    time.after(0, again);
    time.advance(9);
    expect(ran).toEqual([0, 3, 6, 9]);
  });

  test("does not run what was called off, however often and late that is done", () => {
    const time = new VirtualTime();
    let ran = 0;
    const callOff = time.after(1, () => ran++);
    const other = time.after(1, () => ran++);
    callOff();
    callOff();
    time.advance(1);
    other();
    expect(ran).toBe(1);
    expect(time.waiting).toBe(0);
  });

  test("stops at the task that brings about what is waited for", () => {
    const time = new VirtualTime();
    let count = 0;
    for (let i = 1; i <= 5; i++) time.after(i * 10, () => count++);
    expect(time.runUntil(() => count === 3, 1_000)).toBe(true);
    expect(time.monotonicMs()).toBe(30);
    expect(time.runUntil(() => count === 9, 100)).toBe(false);
    expect(time.monotonicMs()).toBe(130);
  });

  test("runs to the end, and says when the end does not come", () => {
    const time = new VirtualTime();
    time.after(70, () => time.after(7, () => {}));
    time.after(900, () => {})();
    expect(time.runToEnd(1_000)).toBe(true);
    expect(time.monotonicMs()).toBe(77);
    const forever = () => {
      time.after(1, forever);
    };
    forever();
    expect(time.runToEnd(50)).toBe(false);
    expect(time.monotonicMs()).toBe(127);
  });

  test("moves the wall clock along", () => {
    const time = new VirtualTime({ startMs: 5, wallStartMs: 1_000 });
    time.advance(10);
    expect([time.monotonicMs(), time.wallMs()]).toEqual([15, 1_010]);
  });

  test("goes on behind a task that threw", () => {
    const time = new VirtualTime();
    let ran = false;
    time.after(1, () => {
      throw new Error("broken task");
    });
    time.after(2, () => {
      ran = true;
    });
    expect(() => time.advance(5)).toThrow("broken task");
    expect(time.monotonicMs()).toBe(1);
    time.advance(1);
    expect(ran).toBe(true);
  });

  test("is not moved by a task, nor by what is no time", () => {
    const time = new VirtualTime();
    time.after(0, () => time.advance(1));
    expect(() => time.advance(0)).toThrow("moved by a task");
    expect(() => time.advance(-1)).toThrow(RangeError);
    expect(() => time.after(Number.NaN, () => {})).toThrow(RangeError);
    expect(() => time.after(Number.POSITIVE_INFINITY, () => {})).toThrow(RangeError);
  });

  test("lets promises settle between tasks when asked to", async () => {
    const time = new VirtualTime();
    const sleep = (ms: number) => new Promise<void>((resolve) => void time.after(ms, resolve));
    const seen: number[] = [];
    const worker = async () => {
      for (let i = 0; i < 5; i++) {
        await sleep(10);
        for (let deep = 0; deep < 50; deep++) await undefined;
        seen.push(time.monotonicMs());
      }
    };
    const done = worker();
    await time.advanceAsync(30);
    expect(seen).toEqual([10, 20, 30]);
    expect(time.monotonicMs()).toBe(30);
    expect(await time.runUntilAsync(() => seen.length === 5, 1_000)).toBe(true);
    expect(time.monotonicMs()).toBe(50);
    await done;
    expect(await time.runUntilAsync(() => false, 5)).toBe(false);
  });

  test("runs any mix of tasks and recalls as a sorted list would", () => {
    const step = fc.record({ delayMs: fc.integer({ min: 0, max: 20 }), recalled: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 300 }),
        fc.array(fc.nat(9), { maxLength: 20 }),
        (steps, passes) => {
          const time = new VirtualTime();
          const ran: number[] = [];
          const recall = steps.map(({ delayMs }, i) => time.after(delayMs, () => ran.push(i)));
          steps.forEach(({ recalled }, i) => {
            if (recalled) recall[i]?.();
          });
          for (const ms of [0, ...passes]) time.advance(ms);
          const now = time.monotonicMs();
          const expected = steps
            .map(({ delayMs, recalled }, i) => ({ delayMs, recalled, i }))
            .filter(({ delayMs, recalled }) => !recalled && delayMs <= now)
            .sort((a, b) => a.delayMs - b.delayMs || a.i - b.i)
            .map(({ i }) => i);
          expect(ran).toEqual(expected);
          expect(time.waiting).toBe(steps.filter(({ recalled }) => !recalled).length - expected.length);
        },
      ),
    );
  });

  test("holds no more than twice what waits, however much is called off", () => {
    const time = new VirtualTime();
    let ran = 0;
    for (let i = 0; i < 200_000; i++) time.after(1_000 + (i % 977), () => ran++)();
    for (let i = 0; i < 5_000; i++) {
      const callOff = time.after(i % 911, () => ran++);
      if (i % 5 !== 0) callOff();
    }
    expect(time.waiting).toBe(1_000);
    const heldAtMost = 2 * 1_024 + 1_000;
    expect(Reflect.get(time, "heap").length).toBeLessThanOrEqual(heldAtMost);
    time.advance(2_000);
    expect(ran).toBe(1_000);
  });

  // In quadratic time it would not end before the test's own limit.
  test("runs a million tasks", () => {
    const time = new VirtualTime();
    let ran = 0;
    for (let i = 0; i < 1_000_000; i++) time.after((i * 7_919) % 100_003, () => ran++);
    time.advance(100_003);
    expect(ran).toBe(1_000_000);
  });
});
