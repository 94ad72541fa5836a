import { describe, expect, test } from "bun:test";
import { WorkChallenges } from "../../../../src/messages/desk/work-challenges.ts";
import { USUAL_TRIES } from "../../../../src/messages/desk/work-difficulty.ts";
import { type Brought, type Workable, WritingGate } from "../../../../src/messages/desk/writing-gate.ts";
import { WritingLimits } from "../../../../src/messages/desk/writing-limits.ts";
import { solved } from "./solved.ts";

/** Work that is light, and has as many tries as it would else: what is tried out is what it lets through. */
class LightWork extends WorkChallenges {
  readonly tries: number[] = [];
  private readonly triesOf = new Map<string, number>();

  override give(...[asked, tries]: Parameters<WorkChallenges["give"]>): string {
    const challenge = super.give(asked, 1);
    this.tries.push(tries);
    this.triesOf.set(challenge, tries);
    return challenge;
  }

  override problemOf(...[asked, solution, leastTries]: Parameters<WorkChallenges["problemOf"]>) {
    const tries = this.triesOf.get(solution.split(".")[0] ?? "") ?? 0;
    return tries < leastTries ? "easy" : super.problemOf(asked, solution, 1);
  }
}

function gate() {
  const time = { nowMs: 0 };
  const monotonicMs = () => time.nowMs;
  let count = 0;
  const challenges = new LightWork({
    secret: new Uint8Array(32),
    randomBytes: () => {
      count += 1;
      return Buffer.from(count.toString(16).padStart(16, "0"), "hex");
    },
    monotonicMs,
  });
  const made = new WritingGate(new WritingLimits(monotonicMs), challenges, monotonicMs);
  let messages = 0;
  const ask = (what: Workable, station: string, brought: Partial<Brought> = {}, message = `${messages++}`) =>
    made.refusal({ what, station, message }, { work: undefined, ...brought });
  /** Writes, and does what work it is asked for. @returns whether it came through */
  const work = (what: Workable, station: string, person?: string): boolean => {
    const message = `${messages++}`;
    const who = person === undefined ? {} : { person };
    const refused = ask(what, station, who, message);
    if (refused === undefined) return true;
    if (refused.work === undefined) return false;
    return ask(what, station, { ...who, work: solved(refused.work) }, message) === undefined;
  };
  const most = (times: number, act: () => boolean) =>
    Array.from({ length: times }, act).filter(Boolean).length;
  return { time, made, challenges, ask, work, most };
}

describe("who writes more than usual", () => {
  test("is asked for work, and comes through by it", () => {
    const { ask, most } = gate();
    expect(most(20, () => ask("post", "a") === undefined)).toBe(8);
    const refused = ask("post", "a", {}, "mine");
    expect(refused?.refused).toBe("slow-down");
    const brought = { work: solved(refused?.work ?? "") };
    expect(ask("post", "a", brought, "mine")).toBeUndefined();
    expect(ask("post", "a", brought, "mine")).toMatchObject({ refused: "slow-down" });
    expect(ask("post", "a", brought, "another")).toMatchObject({ refused: "slow-down" });
  });

  test("comes through so often and no more, and waits then", () => {
    const { ask, work, most, time } = gate();
    expect(most(50, () => work("post", "a"))).toBe(8 + 6);
    expect(ask("post", "a")).toEqual({ refused: "slow-down", detail: "too many in a short time" });
    time.nowMs += 20_000;
    // One that is usual, one by work.
    expect(most(50, () => work("post", "a"))).toBe(2);
  });

  test("has harder and harder work to do", () => {
    const { work, most, challenges } = gate();
    most(50, () => work("post", "a"));
    expect(challenges.tries[0]).toBe(USUAL_TRIES);
    expect(challenges.tries.length).toBe(6);
    expect(challenges.tries).toEqual(challenges.tries.toSorted((a, b) => a - b));
    expect(challenges.tries.at(-1)).toBeGreaterThan(4 * USUAL_TRIES);
  });

  test("makes it no harder for others by merely asking", () => {
    const { ask, challenges } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("post", "flood");
    for (let count = 0; count < 8; count += 1) ask("post", "b");
    ask("post", "b");
    expect(challenges.tries.at(-1)).toBe(USUAL_TRIES);
  });
});

