import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { crc16 } from "../../../../src/lora/e22/crc16.ts";
import { encodeFrame, Framer, MAX_PAYLOAD_BYTES } from "../../../../src/lora/e22/frame.ts";

function framing(hasRssi = false) {
  const frames: Uint8Array[] = [];
  const rssis: (number | undefined)[] = [];
  const framer = new Framer({
    hasRssi: () => hasRssi,
    onFrame: (payload, rssiDbm) => {
      frames.push(payload);
      rssis.push(rssiDbm);
    },
  });
  return { framer, frames, rssis };
}

const START = 0x4f;
const payloads = fc.array(
  fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: MAX_PAYLOAD_BYTES }),
    fc.integer({ min: 1, max: MAX_PAYLOAD_BYTES }).map((length) => new Uint8Array(length).fill(START)),
  ),
  { minLength: 1, maxLength: 8 },
);

describe("frames in a stream without borders", () => {
  test("have the checksum that is known for these digits", () => {
    expect(crc16(new TextEncoder().encode("123456789"))).toBe(0x29b1);
  });

  test("are found in pieces of any size, with the signal's strength behind each or without", () => {
    fc.assert(
      fc.property(payloads, fc.boolean(), fc.integer({ min: 1, max: 60 }), (contents, hasRssi, step) => {
        const { framer, frames, rssis } = framing(hasRssi);
        const stream = Buffer.concat(
          contents.map((payload, at) =>
            Buffer.concat([encodeFrame(payload), Buffer.from(hasRssi ? [150 + at] : [])]),
          ),
        );
        for (let at = 0; at < stream.length; at += step) framer.push(stream.subarray(at, at + step));
        framer.giveUp();
        expect(frames).toEqual(contents);
        expect(rssis).toEqual(contents.map((_, at) => (hasRssi ? at - 106 : undefined)));
        expect(framer.isWaiting).toBe(false);
      }),
    );
  });

  test("are found behind starts that are none, broken frames and frames that are cut off", () => {
    const good = Uint8Array.of(1, 2, START, 3);
    const broken = encodeFrame(new Uint8Array(50).fill(START));
    broken[20] = 0;
    for (const noise of [
      Uint8Array.of(START),
      Uint8Array.of(START, 0),
      Uint8Array.of(START, 255),
      Uint8Array.of(START, 236, 1, 2, 3),
      new Uint8Array(700).fill(START),
      broken,
      encodeFrame(new Uint8Array(80)).subarray(0, 60),
    ]) {
      const { framer, frames } = framing();
      framer.push(noise);
      for (let i = 0; i < 3; i++) framer.push(encodeFrame(good));
      while (framer.isWaiting) framer.giveUp();
      expect(frames).toEqual([good, good, good]);
    }
  });

  test("come without a strength when its byte does not follow", () => {
    const { framer, frames, rssis } = framing(true);
    framer.push(encodeFrame(Uint8Array.of(1)));
    expect(frames).toEqual([]);
    framer.push(encodeFrame(Uint8Array.of(2)));
    framer.giveUp();
    expect(frames).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
    expect(rssis).toEqual([undefined, undefined]);
  });

  test("are none lost between ten million bytes of noise", () => {
    const random = seededRandom(1);
    let expected = new Uint8Array();
    let found = 0;
    let sent = 0;
    const framer = new Framer({
      hasRssi: () => false,
      onFrame: (payload) => {
        if (Buffer.compare(payload, expected) === 0) found++;
      },
    });
    for (let noisy = 0; noisy < 10_000_000; ) {
      const isHostile = sent % 4 === 0;
      const noise = Uint8Array.from({ length: 1_500 }, () =>
        isHostile && random() < 0.2 ? START : Math.floor(random() * 256),
      );
      framer.push(noise);
      noisy += noise.length;
      expected = Uint8Array.from({ length: 1 + Math.floor(random() * 236) }, () =>
        Math.floor(random() * 256),
      );
      framer.push(encodeFrame(expected));
      while (framer.isWaiting) framer.giveUp();
      sent++;
      expect(found).toBe(sent);
    }
  }, 15_000);

  test("have 1 to 236 bytes of payload", () => {
    expect(() => encodeFrame(new Uint8Array())).toThrow("payload: 0 bytes");
    expect(() => encodeFrame(new Uint8Array(237))).toThrow("payload: 237 bytes");
    expect(encodeFrame(new Uint8Array(236))).toHaveLength(240);
  });
});
