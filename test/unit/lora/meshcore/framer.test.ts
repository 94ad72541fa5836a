import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import type { Answer } from "../../../../src/lora/meshcore/answers.ts";
import { decodeAnswer, fromRadioRules } from "../../../../src/lora/meshcore/decode-answer.ts";
import { encodeFrame, FROM_RADIO, Framer, MAX_FRAME_BYTES } from "../../../../src/lora/meshcore/frame.ts";

function framing() {
  const frames: Uint8Array[] = [];
  const framer = new Framer({ rules: fromRadioRules, onFrame: (content) => frames.push(content) });
  return { framer, frames };
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const framed = (content: Uint8Array): Uint8Array => encodeFrame(content, FROM_RADIO);

const NO_MORE = bytes(10);
const CONFIRMED = bytes(0x82, 1, 2, 3, 4, 5, 6, 7, 8);
/** A datagram that is full of frame starts. */
const DATAGRAM = Uint8Array.from([27, 12, 0, 0, 0, 1, 0x4f, 0xff, 167, ...new Array(167).fill(0x3e)]);
const MESSAGE = Uint8Array.from([16, 12, 0, 0, 1, 2, 3, 4, 5, 6, 0xff, 0, 1, 2, 3, 4, ...text("a > b > c")]);
const GOOD = [NO_MORE, CONFIRMED, DATAGRAM, MESSAGE, bytes(0), bytes(1, 2), bytes(0x83)];

describe("the framer for MeshCore", () => {
  test("finds frames in pieces of any size, each byte of their content its own", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...GOOD), { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 20 }),
        (contents, steps) => {
          const { framer, frames } = framing();
          const stream = Buffer.concat(contents.map(framed));
          let step = 0;
          for (let at = 0; at < stream.length; step++) {
            const size = steps[step % steps.length] ?? 1;
            framer.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(frames).toEqual(contents);
          expect(framer.isWaiting).toBe(false);
        },
      ),
    );
  });

  test.each([
    ["boot text with `>` in it", text("rst:0x1 > boot:>> load > 0x3f >\r\n>")],
    ["a length of 65535", bytes(FROM_RADIO, 0xff, 0xff)],
    ["a length of 0", bytes(FROM_RADIO, 0, 0)],
    ["a length of 177", bytes(FROM_RADIO, MAX_FRAME_BYTES + 1, 0, 27)],
    ["a kind that the radio does not send", bytes(FROM_RADIO, 5, 0, 0x70)],
    ["a kind whose length is another", bytes(FROM_RADIO, 8, 0, 0x82)],
    ["many starts", new Uint8Array(1_000).fill(FROM_RADIO)],
    ["starts with a plausible low byte", bytes(FROM_RADIO, 9, FROM_RADIO, 9, FROM_RADIO, 1)],
    ["half a message", framed(MESSAGE).subarray(0, 20)],
    ["all but three bytes of a message", framed(MESSAGE).subarray(0, -3)],
    ["the head of a long message", bytes(FROM_RADIO, 176, 0, 17, 4, 0, 0, 0, 0xff, 0)],
  ])("loses none of the frames behind %s", (_, noise) => {
    const { framer, frames } = framing();
    framer.push(framed(NO_MORE));
    framer.push(noise);
    for (let i = 0; i < 20; i++) for (const good of GOOD) framer.push(framed(good));
    expect(frames.slice(1)).toEqual(Array.from({ length: 20 }, () => GOOD).flat());
  });

  test("gives up what is not completed, and finds the frame that it had begun to swallow", () => {
    const { framer, frames } = framing();
    framer.push(framed(MESSAGE).subarray(0, 12));
    framer.push(framed(CONFIRMED));
    expect(frames).toEqual([]);
    framer.giveUp();
    expect(frames).toEqual([CONFIRMED]);
    expect(framer.isWaiting).toBe(false);
    framer.giveUp();
    framer.push(framed(CONFIRMED).subarray(0, 5));
    framer.giveUp();
    expect(framer.isWaiting).toBe(false);
  });

  test("loses no frame between ten million bytes of noise", () => {
    const random = seededRandom(20_260_701);
    const noise = (length: number): Uint8Array =>
      Uint8Array.from({ length }, () => Math.floor(random() * 256));
    const boot = text("ESP-ROM:esp32s3 > rst:0x1 (POWERON),boot:0x2b > SPI_FAST_FLASH_BOOT >\r\n>>> ");
    const hostile = () => bytes(FROM_RADIO, Math.floor(random() * 256), 1 + Math.floor(random() * 255), 0x88);
    const cutOff = framed(MESSAGE).subarray(0, 14);
    let found = 0;
    let sent = 0;
    let strangers = 0;
    let expected = GOOD[0] ?? NO_MORE;
    const framer = new Framer({
      rules: fromRadioRules,
      onFrame: (content) => {
        if (Buffer.compare(content, expected) === 0) found++;
        else strangers++;
      },
    });
    for (let noisy = 0; noisy < 10_000_000; ) {
      const pieces = [noise(600 + Math.floor(random() * 800))];
      if (sent % 3 === 0) pieces.push(boot);
      if (sent % 5 === 0) pieces.push(hostile());
      if (sent % 7 === 0) pieces.push(cutOff);
      for (const piece of pieces) {
        framer.push(piece);
        noisy += piece.length;
      }
      expected = GOOD[sent % GOOD.length] ?? NO_MORE;
      framer.push(framed(expected));
      // The line falls silent.
      while (framer.isWaiting) framer.giveUp();
      sent++;
      // Noise that is a frame in all, such as `>`, 1, 0 and 0, is one: it may come, but in nobody's place.
      expect(found).toBe(sent);
    }
    expect(sent).toBeGreaterThan(9_000);
    expect(strangers).toBeLessThan(40);
  }, 15_000);
});

