import { describe, expect, test } from "bun:test";
import { ArmCode, immediate, PC } from "../../../image-build/boot/arm-code.ts";
import { paintedText } from "../../../image-build/boot/plain-letters.ts";
import { CONFIG } from "../../../image-build/boot/raspberry-pi.ts";
import { DOTS, unsupportedDots, unsupportedPiProgram } from "../../../image-build/boot/unsupported-pi.ts";

const wordsOf = (code: ArmCode): string[] => {
  const bytes = Buffer.from(code.assembled());
  return Array.from({ length: bytes.length / 4 }, (_, index) =>
    bytes
      .readUInt32LE(index * 4)
      .toString(16)
      .padStart(8, "0"),
  );
};

describe("ARM's instructions", () => {
  // As GNU's assembler writes them.
  test.each([
    ["mov r0, #0", (code: ArmCode) => code.withNumber("mov", 0, 0, 0), "e3a00000"],
    ["add r0, r0, #1", (code: ArmCode) => code.withNumber("add", 0, 0, 1), "e2800001"],
    ["mvn r9, #0xff000000", (code: ArmCode) => code.withNumber("mvn", 9, 0, 0xff00_0000), "e3e094ff"],
    [
      "bics r0, r0, #0xc0000000",
      (code: ArmCode) => code.withNumber("bic", 0, 0, 0xc000_0000, { flags: true }),
      "e3d00103",
    ],
    ["cmp r0, #0", (code: ArmCode) => code.withNumber("cmp", 0, 0, 0), "e3500000"],
    ["tst r1, #32", (code: ArmCode) => code.withNumber("tst", 0, 1, 32), "e3110020"],
    [
      "movne r8, #0x3f000000",
      (code: ArmCode) => code.withNumber("mov", 8, 0, 0x3f00_0000, { condition: "ne" }),
      "13a0843f",
    ],
    [
      "movs r6, r6, lsl #1",
      (code: ArmCode) => code.withRegister("mov", 6, 0, 6, { left: 1, flags: true }),
      "e1b06086",
    ],
    ["mov r1, r1, lsr #20", (code: ArmCode) => code.withRegister("mov", 1, 0, 1, { right: 20 }), "e1a01a21"],
    ["orr r0, r5, r9", (code: ArmCode) => code.withRegister("orr", 0, 5, 9), "e1850009"],
    ["mul r2, r1, r3", (code: ArmCode) => code.multiply(2, 1, 3), "e0020391"],
    ["ldr r0, [r7, #4]", (code: ArmCode) => code.load(0, 7, { offset: 4 }), "e5970004"],
    ["ldrb r0, [r4], #1", (code: ArmCode) => code.load(0, 4, { step: 1, isByte: true }), "e4d40001"],
    ["str r3, [r10], #4", (code: ArmCode) => code.store(3, 10, { step: 4 }), "e48a3004"],
    ["strcs r9, [r10, #4]", (code: ArmCode) => code.store(9, 10, { offset: 4, condition: "cs" }), "258a9004"],
    ["mrc p15, 0, r0, c0, c0, 5", (code: ArmCode) => code.readSystem(0, 0, 0, 5), "ee100fb0"],
    ["mcr p15, 0, r0, c7, c10, 4", (code: ArmCode) => code.writeSystem(0, 7, 10, 4), "ee070f9a"],
    ["b .", (code: ArmCode) => code.label("here").jump("here"), "eafffffe"],
  ])("are written as they are: %s", (_, write, word) => {
    expect(wordsOf(write(new ArmCode()))).toEqual([word]);
  });

  test("find what lies before them and behind them", () => {
    const code = new ArmCode().jump("on", "ne").address(1, "on").data([7]).label("on").jump("on");
    expect(PC).toBe(15);
    expect(wordsOf(code)).toEqual(["1a000001", "e28f1000", "00000007", "eafffffe"]);
  });

  test("cannot hold every number, nor go to where nothing is", () => {
    expect([0xff, 0x3fc, 0xf000_000f].map(immediate)).toEqual([0xff, 0xfff, 0x2ff]);
    expect(() => immediate(0x101)).toThrow(RangeError);
    expect(() => new ArmCode().jump("nowhere").assembled()).toThrow("nowhere");
  });
});

describe("letters", () => {
  test("are painted where they belong, and one that has not been drawn is missed", () => {
    const rows = paintedText(["Pi", "i"], 32, 9).map((row) => row.map((dot) => (dot ? "#" : " ")).join(""));
    expect(rows.map((row) => row.trimEnd()).slice(0, 7)).toEqual([
      "####    #",
      "#   #",
      "#   #  ##",
      "####    #",
      "#       #",
      "#       #",
      "#      ###",
    ]);
    expect(rows.every((row) => row.length === 32)).toBe(true);
    expect(() => paintedText(["ß"], 32, 9)).toThrow("has not been drawn");
    expect(() => paintedText(["too long"], 32, 9)).toThrow("too long");
  });

  test("of the text for boards that cannot run the box are on the screen, away from its edges", () => {
    const { firstRow, rows } = unsupportedDots();
    const columns = rows.flatMap((row) => row.flatMap((dot, x) => (dot ? [x] : [])));
    expect(Math.min(...columns)).toBeGreaterThanOrEqual(DOTS.width / 20);
    expect(Math.max(...columns)).toBeLessThan((DOTS.width * 19) / 20);
    expect(firstRow + rows.length).toBeLessThan((DOTS.height * 19) / 20);
  });
});

describe("the Raspberry Pi's firmware", () => {
  /** What a board takes from `config.txt`, by its sections that are the board's. */
  function settings(board: readonly string[]): Record<string, string> {
    const taken: Record<string, string> = {};
    let isOurs = true;
    for (const line of CONFIG.split("\n")) {
      const section = /^\[(.*)\]$/.exec(line)?.[1];
      if (section !== undefined) isOurs = section === "all" || board.includes(section);
      const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
      if (isOurs && key !== undefined && value !== undefined) taken[key] = value;
    }
    return taken;
  }

  // Which boards see which sections: raspberrypi.com, "Conditional filters", "Model filters".
  test.each([
    ["Zero", ["pi0"], "unsupported.img", "0"],
    ["Zero W", ["pi0", "pi0w"], "unsupported.img", "0"],
    ["1 and Compute Module 1", ["pi1"], "unsupported.img", "0"],
    ["2", ["pi2"], "unsupported.img", "0"],
    ["Zero 2 W", ["pi0", "pi0w", "pi02"], "vmlinuz", "1"],
    ["3", ["pi3"], "vmlinuz", "1"],
    ["4 and Compute Module 4", ["pi4", "cm4"], "vmlinuz", "1"],
  ])("starts what a %s can run", (_, board, kernel, bits) => {
    expect(settings(board)).toMatchObject({ kernel, arm_64bit: bits });
  });

  test("gets a program that is small and lies anywhere", () => {
    expect(unsupportedPiProgram().length).toBeLessThan(8 * 1024);
  });
});
