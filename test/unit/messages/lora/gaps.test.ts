import { describe, expect, test } from "bun:test";
import { AskedAir } from "../../../../src/messages/lora/asked-air.ts";
import { Gaps } from "../../../../src/messages/lora/gaps.ts";
import { Pace } from "../../../../src/messages/lora/pace.ts";

const FRAME_MS = 2_000;
const HOLDER = 2;

function gapsOfABox() {
  const times = { nowMs: 0, frameMs: FRAME_MS, airMs: (bytes: number) => bytes };
  const pace = new Pace(() => times.nowMs);
  const gaps = new Gaps<number>(
    {
      pace,
      asked: new AskedAir(times),
      frames: (count) => count * FRAME_MS,
      get nowMs() {
        return times.nowMs;
      },
    },
    2,
    0.5,
  );
  return {
    gaps,
    pace,
    /** @returns what is asked for then */
    after(ms: number): readonly number[] {
      times.nowMs += ms;
      return gaps.due().flatMap(({ names }) => names);
    },
  };
}

describe("what is missing", () => {
  test("is asked for a frame later, once, where things come soon", () => {
    const { gaps, after } = gapsOfABox();
    gaps.note([7, 8], HOLDER);
    expect(gaps.nextMs).toBe(FRAME_MS);
    expect(after(FRAME_MS - 1)).toEqual([]);
    expect(after(1)).toEqual([7, 8]);
    gaps.onAsked([7, 8]);
    expect(after(FRAME_MS)).toEqual([]);
    expect(after(15 * FRAME_MS)).toEqual([7, 8]);
  });

  test("is waited for where things take long: it may be on its way by others", () => {
    const { gaps, pace, after } = gapsOfABox();
    for (let time = 0; time < 100; time += 1) pace.note(60_000);
    gaps.note([7], HOLDER);
    expect(after(29_000)).toEqual([]);
    expect(after(1_000)).toEqual([7]);
  });

  test("is asked for later where another box has asked, and not at all once it is here", () => {
    const { gaps, after } = gapsOfABox();
    gaps.note([7, 8], HOLDER);
    gaps.onOthersAsk([7]);
    gaps.forget(8);
    expect(after(4 * FRAME_MS)).toEqual([]);
    expect(after(FRAME_MS)).toEqual([7]);
  });

  test("is given up after some questions, and no more than so much is remembered", () => {
    const { gaps, after } = gapsOfABox();
    gaps.note([7], HOLDER);
    let asked = 0;
    for (let step = 0; step < 2_000; step += 1) {
      const names = after(FRAME_MS);
      asked += names.length;
      gaps.onAsked(names);
    }
    expect(asked).toBe(6);
    for (let name = 0; name < 1_000; name += 1) gaps.note([name], 10 + (name % 100));
    expect(gaps.due().length + after(FRAME_MS).length).toBeLessThanOrEqual(256);
  });
});

describe("the pace of what comes", () => {
  function paceOfABox() {
    let nowMs = 0;
    const pace = new Pace(() => nowMs);
    return {
      pace,
      pass(ms: number) {
        nowMs += ms;
      },
    };
  }

  test("is how old it was lately, and what was carried by foot or lacked for long changes nothing", () => {
    const { pace } = paceOfABox();
    for (let time = 0; time < 100; time += 1) pace.note(8_000);
    expect(Math.round(pace.ms)).toBe(8_000);
    for (let time = 0; time < 100; time += 1) pace.note(5 * 86_400_000);
    expect(Math.round(pace.ms)).toBe(8_000);
  });

  test("is forgotten where nothing comes any more", () => {
    const { pace, pass } = paceOfABox();
    for (let time = 0; time < 100; time += 1) pace.note(200_000);
    pass(600_000);
    expect(Math.round(pace.ms / 1_000)).toBe(100);
    pass(3_600_000);
    expect(pace.ms).toBeLessThan(2_000);
  });
});
