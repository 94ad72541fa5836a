import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type AgentAnswer,
  AnswerReader,
  decodeAnswer,
  encodeRequest,
  LINE_BYTES,
} from "../../../../src/vm/guest-agent/agent-line.ts";

/** All answers in bytes that come in these pieces. */
function read(...pieces: Uint8Array[]): AgentAnswer[] {
  const reader = new AnswerReader();
  const answers: AgentAnswer[] = [];
  for (const piece of pieces) reader.take(piece, (answer) => answers.push(answer));
  return answers;
}

const bytes = (text: string) => new TextEncoder().encode(text);

describe("the lines between the host and a guest's agent", () => {
  test("a request is one line", () => {
    const line = encodeRequest(7, { command: "key", arguments: ["ssh-ed25519", "AAAA"] });
    expect(new TextDecoder().decode(line)).toBe("7 key ssh-ed25519 AAAA\n");
  });

  test("no argument can become a second line or a second argument, be nothing, or go on for ever", () => {
    for (const argument of ["a b", "a\n8 halt", "", "ä", "\0", "a".repeat(LINE_BYTES)])
      expect(() => encodeRequest(7, { command: "seed", arguments: [argument] })).toThrow(RangeError);
  });

  test("an answer is a number, a verdict and maybe a text", () => {
    expect(decodeAnswer("12 ok")).toEqual({ number: 12, ok: true, text: "" });
    expect(decodeAnswer("12 ok 1 abc 900")).toEqual({ number: 12, ok: true, text: "1 abc 900" });
    expect(decodeAnswer("1 no not a key")).toEqual({ number: 1, ok: false, text: "not a key" });
    for (const line of [
      "",
      "ok",
      "0 ok",
      "1 OK",
      "1 ok ",
      "1  ok",
      "-1 ok",
      "1e3 ok",
      "1 ok a\tb",
      "1 ok\r",
      "12345678901 ok",
    ])
      expect(decodeAnswer(line)).toBeUndefined();
  });

  test("answers are found however they are cut, and between whatever lines", () => {
    const line = fc.oneof(
      fc.record({ number: fc.integer({ min: 1, max: 2 ** 31 - 1 }), ok: fc.boolean() }),
      fc.uint8Array({ maxLength: 60 }).map((noise) => noise.filter((byte) => byte !== 0x0a)),
      fc.constant(new Uint8Array(LINE_BYTES + 1).fill(0x31)),
    );
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.integer({ min: 1, max: 5_000 })), (lines, cuts) => {
        const wanted = lines.flatMap((one): AgentAnswer[] => {
          if (!(one instanceof Uint8Array)) return [{ ...one, text: "" }];
          const noise = decodeAnswer(Buffer.from(one).toString("latin1"));
          return noise === undefined ? [] : [noise];
        });
        const whole = Buffer.concat(
          lines.map((one) =>
            one instanceof Uint8Array
              ? Buffer.concat([one, bytes("\n")])
              : bytes(`${one.number} ${one.ok ? "ok" : "no"}\n`),
          ),
        );
        const pieces: Uint8Array[] = [];
        let from = 0;
        for (const cut of cuts) {
          pieces.push(whole.subarray(from, from + cut));
          from += cut;
        }
        expect(read(...pieces, whole.subarray(from))).toEqual(wanted);
      }),
    );
  });

  test("a line that is too long is passed over, also where its end looks like an answer, and the next one is heard", () => {
    const long = `${"x".repeat(LINE_BYTES)}\n`;
    expect(read(bytes(long), bytes("1 ok\n"))).toEqual([{ number: 1, ok: true, text: "" }]);
    expect(read(bytes("x".repeat(LINE_BYTES)), bytes("1 ok\n2 ok\n"))).toEqual([
      { number: 2, ok: true, text: "" },
    ]);
    expect(read(bytes(`${"3 ok ".padEnd(LINE_BYTES, "y")}\n`))).toHaveLength(1);
  });
});
