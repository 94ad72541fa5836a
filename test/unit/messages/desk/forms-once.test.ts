import { describe, expect, test } from "bun:test";
import { FormsOnce } from "../../../../src/messages/desk/forms-once.ts";

function forms() {
  let nowMs = 0;
  let count = 0;
  const once = new FormsOnce<{ number: number } | { refused: string }>(() => nowMs);
  const act = async () => {
    count += 1;
    return { number: count };
  };
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { once, act, pass, acts: () => count };
}

describe("a form", () => {
  test("that is sent twice is taken once, also at the same time, and answered alike", async () => {
    const { once, act, acts } = forms();
    const [first, second] = await Promise.all([once.take("a", "f", act), once.take("a", "f", act)]);
    const third = await once.take("a", "f", act);
    expect([first, second, third]).toEqual([{ number: 1 }, { number: 1 }, { number: 1 }]);
    expect(acts()).toBe(1);
  });

  test("of another device, another one, or one without a mark of its own is taken by itself", async () => {
    const { once, act, acts } = forms();
    await once.take("a", "f", act);
    await once.take("b", "f", act);
    await once.take("a", "g", act);
    await once.take("a", undefined, act);
    await once.take("a", "", act);
    await once.take("a", "", act);
    expect(acts()).toBe(6);
  });

  test("that was refused, or failed, may be sent again", async () => {
    const { once, act, acts } = forms();
    await once.take("a", "f", async () => ({ refused: "slow-down" }));
    await once.take("a", "g", () => Promise.reject(new Error("disk"))).catch(() => undefined);
    await once.take("a", "f", act);
    await once.take("a", "g", act);
    expect(acts()).toBe(2);
  });

  test("is forgotten after an hour, and others when there are too many", async () => {
    const { once, act, pass, acts } = forms();
    await once.take("a", "f", act);
    pass(59 * 60_000);
    await once.take("a", "f", act);
    expect(acts()).toBe(1);
    pass(2 * 60_000);
    await once.take("a", "f", act);
    expect(acts()).toBe(2);
    for (let index = 0; index < 5_000; index += 1) await once.take("b", String(index), act);
    await once.take("a", "f", act);
    expect(acts()).toBe(5_003);
  });
});
