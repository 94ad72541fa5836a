import { describe, expect, test } from "bun:test";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import {
  ENDED_FOR_S,
  type Ended,
  EndedStatements,
} from "../../../../src/gateway/roaming/ended-statements.ts";

const ended = (tag: string, more: Partial<Ended> = {}): Ended => ({
  tag,
  station: "station",
  signer: "box",
  serial: 1,
  lifetimeS: 3_600,
  ageS: 0,
  ...more,
});

function remembering(...all: Ended[]) {
  const time = new VirtualTime();
  const memory = new EndedStatements(() => time.monotonicMs(), { ofABox: 3, inAll: 5 });
  for (const one of all) memory.add(one);
  return { time, memory, sweep: (...out: string[]) => memory.sweep(new Set(out)).map(({ tag }) => tag) };
}

describe("what has ended", () => {
  test("is over when its time is, which is told once, and forgotten a week later", () => {
    const { time, memory, sweep } = remembering(ended("a", { ageS: 3_590 }));
    expect(sweep()).toEqual([]);
    time.advance(10_000);
    expect([sweep(), sweep()]).toEqual([["a"], []]);
    time.advance((ENDED_FOR_S - 1) * 1_000);
    sweep();
    expect(memory.ageOf("a")).toBe(3_600 + ENDED_FOR_S - 1);
    time.advance(1_000);
    sweep();
    expect(memory.ageOf("a")).toBeUndefined();
    expect(memory.size).toBe(0);
  });

  test("is over by the word of who has counted for longer, but remembered for a week by its own count", () => {
    const { time, memory, sweep } = remembering(ended("a", { ageS: 10 }));
    expect([memory.grow("a", 5), memory.grow("b", 5), memory.grow("a", 2 ** 32 - 1)]).toEqual([
      false,
      false,
      true,
    ]);
    expect(sweep()).toEqual(["a"]);
    time.advance((ENDED_FOR_S - 1) * 1_000);
    expect(memory.grow("a", 2 ** 32 - 1)).toBe(false);
    sweep();
    expect(memory.size).toBe(1);
  });

  test("of a box that has ended too much its first gives way; where all is full, that of whoever has most", () => {
    const { memory } = remembering(...["a", "b", "c", "d"].map((tag) => ended(tag)));
    expect(["a", "b", "c", "d"].map((tag) => memory.ageOf(tag))).toEqual([undefined, 0, 0, 0]);
    for (const tag of ["e", "f", "g"]) memory.add(ended(tag, { signer: tag }));
    expect(memory.size).toBe(5);
    expect(["b", "c", "g"].map((tag) => memory.ageOf(tag))).toEqual([undefined, 0, 0]);
  });

  test("is forgotten of who is no member any more", () => {
    const { memory, sweep } = remembering(ended("a"), ended("b", { signer: "liar" }));
    sweep("liar");
    expect([memory.ageOf("a"), memory.ageOf("b")]).toEqual([0, undefined]);
  });

  test("is found by who said it of whom, the last of it", () => {
    const { memory } = remembering(
      ended("a", { serial: 4 }),
      ended("b", { serial: 3 }),
      ended("c", { serial: 5, station: "other" }),
      ended("d", { serial: 6, signer: "x" }),
    );
    expect(memory.lastOf("box", ["station", "none"])).toEqual(ended("a", { serial: 4 }));
    expect(memory.lastOf("nobody", ["station"])).toBeUndefined();
  });

  test("is written down when it ends and every hour, and struck when it is forgotten", () => {
    const { time, memory, sweep } = remembering(ended("a"));
    expect(memory.unsaved()).toEqual({ put: [ended("a")], gone: [] });
    time.advance(3_599_000);
    expect(memory.unsaved()).toEqual({ put: [], gone: [] });
    time.advance(1_000);
    expect(memory.unsaved().put).toEqual([ended("a", { ageS: 3_600 })]);
    time.advance(ENDED_FOR_S * 1_000);
    sweep();
    expect(memory.unsaved()).toEqual({ put: [], gone: ["a"] });
    expect(memory.unsaved()).toEqual({ put: [], gone: [] });
  });

  test("is told no second time to be over after a restart", () => {
    const { time, memory, sweep } = remembering();
    memory.restore(ended("a", { ageS: 3_600 }));
    memory.restore(ended("b", { ageS: 3_599 }));
    time.advance(1_000);
    expect(sweep()).toEqual(["b"]);
  });
});
