import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { atIntervals } from "../../../src/host/intervals.ts";

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
});
