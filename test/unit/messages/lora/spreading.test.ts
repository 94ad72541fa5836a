import { describe, expect, test } from "bun:test";
import { MemoryCustody } from "../../../../src/bench/lora/memory-custody.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { Answers } from "../../../../src/messages/lora/answers.ts";
import { LoraContext } from "../../../../src/messages/lora/context.ts";
import { hopTagOf } from "../../../../src/messages/lora/items.ts";
import { Spreading } from "../../../../src/messages/lora/spreading.ts";
import { type Carried, carriedOf } from "../../../../src/messages/lora/stock.ts";

const OWN = 1;
/** While no radio is there. */
const FRAME_MS = 2_000;
const MINUTE_MS = 60_000;

/** This box, with neighbours that hear it and others as they say; it hears nobody else, and has said so. */
function spreadingAmong(hears: Readonly<Record<number, readonly number[]>>) {
  const time = new VirtualTime();
  const air = { address: OWN, outlook: () => undefined, send: () => undefined, onFrame: () => () => {} };
  const custody = new MemoryCustody(time, () => {});
  const context = new LoraContext({ air, custody, timers: time, random: () => 0, log: { debug: () => {} } });
  const { neighbourhood, stock } = context;
  for (const [address, others] of Object.entries(hears)) {
    neighbourhood.heard(Number(address), 1);
    const heard = [OWN, ...others].map((other) => ({ address: other, quality: 255 }));
    neighbourhood.told(Number(address), heard, true);
  }
  neighbourhood.saysToHear(Object.keys(hears).length);
  const answers = new Answers(context);
  const spreading = new Spreading(context, answers);
  return {
    context,
    /** It has come from a neighbour, or begins here. */
    come(from?: number): Carried {
      const carried = carriedOf("ab".repeat(32) as Carried["id"], {
        ...{ kind: "check-in", priority: "check-in", senderHash: 1, person: undefined },
        ...{ origin: from ?? OWN, sinceMs: context.nowMs, airBytes: 120 },
      });
      stock.add(carried);
      if (from !== undefined) {
        carried.has.add(from);
        spreading.onHeard(carried, from);
      }
      spreading.begin(carried, 1_000, from);
      return carried;
    },
    /** Lets it go each time that it is due, for so long. @returns after how long it went, in frames */
    went(carried: Carried, ms: number): number[] {
      const sinceMs = context.nowMs;
      const times: number[] = [];
      while (context.nowMs <= sinceMs + ms) {
        if (carried.dueMs !== undefined && carried.dueMs <= context.nowMs && spreading.isToGo(carried)) {
          times.push((context.nowMs - sinceMs) / FRAME_MS);
          spreading.onSent(carried);
        }
        time.advance(FRAME_MS / 4);
      }
      return times;
    },
    /** Whom this box asks whether they have it. */
    asked(): number[] {
      const items = answers.others();
      answers.onSaid(items, new Set());
      return items.flatMap((item) => (item.kind === "offer" ? [item.of] : []));
    },
    /** A neighbour says something else. */
    speaks: (address: number) => context.neighbourhood.heard(address, 2),
    heardFrom: (carried: Carried, from: number) => spreading.onHeard(carried, from),
  };
}

describe("what goes to everyone", () => {
  test("goes at once from the box that reaches the most", () => {
    const { come, went } = spreadingAmong({ 2: [3, 4], 3: [2], 4: [2], 5: [], 6: [] });
    expect(went(come(2), MINUTE_MS)[0]).toBe(0);
  });

  /** 3 has heard it too, reaches more, and 7 as well. */
  const leftToOthers = { 2: [3], 3: [2, 7, 8, 9], 7: [3] };

  test("is left to others that reach more, and does not go when they were heard", () => {
    const { come, went, heardFrom } = spreadingAmong(leftToOthers);
    const carried = come(2);
    expect(went(carried, 3 * FRAME_MS)).toEqual([]);
    heardFrom(carried, 3);
    expect(went(carried, 30 * MINUTE_MS)).toEqual([]);
  });

  test("is left to nobody where it is a call for help", () => {
    const { come, went } = spreadingAmong(leftToOthers);
    const carried = come(2);
    carried.priority = "sos";
    const [first = Number.POSITIVE_INFINITY] = went(carried, 5 * MINUTE_MS);
    expect(first).toBeLessThan(3);
  });

  test("goes later where nobody was heard to repeat it", () => {
    const { come, went } = spreadingAmong(leftToOthers);
    const times = went(come(2), 5 * MINUTE_MS);
    expect(times.length).toBe(1);
    expect(times[0]).toBeGreaterThan(5);
    expect(times[0]).toBeLessThan(12);
  });
});

