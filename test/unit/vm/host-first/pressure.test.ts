import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Pressure,
  PressureError,
  parsePressure,
  stalledBetween,
} from "../../../../src/vm/host-first/pressure.ts";

/** Half a character as well: fast-check's own such unit takes seconds to begin. */
const ANY_UNIT = fc.nat(0xff_ff).map((code) => String.fromCharCode(code));

/** As in Documentation/accounting/psi.rst, and as a kernel of 6.1 gave it. */
const MEMORY = `some avg10=0.12 avg60=1.50 avg300=100.00 total=424488944
full avg10=0.00 avg60=0.00 avg300=0.00 total=66728313
`;
const line = (kind: string, total = 0) => `${kind} avg10=0.00 avg60=0.00 avg300=0.00 total=${total}\n`;

describe("parsing a pressure file", () => {
  test("reads both lines", () => {
    expect(parsePressure(MEMORY)).toEqual({
      some: { avg10: 0.12, avg60: 1.5, avg300: 100, totalUs: 424_488_944 },
      full: { avg10: 0, avg60: 0, avg300: 0, totalUs: 66_728_313 },
    });
  });

  test("takes the one line that kernels before 5.13 have of the processor", () => {
    expect(parsePressure(line("some")).full).toBeUndefined();
  });

  test.each([
    ["nothing", "", "pressure: no line"],
    ["only full", line("full"), "pressure.some: it is missing"],
    ["a line twice", line("some") + line("some"), "pressure.some: it is there twice"],
    ["more than all the time", line("some").replace("avg60=0.00", "avg60=100.01"), "pressure.some.avg60"],
    ["a negative total", line("some").replace("total=0", "total=-1"), "no line of a pressure file"],
    ["something behind it", `${line("some")}rest`, "no line of a pressure file: rest"],
    ["too much", line("some") + " ".repeat(1_000), "characters are too many"],
  ])("refuses %s, and says where", (_, text, reason) => {
    expect(() => parsePressure(text)).toThrow(PressureError);
    expect(() => parsePressure(text)).toThrow(reason);
  });

  test("reads back what is written of any numbers", () => {
    const average = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => hundredths / 100);
    const numbers = fc.record({
      avg10: average,
      avg60: average,
      avg300: average,
      totalUs: fc.nat(10 ** 15 - 1),
    });
    const written = ({ some, full }: Pressure) =>
      Object.entries({ some, full })
        .flatMap(([kind, line]) =>
          line
            ? [
                `${kind} avg10=${line.avg10.toFixed(2)} avg60=${line.avg60.toFixed(2)} avg300=${line.avg300.toFixed(2)} total=${line.totalUs}\n`,
              ]
            : [],
        )
        .join("");
    fc.assert(
      fc.property(fc.record({ some: numbers, full: fc.option(numbers, { nil: undefined }) }), (pressure) => {
        expect(parsePressure(written(pressure))).toEqual(pressure);
      }),
    );
  });

  test("gives either numbers or a PressureError for any text", () => {
    const bent = fc
      .tuple(fc.nat(MEMORY.length), fc.string({ maxLength: 20 }), fc.nat(20))
      .map(([at, text, cut]) => MEMORY.slice(0, at) + text + MEMORY.slice(at + cut));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: ANY_UNIT, maxLength: 2_000 }), bent), (text) => {
        try {
          const { some } = parsePressure(text);
          expect(some.avg10 >= 0 && some.avg10 <= 100 && Number.isSafeInteger(some.totalUs)).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(PressureError);
        }
      }),
    );
  });
});

describe("what was lost between two readings", () => {
  const at = (totalUs: number) => ({ avg10: 0, avg60: 0, avg300: 0, totalUs });

  test("is a share of the time between them", () => {
    expect(stalledBetween(at(1_000_000), at(1_250_000), 1_000)).toBe(0.25);
  });

  test("is not more than all of it, though the two files are not read at one instant", () => {
    expect(stalledBetween(at(0), at(1_010_000), 1_000)).toBe(1);
  });

  test("cannot be told without time, without a first reading, or over a restart of the count", () => {
    expect(stalledBetween(at(0), at(1), 0)).toBeUndefined();
    expect(stalledBetween(undefined, at(1), 10)).toBeUndefined();
    expect(stalledBetween(at(2), at(1), 10)).toBeUndefined();
  });
});
