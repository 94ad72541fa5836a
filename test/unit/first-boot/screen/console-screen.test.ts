import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { screenLines, silentLines } from "../../../../src/first-boot/screen/console-screen.ts";
import { consoleText, wrapped } from "../../../../src/first-boot/screen/plain-text.ts";
import { terminalsOf, terminalText } from "../../../../src/first-boot/screen/terminal.ts";
import { frontOfBox } from "../front-of-box.ts";

const textOf = (lines: readonly string[]) => lines.join("\n");

describe("the screen of a box", () => {
  test("says what it is, its network, where its page is, and how to claim it", () => {
    expect(
      textOf(screenLines(frontOfBox(), true)),
    ).toBe(`OMERTA BOX 0.1.0                                                   up for 2 min
-------------------------------------------------------------------------------

Market Square

Open Wi-Fi        "Market Square"
                  3 guests
Operator's page   http://192.168.1.7:8090/

CLAIM CODE        70K1-M9QX
                  Whoever types it in on the operator's page operates this box.`);
  });

  test("shows no code once it has been claimed, and calls for help at once", () => {
    const text = textOf(screenLines(frontOfBox({ claimCode: undefined, callsForHelp: 2 }), true));
    expect(text).not.toContain("CLAIM");
    expect(text).toContain("CALLS FOR HELP    2 open");
  });

  test("says why there is no network, and what is wrong, with the place where the rest stands", () => {
    const problems = Array.from(
      { length: 30 },
      (_, n) => `key${n}: 7 is not allowed; allowed: true or false`,
    );
    const lines = screenLines(
      frontOfBox({ onAir: [], notOnAir: "no Wi-Fi radio is there", configProblems: problems }),
      true,
    );
    expect(textOf(lines)).toContain("Open Wi-Fi        none: no Wi-Fi radio is there");
    expect(textOf(lines)).toContain("! omerta.toml: key0: 7 is not allowed; allowed: true or false");
    expect(lines.at(-1)).toMatch(/and \d+ more: see omerta-problems.txt on the card$/);
  });

  test("has no letters that a console has not, and says so of a name that is lost", () => {
    expect(consoleText("Räuber “水” –\x1b[31m\u202e\tx")).toBe('Räuber "?" -[31m x');
    expect(textOf(screenLines(frontOfBox({ name: "سوق الحي", onAir: ["سوق الحي"] }), true))).toContain(
      "(its name is in letters that this screen has not)",
    );
  });

  test("stays within 24 lines of 79 characters, without anything that steers a terminal, whatever it shows", () => {
    const words = fc.string({ unit: "binary", maxLength: 400 });
    fc.assert(
      fc.property(
        fc.record({
          name: words,
          version: fc.string({ maxLength: 60 }),
          uptimeSeconds: fc.nat(),
          onAir: fc.array(words, { maxLength: 6 }),
          notOnAir: words,
          guests: fc.nat(),
          callsForHelp: fc.nat(),
          consoleUrls: fc.array(words, { maxLength: 8 }),
          configProblems: fc.array(words, { maxLength: 40 }),
          troubles: fc.array(words, { maxLength: 40 }),
        }),
        fc.boolean(),
        (more, isLive) => {
          for (const lines of [screenLines(frontOfBox(more), isLive), silentLines("gone", more.troubles)]) {
            expect(lines.length).toBeLessThanOrEqual(24);
            for (const line of lines) {
              expect(line.length).toBeLessThanOrEqual(79);
              expect(line).toMatch(/^[^\p{Cc}\p{Cf}]*$/u);
            }
          }
        },
      ),
    );
  });

  test("does not change by the second, and on a serial line not by the minute", () => {
    const at = (uptimeSeconds: number, isLive: boolean) =>
      textOf(screenLines(frontOfBox({ uptimeSeconds, guests: uptimeSeconds }), isLive).slice(0, 1));
    expect(at(120, true)).toBe(at(179, true));
    expect(at(120, true)).not.toBe(at(180, true));
    const serial = (more: { uptimeSeconds: number; guests: number }) =>
      textOf(screenLines(frontOfBox(more), false));
    expect(serial({ uptimeSeconds: 9, guests: 0 })).toBe(serial({ uptimeSeconds: 9_999, guests: 44 }));
  });
});

describe("lines", () => {
  test("are broken at spaces, and within words that are too long, and lose nothing", () => {
    expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
    expect(wrapped("abcdefgh", 3)).toEqual(["abc", "def", "gh"]);
    fc.assert(
      fc.property(fc.string({ maxLength: 300 }), fc.integer({ min: 1, max: 90 }), (text, width) => {
        const lines = wrapped(text, width);
        expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe("terminals", () => {
  test("are the first text screen and the serial lines that the kernel speaks on", () => {
    expect(terminalsOf("tty0 ttyS1 ttyAMA0\n").map(({ path, kind }) => `${kind} ${path}`)).toEqual([
      "screen /dev/tty1",
      "serial /dev/ttyS1",
      "serial /dev/ttyAMA0",
    ]);
    expect(terminalsOf("../sda ttyS0/../x").map(({ path }) => path)).toEqual(["/dev/tty1"]);
  });

  test("get a screen over the last one, or lines below them", () => {
    expect(terminalText("serial", ["a", "b"])).toBe("\r\na\r\nb\r\n");
    const screen = terminalText("screen", ["a"]);
    expect(screen.endsWith("a\x1b[K\r\n\x1b[J")).toBe(true);
    expect(screen).toContain("\x1b[H");
  });
});