describe("reading a frame", () => {
  test("never fails, whatever comes, and says nothing of what the radio does not send", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (content) => {
        const answer = decodeAnswer(content);
        if (content.length === 0 || content.length > MAX_FRAME_BYTES) expect(answer).toBeUndefined();
      }),
      { numRuns: 5_000 },
    );
    expect(decodeAnswer(bytes(0x70, 1, 2))).toBeUndefined();
  });

  test("takes counters of firmware that has more to say behind them, and none that are cut short", () => {
    const core = bytes(24, 0, 0x3c, 0x0f, 9, 0, 0, 0, 0, 0, 5);
    const coreStats: Answer = { kind: "core-stats", uptimeSeconds: 9, queued: 5 };
    const radio = bytes(24, 1, 0x92, 0xff, 0xa0, 0x10, 7, 0, 0, 0, 8, 0, 0, 0);
    const radioStats: Answer = { kind: "radio-stats", sentSeconds: 7, receivedSeconds: 8 };
    for (const [frame, stats] of [
      [core, coreStats],
      [radio, radioStats],
    ] as const) {
      expect(decodeAnswer(frame)).toEqual(stats);
      expect(decodeAnswer(bytes(...frame, 1, 2, 3, 4))).toEqual(stats);
      expect(decodeAnswer(frame.subarray(0, -1))).toBeUndefined();
    }
  });

  test("never fails with known kinds of any length and content", () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.integer({ min: 0, max: 28 }), fc.integer({ min: 0x80, max: 0x90 })),
        fc.uint8Array({ maxLength: 175 }),
        (code, rest) => {
          const answer = decodeAnswer(Uint8Array.of(code, ...rest));
          expect(answer === undefined || typeof answer.kind === "string").toBe(true);
        },
      ),
      { numRuns: 20_000 },
    );
  });
});

describe("a frame for the radio", () => {
  test("has at least one byte and at most 176", () => {
    expect(() => encodeFrame(new Uint8Array())).toThrow("content: 0 bytes");
    expect(() => encodeFrame(new Uint8Array(177))).toThrow("content: 177 bytes");
    expect(encodeFrame(bytes(22, 3))).toEqual(bytes(0x3c, 2, 0, 22, 3));
  });
});
