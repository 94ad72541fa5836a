import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { atIntervals, onceAtATime } from "../../../src/host/intervals.ts";

const settle = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe("what is done at intervals", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  const never = (error: unknown) => {
    throw error;
  };

  test("is done after each interval and not before the first", async () => {
    let rounds = 0;
    const end = atIntervals(
      1_000,
      () => {
        rounds += 1;
      },
      never,
    );
    jest.advanceTimersByTime(999);
    expect(rounds).toBe(0);
    for (let second = 0; second < 3; second += 1) {
      jest.advanceTimersByTime(1_000);
      await settle();
    }
    expect(rounds).toBe(3);
    end();
  });

  test("is never done twice at once: the next round waits for the end of the last", async () => {
    let rounds = 0;
    let finish = () => {};
    const end = atIntervals(
      1_000,
      () => {
        rounds += 1;
        return new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      never,
    );
    jest.advanceTimersByTime(10_000);
    await settle();
    expect(rounds).toBe(1);
    finish();
    await settle();
    jest.advanceTimersByTime(1_000);
    expect(rounds).toBe(2);
    end();
  });

  test("goes on after it has failed, and tells of that", async () => {
    const failures: unknown[] = [];
    const end = atIntervals(
      1_000,
      () => {
        throw new Error("no");
      },
      (error) => void failures.push(error),
    );
    for (let second = 0; second < 3; second += 1) {
      jest.advanceTimersByTime(1_000);
      await settle();
    }
    expect(failures).toHaveLength(3);
    end();
  });

  test("is done no more once ended, also when it is ended in the middle of a round", async () => {
    let rounds = 0;
    const end = atIntervals(
      1_000,
      () => {
        rounds += 1;
        end();
      },
      never,
    );
    jest.advanceTimersByTime(1_000);
    await settle();
    jest.advanceTimersByTime(10_000);
    await settle();
    expect(rounds).toBe(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("has ended when its end is awaited: a round that is under way is over then", async () => {
    let finish = () => {};
    const end = atIntervals(
      1_000,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve;
        }),
      never,
    );
    jest.advanceTimersByTime(1_000);
    let over = false;
    const ended = end().then(() => {
      over = true;
    });
    await settle();
    expect(over).toBe(false);
    finish();
    await ended;
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe("what is done once at a time", () => {
  /** An action that runs until a test ends the run. */
  const slow = () => {
    const runs: { finish: () => void; fail: (error: Error) => void }[] = [];
    const once = onceAtATime(() => new Promise<void>((finish, fail) => void runs.push({ finish, fail })));
    return { runs, once };
  };

  test("runs at once when nothing is under way, each time anew", async () => {
    const { runs, once } = slow();
    for (let time = 1; time <= 2; time += 1) {
      const done = once();
      expect(runs).toHaveLength(time);
      runs.at(-1)?.finish();
      await done;
    }
  });

  test("runs once more after the run that is under way, however often it was asked for", async () => {
    const { runs, once } = slow();
    const first = once();
    let over = 0;
    const others = [once(), once(), once()].map((done) =>
      done.then(() => {
        over += 1;
      }),
    );
    expect(runs).toHaveLength(1);
    runs[0]?.finish();
    await first;
    await settle();
    expect([runs.length, over]).toEqual([2, 0]);
    runs[1]?.finish();
    await Promise.all(others);
    await settle();
    expect(runs).toHaveLength(2);
  });

  test("runs again after a run that failed, which its own caller alone is told of", async () => {
    const { runs, once } = slow();
    const first = once();
    const second = once();
    runs[0]?.fail(new Error("no"));
    expect(await first.catch(String)).toBe("Error: no");
    await settle();
    runs[1]?.finish();
    expect(await second).toBeUndefined();
  });
});
