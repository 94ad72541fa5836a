import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { answerPull, pull, type SyncedSet, tagOf } from "../../../../src/mesh/directory/set-sync.ts";
import type { FrameStream } from "../../../../src/mesh/engine/engine-interface.ts";
import { FakeEngines } from "../fake-engine.ts";

/** A set of texts. */
class Texts implements SyncedSet {
  readonly texts: Set<string>;

  constructor(
    texts: Iterable<string>,
    private readonly refuse: (text: string) => boolean = () => false,
  ) {
    this.texts = new Set(texts);
  }

  *items() {
    for (const text of this.texts) {
      const encoded = Buffer.from(text);
      yield { tag: tagOf(encoded), encoded };
    }
  }

  accept(encoded: Uint8Array): void {
    const text = Buffer.from(encoded).toString();
    if (this.refuse(text)) throw new Error(`${text} is no good`);
    this.texts.add(text);
  }
}

/** Two boxes, and what they do over a stream between them. */
function boxes(serve: (stream: FrameStream) => Promise<void>) {
  const engines = new FakeEngines();
  const [a, b] = [engines.engine("a"), engines.engine("b")];
  engines.connect(a, b);
  b.handle("/set/1", serve);
  return { engines, a, b };
}

async function pulled(ours: SyncedSet, theirs: SyncedSet) {
  const { engines, a, b } = boxes((stream) => answerPull(stream, theirs));
  const result = await pull(await a.open("b", "/set/1"), ours);
  return { result, frames: engines.frames, open: [a.openStreams, b.openStreams] };
}

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `text ${from + index}`);

describe("two sets", () => {
  test("come to hold all that either held, whatever that was", async () => {
    const texts = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8, unit: "grapheme-ascii" }), {
      maxLength: 40,
    });
    await fc.assert(
      fc.asyncProperty(texts, texts, async (a, b) => {
        const [ours, theirs] = [new Texts(a), new Texts(b)];
        await pulled(ours, theirs);
        await pulled(theirs, ours);
        expect(ours.texts).toEqual(new Set([...a, ...b]));
        expect(theirs.texts).toEqual(ours.texts);
      }),
      { numRuns: 50 },
    );
  });

  test("of 500 that are the same cost one frame of 4,000 bytes, and three that are missing three more", async () => {
    const same = await pulled(new Texts(numbered(0, 500)), new Texts(numbered(0, 500)));
    expect(same.frames.map(({ from, bytes }) => [from, bytes])).toEqual([["a", 4_000]]);
    expect(same.result).toEqual({ taken: 0, refused: 0 });
    const behind = await pulled(new Texts(numbered(0, 497)), new Texts(numbered(0, 500)));
    expect(behind.frames).toHaveLength(4);
    expect(behind.result).toEqual({ taken: 3, refused: 0 });
    expect(behind.open).toEqual([0, 0]);
  });

  test("of which one is empty cost a frame for each", async () => {
    const { result, frames } = await pulled(new Texts([]), new Texts(numbered(0, 500)));
    expect([result.taken, frames.length, frames[0]?.bytes]).toEqual([500, 501, 0]);
  });

  test("go on behind what one of them will not have", async () => {
    const ours = new Texts([], (text) => text.endsWith("3"));
    const { result } = await pulled(ours, new Texts(numbered(0, 10)));
    expect(result).toEqual({ taken: 9, refused: 1 });
    expect([...ours.texts]).toEqual(numbered(0, 10).filter((text) => text !== "text 3"));
  });

  test("of more than fits into one answer get there with the next ones", async () => {
    const [ours, theirs] = [new Texts([]), new Texts(numbered(0, 9_000))];
    const taken = [];
    const sent = [];
    for (let round = 0; round < 3; round += 1) {
      const { result, frames } = await pulled(ours, theirs);
      taken.push(result.taken);
      sent.push(frames.filter(({ from }) => from === "b").length);
    }
    expect(taken).toEqual([4_096, 4_096, 808]);
    expect(sent).toEqual(taken);
    expect(ours.texts).toEqual(theirs.texts);
  });
});

describe("a box that does not keep to it", () => {
  test("and hands over without end is cut off", async () => {
    let sent = 0;
    const { a, b } = boxes(async (stream) => {
      for (;;) {
        await stream.send(Buffer.from(`text ${sent}`));
        sent += 1;
        if (sent % 100 === 0) await Bun.sleep(0);
      }
    });
    const ours = new Texts([]);
    const { taken } = await pull(await a.open("b", "/set/1"), ours);
    expect([taken, ours.texts.size]).toEqual([4_096, 4_096]);
    await Bun.sleep(5);
    const before = sent;
    await Bun.sleep(5);
    expect([sent - before, a.openStreams, b.openStreams]).toEqual([0, 0, 0]);
  });

  test("and asks with something else than tags gets nothing", async () => {
    const theirs = new Texts(numbered(0, 5));
    let failure = "";
    const { a, engines } = boxes(async (stream) => {
      await answerPull(stream, theirs).catch((error) => {
        failure = String(error);
        throw error;
      });
    });
    for (const bytes of [7, 16_384 * 8 + 8]) {
      const stream = await a.open("b", "/set/1");
      await stream.send(new Uint8Array(bytes));
      const read = async () => {
        for await (const _ of stream.frames()) throw new Error("an answer came");
      };
      await expect(read()).rejects.toThrow(`set: ${bytes} bytes of tags`);
      expect(failure).toContain(`${bytes} bytes`);
    }
    expect(engines.frames.every(({ from }) => from === "a")).toBe(true);
  });

  test("and asks for nothing at all gets nothing", async () => {
    const { a } = boxes((stream) => answerPull(stream, new Texts(numbered(0, 5))));
    const stream = await a.open("b", "/set/1");
    await stream.close();
    let frames = 0;
    for await (const _ of stream.frames()) frames += 1;
    expect([frames, a.openStreams]).toEqual([0, 0]);
  });
});
