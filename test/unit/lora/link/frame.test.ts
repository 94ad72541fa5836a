import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  bodyNumber,
  type DataFrame,
  decodeFrame,
  encodeFrame,
  FrameError,
  type Holding,
  type LinkFrame,
  MAX_REPORTED,
  type QuestionFrame,
  type ReportFrame,
} from "../../../../src/lora/link/frame.ts";

const address = fc.integer({ min: 1, max: 2 ** 24 - 1 });
const message = fc.integer({ min: 0, max: 0xffff });

const data: fc.Arbitrary<DataFrame> = fc
  .record({
    source: address,
    destination: fc.option(address, { nil: undefined }),
    message,
    count: fc.integer({ min: 1, max: 255 }),
    seed: fc.nat(),
    isCoded: fc.boolean(),
    wantsReport: fc.boolean(),
    body: fc.uint8Array({ maxLength: 244 }),
  })
  .map(({ seed, ...frame }) => ({ kind: "data", ...frame, index: seed % frame.count }));

const unnumbered: fc.Arbitrary<DataFrame> = fc
  .record({ source: address, isCoded: fc.boolean(), body: fc.uint8Array({ maxLength: 244 }) })
  .map(({ body, ...frame }) => ({
    ...{ kind: "data", ...frame, body, message: bodyNumber(body), isUnnumbered: true },
    ...{ destination: undefined, index: 0, count: 1, wantsReport: false },
  }));

const holding: fc.Arbitrary<Holding> = fc.oneof(
  message.map((number): Holding => ({ message: number, isWhole: true })),
  message.map((number): Holding => ({ message: number, isWhole: false, count: 0, base: 0, beyond: [] })),
  fc
    .record({
      message,
      count: fc.integer({ min: 1, max: 255 }),
      seed: fc.nat(),
      bits: fc.array(fc.boolean(), { maxLength: MAX_REPORTED }),
    })
    .map(({ message: number, count, seed, bits }): Holding => {
      const base = seed % count;
      const fitting = bits.slice(0, count - base - 1);
      // A piece that is not there ends no list.
      const beyond = fitting.slice(0, fitting.lastIndexOf(true) + 1);
      return { message: number, isWhole: false, count, base, beyond };
    }),
);

const report: fc.Arbitrary<ReportFrame> = fc
  .record({
    source: address,
    destination: address,
    holdings: fc.array(holding, { minLength: 1, maxLength: 40 }),
  })
  .map((frame) => ({ kind: "report", ...frame }));

const question: fc.Arbitrary<QuestionFrame> = fc
  .record({ source: address, destination: address, message })
  .map((frame) => ({ kind: "question", ...frame }));

const frame: fc.Arbitrary<LinkFrame> = fc.oneof(data, unnumbered, report, question);

describe("a frame of the link", () => {
  test("is the same after it was encoded and decoded", () => {
    fc.assert(fc.property(frame, (given) => expect(decodeFrame(encodeFrame(given))).toEqual(given)));
  });

  test("has a short header: 9 bytes to one box, 6 to everyone", () => {
    const whole = {
      kind: "data",
      source: 1,
      message: 7,
      index: 0,
      count: 1,
      isCoded: true,
      wantsReport: true,
    } as const;
    const body = new Uint8Array(5);
    expect(encodeFrame({ ...whole, destination: 2, body }).length).toBe(5 + 9);
    expect(encodeFrame({ ...whole, destination: undefined, body }).length).toBe(5 + 6);
  });

  test("has these bytes", () => {
    const bytes = encodeFrame({
      kind: "data",
      source: 0x010203,
      destination: 0xa0b0c0,
      message: 0x1234,
      index: 2,
      count: 9,
      isCoded: true,
      wantsReport: false,
      body: Uint8Array.of(0xff, 0x00),
    });
    expect(Buffer.from(bytes).toString("hex")).toBe("4c010203a0b0c012340209ff00");
    const head = { source: 0xa0b0c0, destination: 0x010203 };
    const told = encodeFrame({
      kind: "report",
      ...head,
      holdings: [
        { message: 0x1234, isWhole: true },
        {
          message: 0x1235,
          isWhole: false,
          count: 40,
          base: 3,
          beyond: [false, true, false, false, false, false, false, false, true],
        },
      ],
    });
    expect(Buffer.from(told).toString("hex")).toBe("60a0b0c0010203" + "1234ff" + "12350228034080");
    const asked = encodeFrame({ kind: "question", ...head, message: 0x1234 });
    expect(Buffer.from(asked).toString("hex")).toBe("62a0b0c00102031234");
  });

  test("has no number where it is whole, to everyone and goes once", () => {
    const frame = {
      kind: "data",
      source: 1,
      destination: undefined,
      message: 7,
      index: 0,
      count: 1,
    } as const;
    const what = { isCoded: false, wantsReport: false, isUnnumbered: true, body: Uint8Array.of(8, 9) };
    const bytes = encodeFrame({ ...frame, ...what });
    expect(Buffer.from(bytes).toString("hex")).toBe("51000001" + "0809");
    const other = decodeFrame(encodeFrame({ ...frame, ...what, body: Uint8Array.of(8, 8) }));
    expect(decodeFrame(bytes)).not.toMatchObject({ message: other.kind === "data" && other.message });
    expect(() => encodeFrame({ ...frame, ...what, destination: 2 })).toThrow("isUnnumbered: ");
    expect(() => encodeFrame({ ...frame, ...what, count: 2 })).toThrow("count: ");
    for (const first of [0x41, 0x59])
      expect(() => decodeFrame(Uint8Array.of(first, 0, 0, 1, 0, 0, 2, 0, 0))).toThrow("first byte: ");
  });

  test("is all that bytes from the air are decoded to, and what is none is an error that names the field", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          const decoded = decodeFrame(bytes);
          // Nothing is read into it: it encodes to the same bytes.
          expect(encodeFrame(decoded)).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
          expect((error as FrameError).message).toMatch(
            /^(first byte|source|destination|message|index|count|base|bitmap): /,
          );
        }
      }),
      { numRuns: 5_000 },
    );
  });

  test("survives what a lossy line does to it: cut, or with a bit turned", () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.nat(), (given, cut, bit) => {
        const bytes = encodeFrame(given);
        const turned = bytes.slice();
        const at = bit % (turned.length * 8);
        turned[at >> 3] = (turned[at >> 3] ?? 0) ^ (0x80 >> (at & 7));
        for (const broken of [bytes.slice(0, cut % bytes.length), turned]) {
          try {
            expect(encodeFrame(decodeFrame(broken))).toEqual(broken);
          } catch (error) {
            expect(error).toBeInstanceOf(FrameError);
          }
        }
      }),
    );
  });

  test.each([
    ["source", { source: 0 }],
    ["source", { source: 2 ** 24 }],
    ["destination", { destination: 0 }],
    ["message", { message: 65_536 }],
    ["count", { count: 256 }],
    ["index", { index: 1 }],
  ])("is not made with a wrong %s", (field, wrong) => {
    const right: DataFrame = {
      kind: "data",
      source: 1,
      destination: 2,
      message: 3,
      index: 0,
      count: 1,
      isCoded: false,
      wantsReport: false,
      body: new Uint8Array(1),
    };
    expect(() => encodeFrame({ ...right, ...wrong })).toThrow(`${field}: `);
  });
});
