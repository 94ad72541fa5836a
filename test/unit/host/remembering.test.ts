import { expect, test } from "bun:test";
import { Lately, remembering } from "../../../src/host/remembering.ts";

test("what was worked out is not worked out again, also where it came to nothing", () => {
  const asked: string[] = [];
  const length = remembering((text) => {
    asked.push(text);
    return text === "" ? undefined : text.length;
  });
  expect(["a", "", "a", "", "bc"].map(length)).toEqual([1, undefined, 1, undefined, 2]);
  expect(asked).toEqual(["a", "", "bc"]);
});

test("what failed is tried again", () => {
  let tries = 0;
  const failing = remembering((): number => {
    tries += 1;
    throw new Error("no");
  });
  for (let time = 0; time < 2; time += 1) expect(() => failing("x")).toThrow("no");
  expect(tries).toBe(2);
});

test("however many are named, few are kept, those that are asked for among them", () => {
  const kept = new Lately<number>(8);
  for (let number = 0; number < 1_000; number += 1) {
    kept.set(`${number}`, number);
    if (number > 0) expect(kept.get("0")).toBe(0);
  }
  const left = Array.from({ length: 1_000 }, (_, number) => kept.has(`${number}`)).filter(Boolean).length;
  expect(left).toBeLessThanOrEqual(8);
  expect(left).toBeGreaterThanOrEqual(4);
});

test("going through as many as half of what fits, again and again, works each out once", () => {
  let worked = 0;
  const same = remembering((text) => {
    worked += 1;
    return text;
  }, 64);
  for (let round = 0; round < 10; round += 1)
    for (let number = 0; number < 32; number += 1) same(`${number}`);
  expect(worked).toBe(32);
});