describe("whoever alone can take something on", () => {
  const inARow = { 2: [], 3: [4] };

  test("is asked whether it has it, more and more seldom, and five times at most", () => {
    const { come, went, asked, speaks } = spreadingAmong(inARow);
    const carried = come(2);
    went(carried, 8 * FRAME_MS);
    expect(asked()).toEqual([]);
    const questions: number[] = [];
    for (let frame = 8; frame < 3_000; frame += 1) {
      speaks(3);
      went(carried, FRAME_MS / 2);
      for (const of of asked()) {
        expect(of).toBe(hopTagOf(3));
        questions.push(frame);
      }
    }
    expect(questions.length).toBe(5);
    const gaps = questions.slice(1).map((frame, index) => frame - (questions[index] ?? 0));
    expect(gaps.every((gap, index) => index === 0 || gap > 1.5 * (gaps[index - 1] ?? 0))).toBe(true);
    expect(carried.sent).toBe(1);
  });

  test("is asked nothing when it was heard to have it, or refuses it", () => {
    for (const told of ["has", "refusedBy"] as const) {
      const { come, went, asked, speaks } = spreadingAmong(inARow);
      const carried = come(2);
      went(carried, FRAME_MS);
      carried[told].add(3);
      for (let minute = 0; minute < 60; minute += 1) {
        speaks(3);
        went(carried, MINUTE_MS);
      }
      expect(asked()).toEqual([]);
    }
  });

  test("is asked nothing while it says nothing at all: it would not hear it either", () => {
    const { come, went, asked } = spreadingAmong(inARow);
    went(come(2), 60 * MINUTE_MS);
    expect(asked()).toEqual([]);
  });

  test("costs no more than a share of the air, however many pretend to be the only way", () => {
    const liars = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [100 + index, [1_000 + index]]),
    );
    const { come, went, asked, speaks } = spreadingAmong({ 2: [], ...liars });
    let questions = 0;
    for (let message = 0; message < 60; message += 1) {
      const carried = come(2);
      for (let step = 0; step < 10; step += 1) {
        for (const liar of Object.keys(liars)) speaks(Number(liar));
        went(carried, 20 * FRAME_MS);
        questions += asked().length;
      }
    }
    // Of 18,000 that there could be, each the time of a frame here: what may go at once, and a twentieth of all.
    expect(questions).toBeLessThan(90 + (60 * 10 * 20) / 20);
  });

  test("is asked nothing while all is slow: there it waits for the air", () => {
    const { come, went, asked, speaks, context } = spreadingAmong(inARow);
    const carried = come(2);
    for (let minute = 0; minute < 60; minute += 1) {
      for (let time = 0; time < 100; time += 1) context.pace.note(5 * MINUTE_MS);
      speaks(3);
      went(carried, MINUTE_MS);
    }
    expect(asked()).toEqual([]);
  });

  test("is not asked where others may have brought it there", () => {
    const { come, went, asked, speaks } = spreadingAmong({ 2: [4], 3: [4], 4: [2, 3] });
    const carried = come(2);
    for (let minute = 0; minute < 60; minute += 1) {
      for (const address of [3, 4]) speaks(address);
      went(carried, MINUTE_MS);
    }
    expect(asked()).toEqual([]);
  });
});