describe("a flood from addresses that are made up", () => {
  test("keeps out nobody who does some work", () => {
    const { ask, work } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("post", `made-up ${count}`);
    expect(ask("post", "newcomer")?.work).toBeString();
    expect(work("post", "newcomer")).toBe(true);
  });

  test("that does the work gets through up to a limit for all, and its work becomes the hardest", () => {
    const { ask, work, most, challenges, time } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("post", `made-up ${count}`);
    let station = 0;
    expect(most(2_000, () => work("post", `worker ${station++}`))).toBe(300);
    expect(challenges.tries.at(-1)).toBeGreaterThan(31 * USUAL_TRIES);
    expect(ask("post", "newcomer")?.work).toBeUndefined();
    time.nowMs += 100;
    expect(work("post", "newcomer")).toBe(true);
  });
});

describe("work that was asked for while nobody wrote by work", () => {
  /** Devices that were asked for work, and have done it. */
  const gathered = ({ ask }: ReturnType<typeof gate>, devices: number) => {
    for (let count = 0; count < 5_000; count += 1) ask("post", `made-up ${count}`);
    return Array.from({ length: devices }, (_, n) => {
      const message = `gathered ${n}`;
      return [`worker ${n}`, message, solved(ask("post", `worker ${n}`, {}, message)?.work ?? "")] as const;
    });
  };

  test("lets a fifth of the limit of all through and no more: then its price has doubled", () => {
    const stand = gate();
    const ready = gathered(stand, 600);
    const answers = ready.map(([station, message, work]) => stand.ask("post", station, { work }, message));
    expect(answers.filter((refused) => refused === undefined).length).toBe(61);
    expect(answers.at(-1)?.work).toBeString();
    expect(stand.challenges.tries.at(-1)).toBeGreaterThanOrEqual(2 * USUAL_TRIES);
    expect(stand.work("post", "newcomer")).toBe(true);
  });

  test("lets through minutes later where nobody does still", () => {
    const stand = gate();
    const [station, message, work] = gathered(stand, 1)[0] ?? ["", "", ""];
    stand.time.nowMs += 9 * 60_000;
    for (let count = 0; count < 5_000; count += 1) stand.ask("post", `made-up ${count}`);
    expect(stand.ask("post", station, {}, message)?.work).toBeString();
    expect(stand.ask("post", station, { work }, message)).toBeUndefined();
  });
});

describe("a call for help", () => {
  test("needs no work, whatever else floods the box", () => {
    const { ask, work } = gate();
    for (let count = 0; count < 5_000; count += 1) work("post", `made-up ${count}`);
    expect(ask("sos", "newcomer")).toBeUndefined();
  });

  test("comes through by work while calls from made-up addresses flood the box", () => {
    const { ask, work } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("sos", `made-up ${count}`);
    expect(ask("sos", "newcomer")?.work).toBeString();
    expect(work("sos", "newcomer")).toBe(true);
  });

  test("is not kept out by all the work that others do for what is no call", () => {
    const { ask, work, most } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("sos", `made-up ${count}`);
    let station = 0;
    most(2_000, () => work("post", `worker ${station++}`));
    expect(work("post", "newcomer")).toBe(false);
    expect(work("sos", "newcomer")).toBe(true);
  });
});

describe("a check-in", () => {
  test("is not kept out by all the work that others do for what is none", () => {
    const { ask, work, most } = gate();
    for (let count = 0; count < 5_000; count += 1) ask("check-in", `made-up ${count}`);
    let station = 0;
    most(2_000, () => work("bundle", `worker ${station++}`));
    for (let count = 0; count < 5_000; count += 1) ask("post", `made-up ${count}`);
    most(2_000, () => work("post", `worker ${station++}`));
    expect(work("post", "newcomer")).toBe(false);
    expect(work("check-in", "newcomer")).toBe(true);
  });
});

describe("one person on many devices", () => {
  test("is asked for work when what they have written is more than one writes, and then waits", () => {
    const { made, work } = gate();
    let written = 0;
    for (let device = 0; device < 500; device += 1) {
      if (!work("bundle", `device ${device}`, "person")) continue;
      made.written("person");
      written += 1;
    }
    expect(written).toBe(100 + 30);
    expect(work("bundle", "another device", "another person")).toBe(true);
  });

  test("whose name others put on what was never taken is not counted", () => {
    const { ask, time } = gate();
    for (let device = 0; device < 500; device += 1) ask("bundle", `device ${device}`, { person: "victim" });
    time.nowMs += 2_000;
    expect(ask("bundle", "their own", { person: "victim" })).toBeUndefined();
  });
});
