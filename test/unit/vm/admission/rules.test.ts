import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { charsOf, refusedWord } from "../../../../src/vm/admission/activity.ts";
import type { PolicyRule, Source } from "../../../../src/vm/admission/index.ts";
import { clockText, secondsUntilLoud, secondsUntilQuiet } from "../../../../src/vm/admission/quiet-hours.ts";
import { isSamePlace, standingOf } from "../../../../src/vm/admission/standing.ts";
import { keyOf, local, member, NETWORK, policy, rule, stranger } from "./fixed-case.ts";

describe("a rule", () => {
  const ana = { requester: keyOf(1), network: NETWORK };
  const decide = (rules: readonly PolicyRule[], source: Source = member, who = ana) =>
    standingOf(who, source, policy({ rules, accept: "all" }));

  test("fits who it names, and who is not named is as without it", () => {
    expect(decide([rule({ requester: keyOf(1) })])).toEqual({ verdict: "deny", priority: 50, rule: 0 });
    expect(decide([rule({ requester: keyOf(2) })])).toEqual({
      verdict: "allow",
      priority: 50,
      rule: undefined,
    });
  });

  test("fits members of a network only when they have shown that they are", () => {
    const rules = [rule({ network: NETWORK })];
    expect(decide(rules).verdict).toBe("deny");
    expect(decide(rules, stranger).verdict).toBe("allow");
    expect(decide(rules, member, { ...ana, network: "f".repeat(16) }).verdict).toBe("allow");
  });

  test.each([
    ["192.0.2.0/24", "192.0.2.255", true],
    ["192.0.2.0/24", "192.0.3.0", false],
    ["192.0.2.0/24", "::ffff:192.0.2.1", true],
    ["0.0.0.0/0", "198.51.100.1", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["::/0", "2001:db8::1", true],
    ["2001:db8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/32", "2001:db9::1", false],
    ["192.0.2.0/24", undefined, false],
    ["0.0.0.0/0", "nowhere", false],
  ])("for %s fits %s: %p", (source, address, isFit) => {
    const verdict = decide([rule({ source })], { ...stranger, address }).verdict;
    expect(verdict).toBe(isFit ? "deny" : "allow");
  });

  test("fits reputations from the least to the most", () => {
    const rules = [rule({ reputation: { least: 20, most: 40 } })];
    const at = (reputation: number) => decide(rules, { ...member, reputation }).verdict;
    expect([19, 20, 40, 41].map(at)).toEqual(["allow", "deny", "deny", "allow"]);
  });

  test("fits only where everything fits that it names", () => {
    const rules = [rule({ requester: keyOf(1), network: NETWORK, source: "192.0.2.0/24" })];
    expect(decide(rules).verdict).toBe("deny");
    expect(decide(rules, { ...member, address: "203.0.113.1" }).verdict).toBe("allow");
    expect(decide(rules, member, { ...ana, requester: keyOf(2) }).verdict).toBe("allow");
  });

  test("that comes first decides, also on who goes first", () => {
    const rules = [
      rule({ requester: keyOf(1), verdict: "ask", priority: 77 }),
      rule({ network: NETWORK, verdict: "deny" }),
    ];
    expect(decide(rules)).toEqual({ verdict: "ask", priority: 77, rule: 0 });
    expect(decide([...rules].reverse())).toEqual({ verdict: "deny", priority: 50, rule: 0 });
  });

  test("is not for the box's own operator", () => {
    expect(decide([rule({})], local)).toEqual({ verdict: "allow", priority: 100, rule: undefined });
  });
});

describe("a place", () => {
  test("of whom no address is known is no other's", () => {
    expect(isSamePlace(undefined, "192.0.2.1")).toBe(false);
    expect(isSamePlace("192.0.2.1", undefined)).toBe(false);
    expect(isSamePlace("2001:db8::1", "192.0.2.1")).toBe(false);
  });
});

describe("quiet hours", () => {
  const night = { from: 22 * 60, to: 6 * 60 };
  const lunch = { from: 12 * 60, to: 13 * 60 };

  test.each([
    [night, 22 * 60, 0],
    [night, 0, 0],
    [night, 6 * 60 - 0.1, 0],
    [night, 6 * 60, 16 * 3_600],
    [night, 21 * 60 + 59.5, 30],
    [lunch, 12 * 60, 0],
    [lunch, 13 * 60, 23 * 3_600],
    [lunch, 11 * 60, 3_600],
    [{ from: 0, to: 60 }, 1_439, 60],
    [{ from: 1_380, to: 0 }, 1_439, 0],
    [{ from: 1_380, to: 0 }, 0, 1_380 * 60],
  ])("of %j begin from minute %p in %p seconds", (span, minute, seconds) => {
    expect(secondsUntilQuiet(span, minute)).toBeCloseTo(seconds, 6);
  });

  test("are over when they say, whatever the span", () => {
    const minute = fc.nat(1_439);
    fc.assert(
      fc.property(minute, minute, minute, (from, to, now) => {
        fc.pre(from !== to);
        const leftS = secondsUntilQuiet({ from, to }, now);
        if (leftS > 0) {
          expect(secondsUntilQuiet({ from, to }, (now + leftS / 60) % 1_440)).toBe(0);
          return;
        }
        const loudS = secondsUntilLoud({ from, to }, now);
        expect(loudS).toBeGreaterThan(0);
        expect(secondsUntilQuiet({ from, to }, (now + loudS / 60) % 1_440)).toBeGreaterThan(0);
        expect(secondsUntilQuiet({ from, to }, (now + loudS / 60 - 1 + 1_440) % 1_440)).toBe(0);
      }),
      { numRuns: 1_000 },
    );
  });

  test("are told as people tell the time", () => {
    expect([0, 65, 1_439].map(clockText)).toEqual(["00:00", "01:05", "23:59"]);
  });
});

describe("the words of a description", () => {
  test.each([
    ["plain", "a FLOOD of it"],
    ["wide letters", "ａ ｆｌｏｏｄ"],
    ["letters of mathematics", "𝐟𝐥𝐨𝐨𝐝"],
    ["ligatures", "ﬂood"],
    ["a soft hyphen", "flo\u00adod"],
    ["a joiner", "flo\u200dod"],
    ["within another", "floodgates"],
  ])("are found however they are written: %s", (_, activity) => {
    expect(refusedWord(activity, ["mining", "flood"])).toBe("flood");
  });

  test("are found over a gap of any width, and as the operator writes them", () => {
    expect(refusedWord("crypto \u3000  mining", ["Crypto Mining"])).toBe("Crypto Mining");
    expect(refusedWord("ZÄHLE REIHER", ["zähle"])).toBe("zähle");
    expect(refusedWord("za\u0308hle", ["ZÄHLE"])).toBe("ZÄHLE");
  });

  test("are plain words: signs of patterns mean themselves", () => {
    expect(refusedWord("aaaa", ["a+", ".*", "(a|a)*", "[a]"])).toBeUndefined();
    expect(refusedWord("is it (a|a)*?", ["(a|a)*"])).toBe("(a|a)*");
  });

  test("that show nothing refuse nothing", () => {
    expect(refusedWord("herons", ["\u200b", " "])).toBeUndefined();
  });

  test("are counted by what can be seen", () => {
    expect(charsOf("  two  words ")).toBe(9);
    expect(charsOf("😀😀")).toBe(2);
    expect(charsOf("\u200b\u00ad")).toBe(0);
  });

  test("are compared in little time, whatever somebody writes", () => {
    // The letter that becomes most others (18): U+FDFA.
    const activity = "\ufdfa".repeat(500);
    expect(refusedWord(activity, new Array<string>(200).fill("x".repeat(60)))).toBeUndefined();
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 500 }), (text) => {
        expect(refusedWord(text, [text])).toBe(charsOf(text) > 0 ? text : undefined);
      }),
    );
  });
});
