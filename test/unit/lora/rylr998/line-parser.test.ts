import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { LineParser, type ReceivedLine } from "../../../../src/lora/rylr998/line-parser.ts";

function parsing() {
  const lines: string[] = [];
  const received: ReceivedLine[] = [];
  const parser = new LineParser({
    onLine: (line) => lines.push(line),
    onReceived: (packet) => received.push(packet),
  });
  return { parser, lines, received };
}

const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

const line = (from: number, data: Uint8Array, rssi = -99, snr = 40): Uint8Array =>
  Uint8Array.from(Buffer.concat([latin(`+RCV=${from},${data.length},`), data, latin(`,${rssi},${snr}\r\n`)]));

describe("what a RYLR998 says", () => {
  test("is taken apart in pieces of any size, data by its length whatever is in it", () => {
    const hostile = fc.constantFrom(
      latin("a,b,-1,2\r\n+OK\r\n"),
      latin("+RCV=1,5,hello,-1,2\r\n"),
      latin("\r\n"),
      latin("+ERR=17\r\n+READY"),
    );
    fc.assert(
      fc.property(
        fc.array(fc.oneof(hostile, fc.uint8Array({ minLength: 1, maxLength: 240 })), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 10 }),
        (datas, steps) => {
          const { parser, lines, received } = parsing();
          const stream = Buffer.concat(
            datas.flatMap((data, at) => [line(at, data, -100 - at, 5 - at), latin(`+ADDRESS=${at}\r\n`)]),
          );
          for (let at = 0, step = 0; at < stream.length; step++) {
            const size = steps[step % steps.length] ?? 1;
            parser.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(received).toEqual(
            datas.map((data, at) => ({ from: at, data, rssiDbm: -100 - at, snrDb: 5 - at })),
          );
          expect(lines).toEqual(datas.map((_, at) => `+ADDRESS=${at}`));
          expect(parser.isWaiting).toBe(false);
        },
      ),
    );
  });

  test.each([
    ["a packet of 241 bytes", "+RCV=1,241,"],
    ["an address over 65535", "+RCV=65536,3,abc,-1,2\r\n"],
    ["no numbers at all", "+RCV=\r\n+RCV=a,b,c\r\n"],
    ["a packet whose length is wrong", "+RCV=1,3,abcdef,-1,2\r\n"],
    ["a packet without its end", "+RCV=1,3,abc,-"],
    ["boot text", "\u0000\u00ffRYLR > +RCV boot\n+"],
    ["many starts", "+RCV=".repeat(300)],
  ])("is not lost behind %s", (_, noise) => {
    const { parser, lines, received } = parsing();
    parser.push(latin(noise));
    for (let at = 0; at < 5; at++) parser.push(line(at, latin("data")));
    parser.push(latin("noise+OK\r\n"));
    expect(received.map(({ from }) => from)).toEqual([0, 1, 2, 3, 4]);
    expect(lines.at(-1)).toBe("+OK");
  });

  test("is given up when its rest does not come, and what was in it is found", () => {
    const { parser, received } = parsing();
    parser.push(latin("+RCV=7,200,"));
    parser.push(line(3, latin("hi")));
    expect(received).toEqual([]);
    parser.giveUp();
    expect(received).toMatchObject([{ from: 3 }]);
    parser.push(latin("+RCV=7,200,abc"));
    parser.giveUp();
    parser.giveUp();
    expect(parser.isWaiting).toBe(false);
  });

  test("is not lost between ten million bytes of noise, and never more than a line is held", () => {
    const random = seededRandom(5);
    let found = 0;
    let sent = 0;
    const good = line(77, latin("+RCV=1,2,xx,-1,1\r\n"));
    const parser = new LineParser({
      onLine: () => {},
      onReceived: ({ from }) => (found += from === 77 ? 1 : 0),
    });
    const noise = Uint8Array.from({ length: 50_000 }, () => Math.floor(random() * 256));
    const starts = ["+RCV=", "+RCV=9,240,", "\r\n+", "+RCV=1,1,", "+OK\r\n"].map(latin);
    for (let noisy = 0; noisy < 10_000_000; ) {
      const at = Math.floor(random() * 48_000);
      const piece = noise.subarray(at, at + 1_000 + Math.floor(random() * 1_000));
      parser.push(piece);
      const start = starts[sent % starts.length] ?? piece;
      parser.push(start);
      noisy += piece.length + start.length;
      parser.push(good);
      // What began a packet of 240 bytes takes what follows for its data until the line falls silent.
      while (parser.isWaiting) parser.giveUp();
      sent++;
      expect(found).toBe(sent);
    }
  }, 15_000);
});
