import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { firstWord, solveWork, wordsOfChallenge } from "../../../../portal/guest/work-solver.ts";
import { type Asked, SOLUTION_CHARS, WorkChallenges } from "../../../../src/messages/desk/work-challenges.ts";
import { leastTriesAt, triesAt, USUAL_TRIES } from "../../../../src/messages/desk/work-difficulty.ts";
import { solved } from "./solved.ts";

const ASKED: Asked = { what: "post", station: "02:00:00:00:00:01", message: "form" };
const EASY = 8;

function challenges(secret = 1) {
  const time = { nowMs: 5_000 };
  let count = 0;
  const made = new WorkChallenges({
    secret: new Uint8Array(32).fill(secret),
    randomBytes: (length) => {
      count += 1;
      return new Uint8Array(length).fill(count);
    },
    monotonicMs: () => time.nowMs,
  });
  return { time, made };
}

/** The text with one digit changed. */
const flipped = (text: string, at: number): string =>
  `${text.slice(0, at)}${(Number.parseInt(text[at] ?? "0", 16) ^ 1).toString(16)}${text.slice(at + 1)}`;

describe("a piece of work", () => {
  test("that was done lets through what it was asked for", () => {
    const { made } = challenges();
    const solution = solved(made.give(ASKED, EASY));
    expect(solution).toHaveLength(SOLUTION_CHARS);
    expect(made.problemOf(ASKED, solution, 1)).toBeUndefined();
  });

  test("lets through nothing else: no other message, device or kind", () => {
    const { made } = challenges();
    const solution = solved(made.give(ASKED, EASY));
    const others = [{ message: "other" }, { station: "02:00:00:00:00:02" }, { what: "bundle" }];
    expect(others.map((other) => made.problemOf({ ...ASKED, ...other }, solution, 1))).toEqual([
      "forged",
      "forged",
      "forged",
    ]);
  });

  test("is of no use at another box, nor after this one has started again", () => {
    const solution = solved(challenges(1).made.give(ASKED, EASY));
    expect(challenges(2).made.problemOf(ASKED, solution, 1)).toBe("forged");
  });

  test("holds for ten minutes", () => {
    const { made, time } = challenges();
    const solution = solved(made.give(ASKED, EASY));
    time.nowMs += 600_000;
    expect(made.problemOf(ASKED, solution, 1)).toBeUndefined();
    time.nowMs += 1_000;
    expect(made.problemOf(ASKED, solution, 1)).toBe("expired");
  });

  test("holds no more once more is asked for", () => {
    const { made } = challenges();
    const solution = solved(made.give(ASKED, EASY));
    expect(made.problemOf(ASKED, solution, EASY)).toBeUndefined();
    expect(made.problemOf(ASKED, solution, EASY + 1)).toBe("easy");
  });

  test("lets through once", () => {
    const { made, time } = challenges();
    const solution = solved(made.give(ASKED, EASY));
    expect(made.spend(solution)).toBe(true);
    expect(made.problemOf(ASKED, solution, 1)).toBe("replayed");
    time.nowMs += 300_000;
    expect(made.spend(solved(made.give(ASKED, EASY)))).toBe(true);
    expect(made.problemOf(ASKED, solution, 1)).toBe("replayed");
  });

  test("is remembered as done no longer than it would hold", () => {
    const { made, time } = challenges();
    const solution = solved(made.give(ASKED, 1));
    for (let count = 0; count < 20_480; count += 1) made.spend(`${count}`.padStart(64, "0"));
    expect(made.spend(solution)).toBe(false);
    time.nowMs += 601_000;
    expect(made.spend(solution)).toBe(true);
  });

  test("with a changed digit is refused, wherever that is", () => {
    const { made } = challenges();
    const challenge = made.give(ASKED, USUAL_TRIES);
    const nothingDone = `${challenge}.${"0".repeat(128)}`;
    expect(made.problemOf(ASKED, nothingDone, 1)).toBe("unsolved");
    fc.assert(
      fc.property(fc.nat(63), (at) => {
        expect(made.problemOf(ASKED, flipped(nothingDone, at), 1)).toBe("forged");
      }),
    );
  });

  test("of another form is refused, whatever it is", () => {
    const { made } = challenges();
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ maxLength: 400, unit: "binary" })), (text) => {
        expect(made.problemOf(ASKED, text, 1)).toBe("form");
      }),
    );
  });

  test("that misses one part is not done", () => {
    const { made } = challenges();
    const solution = solved(made.give(ASKED, 4_096));
    for (let part = 0; part < 16; part += 1) {
      const at = 65 + part * 8 + 7;
      // One in 4,096 of the neighbours solves it too: not this one, as nothing here is random.
      expect(made.problemOf(ASKED, flipped(solution, at), 1)).toBe("unsolved");
    }
  });
});

describe("the page's script", () => {
  test("hashes as SHA-256 does", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.nat(15),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        (challenge, part, guess) => {
          const message = Buffer.alloc(40);
          message.set(challenge);
          message.writeUInt32BE(part, 32);
          message.writeUInt32BE(guess, 36);
          const words = wordsOfChallenge(Buffer.from(challenge).toString("hex"));
          expect(firstWord(words, part, guess)).toBe(
            createHash("sha256").update(message).digest().readUInt32BE(),
          );
        },
      ),
    );
  });

  test("finds a solution that the box takes, and says how far it is", async () => {
    const { made } = challenges();
    const shares: number[] = [];
    const solution = await new Promise<string>((resolve) => {
      solveWork(made.give(ASKED, 64), resolve, (share) => shares.push(share));
    });
    expect(made.problemOf(ASKED, solution, 1)).toBeUndefined();
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
  });
});

describe("how hard the work is", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  test("is the usual with no load, and many times as much with the highest, the most where all have used theirs up", () => {
    expect(triesAt({ one: 0, all: 0 })).toBe(USUAL_TRIES);
    expect(triesAt({ one: 1, all: 0 })).toBe(8 * USUAL_TRIES);
    expect(triesAt({ one: 0, all: 1 })).toBe(32 * USUAL_TRIES);
    expect(triesAt({ one: 1, all: 1 })).toBe(32 * USUAL_TRIES);
  });

  test("is never less with more load of one or of all", () => {
    fc.assert(
      fc.property(share, share, share, (a, b, other) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        expect(triesAt({ one: less, all: other })).toBeLessThanOrEqual(triesAt({ one: more, all: other }));
        expect(triesAt({ one: other, all: less })).toBeLessThanOrEqual(triesAt({ one: other, all: more }));
      }),
    );
  });

  test("has bounds, whatever the load is said to be", () => {
    fc.assert(
      fc.property(fc.double(), fc.double(), (one, all) => {
        expect(triesAt({ one, all })).toBeGreaterThanOrEqual(USUAL_TRIES);
        expect(triesAt({ one, all })).toBeLessThanOrEqual(32 * USUAL_TRIES);
      }),
    );
  });

  test("may be half of what is asked for now, and no less", () => {
    fc.assert(
      fc.property(share, share, (one, all) => {
        const [tries, least] = [triesAt({ one, all }), leastTriesAt({ one, all })];
        expect(least * 2).toBeGreaterThanOrEqual(tries);
        expect(least * 2).toBeLessThanOrEqual(tries + 1);
      }),
    );
  });
});
