import { expect, test } from "bun:test";
import { onFirstUse } from "../../../src/host/on-first-use.ts";

test("What is made on first use is made once, and not before", () => {
  let made = 0;
  const value = onFirstUse(() => ({ number: ++made }));
  expect(made).toBe(0);
  const first = value();
  expect(value()).toBe(first);
  expect(made).toBe(1);
});

test("Nothing at all is a value too", () => {
  let made = 0;
  const nothing = onFirstUse(() => {
    made += 1;
  });
  nothing();
  nothing();
  expect(made).toBe(1);
});

test("What could not be made is tried again the next time", () => {
  let tries = 0;
  const value = onFirstUse(() => {
    tries += 1;
    if (tries === 1) throw new Error("not yet");
    return tries;
  });
  expect(value).toThrow("not yet");
  expect(value()).toBe(2);
});
