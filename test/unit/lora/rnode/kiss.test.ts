import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { xoshiro128 } from "../../../../src/bench/seeded-random.ts";
import { KissDecoder, type KissFrame, kissFrame } from "../../../../src/lora/rnode/kiss.ts";

const MAX = 508;

function decoded(...pieces: Iterable<number>[]): KissFrame[] {
  const frames: KissFrame[] = [];
  const decoder = new KissDecoder(MAX, (frame) => frames.push(frame));
  for (const piece of pieces) decoder.push(Uint8Array.from(piece));
  return frames;
}

const frames = fc.array(
  fc.record({ command: fc.integer({ min: 0, max: 0xbf }), payload: fc.uint8Array({ maxLength: MAX }) }),
  { maxLength: 8 },
);

describe("KISS frames", () => {
  test("escape the two bytes that mean something", () => {
    expect([...kissFrame(0x00, [1, 0xc0, 2, 0xdb, 0xdc, 0xdd])]).toEqual([
      0xc0, 0x00, 1, 0xdb, 0xdc, 2, 0xdb, 0xdd, 0xdc, 0xdd, 0xc0,
    ]);
  });

  test("come back whatever is in them, in whatever pieces they arrive", () => {
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (sent, sizes) => {
        const stream = sent.flatMap(({ command, payload }) => [...kissFrame(command, payload)]);
        const pieces: number[][] = [];
        for (let at = 0; at < stream.length; ) {
          const size = sizes.next().value ?? 1;
          pieces.push(stream.slice(at, at + size));
          at += size;
        }
        expect(decoded(...pieces)).toEqual(sent);
      }),
    );
  });

  test("are all found between any noise", () => {
    fc.assert(
      fc.property(frames, fc.uint8Array({ maxLength: 2_000 }), (sent, noise) => {
        const stream = sent.flatMap(({ command, payload }) => [...noise, ...kissFrame(command, payload)]);
        const found = decoded(stream).map((frame) => JSON.stringify(frame));
        let from = 0;
        for (const frame of sent) {
          const at = found.indexOf(JSON.stringify(frame), from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + 1;
        }
      }),
    );
  });

  test("are all found among ten million bytes of noise", () => {
    const next = xoshiro128([1, 2, 3, 4]);
    const found: string[] = [];
    const decoder = new KissDecoder(MAX, ({ command, payload }) => {
      const text = Buffer.from(payload).toString("latin1");
      if (command === 0x7e && text.endsWith("is good")) found.push(text);
    });
    const words = new Uint32Array(2_500);
    const sent = Array.from({ length: 1_000 }, (_, index) => `\xc0${index}\xdb is good`);
    for (const text of sent) {
      for (let at = 0; at < words.length; at++) words[at] = next();
      decoder.push(new Uint8Array(words.buffer));
      decoder.push(kissFrame(0x7e, Buffer.from(text, "latin1")));
    }
    expect(found).toEqual(sent);
  });

  test("may share a delimiter", () => {
    expect(decoded([0xc0, 1, 7, 0xc0, 2, 8, 0xc0])).toEqual([
      { command: 1, payload: Uint8Array.of(7) },
      { command: 2, payload: Uint8Array.of(8) },
    ]);
  });

  test("that are damaged or too long cost only themselves", () => {
    const good = [0xc0, 3, 9, 0xc0];
    const brokenEscape = [0xc0, 0, 0xdb, 1, 2, 0xc0];
    const openEscape = [0xc0, 0, 1, 0xdb, 0xc0];
    const tooLong = [0xc0, 0, ...new Uint8Array(MAX + 1), 0xc0];
    const longest = [0xc0, 0, ...new Uint8Array(MAX), 0xc0];
    const goodFrame = { command: 3, payload: Uint8Array.of(9) };
    expect(decoded([...brokenEscape, ...good, ...openEscape, ...good, ...tooLong, ...good])).toEqual([
      goodFrame,
      goodFrame,
      goodFrame,
    ]);
    expect(decoded(longest)).toEqual([{ command: 0, payload: new Uint8Array(MAX) }]);
  });

  test("are not made of what comes before the first delimiter", () => {
    expect(decoded("ets Jul 29 2019\r\n".split("").map((c) => c.charCodeAt(0)))).toEqual([]);
    expect(decoded([0, 1, 2, 0xc0, 8, 0x46, 0xc0])).toEqual([{ command: 8, payload: Uint8Array.of(0x46) }]);
  });
});
