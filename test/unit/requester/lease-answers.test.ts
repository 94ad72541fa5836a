import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import { boundedBody, followLines } from "../../../src/requester/followed-lines.ts";
import {
  LeaseAnswerError,
  MAX_ANSWER_BYTES,
  readAnswer,
  readCommandAnswer,
  readNews,
} from "../../../src/requester/lease-answers.ts";
import { capturedLog } from "../captured-log.ts";

const KEY = Buffer.alloc(32, 1).toString("base64");
const TUNNEL = { publicKey: KEY, endpoint: { address: "192.0.2.1", port: 24_700 } };

describe("what a provider says", () => {
  test("is read as it was said, with nothing that it may not say", () => {
    const admitted = { is: "admitted", tunnel: TUNNEL };
    expect(readAnswer(JSON.stringify({ ...admitted, more: 1, certificates: "AQI=" }))).toEqual({
      answer: admitted as never,
      certificates: Uint8Array.of(1, 2),
    });
    expect(readCommandAnswer('{"is":"refused","why":"old","beyond":7}')).toEqual({
      is: "refused",
      ...{ why: "old", beyond: 7 },
    });
    expect(readNews('{"is":"running","hostKey":"ssh-ed25519 AAAA"}')).toEqual({
      is: "running",
      hostKey: "ssh-ed25519 AAAA",
    });
    expect(readNews("")).toBeUndefined();
  });

  test.each([
    ["no JSON", "<html>", "is no JSON"],
    ["another answer", '{"is":"perhaps"}', "the answer: is"],
    ["a tunnel without a key", '{"is":"admitted","tunnel":{}}', "the answer: tunnel.publicKey"],
    [
      "certificates that are none",
      '{"is":"refused","why":"","certificates":"?"}',
      "the answer: certificates",
    ],
    ["too much", JSON.stringify({ is: "refused", why: "x".repeat(MAX_ANSWER_BYTES) }), "too long"],
  ])("is refused where it is %s", (_, said, words) => {
    expect(() => readAnswer(said)).toThrow(LeaseAnswerError);
    expect(() => readAnswer(said)).toThrow(words);
  });

  test("is refused where a host key would make another line of known_hosts", () => {
    for (const hostKey of ["ssh-ed25519 AAAA\n* ssh-ed25519 BBBB", "ssh-ed25519", "", "a b c"])
      expect(() => readNews(JSON.stringify({ is: "running", hostKey }))).toThrow(LeaseAnswerError);
  });

  test("of whatever text is refused, or is one of those that there are", () => {
    const is = fc.constantFrom("admitted", "queued", "refused", "done", "running", "waiting", "ended");
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ is, why: fc.jsonValue(), tunnel: fc.jsonValue(), hostKey: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        for (const read of [readAnswer, readCommandAnswer, readNews])
          try {
            read(text);
          } catch (error) {
            expect(error).toBeInstanceOf(LeaseAnswerError);
          }
      }),
    );
  });
});

describe("lines that are followed", () => {
  /** Bodies that are given one after the other; each may be said into. */
  function stand() {
    const time = new VirtualTime();
    const heard: string[] = [];
    const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
    const signals: AbortSignal[] = [];
    let failing = 0;
    const stop = followLines({
      open: async (signal) => {
        signals.push(signal);
        if (failing > 0) {
          failing -= 1;
          throw new Error("nobody answers");
        }
        return new ReadableStream({
          start: (controller) => {
            bodies.push(controller);
            signal.addEventListener("abort", () => controller.error(signal.reason));
          },
        });
      },
      line: (text) => {
        if (text === "bad") throw new Error("no such line");
        heard.push(text);
      },
      ...{ what: "lines", log: capturedLog().log, timers: time },
    });
    const say = async (text: string) => {
      bodies.at(-1)?.enqueue(new TextEncoder().encode(text));
      await settled();
    };
    return {
      ...{ time, heard, bodies, signals, stop, say },
      fail: (times: number) => {
        failing = times;
      },
    };
  }
  const settled = async () => {
    for (let turn = 0; turn < 20; turn += 1) await Bun.sleep(0);
  };

  test("are put together however they come", async () => {
    const { heard, say, stop } = stand();
    await settled();
    await say("on");
    await say("e\ntwo\n\nthr");
    await say("ee\n");
    expect(heard).toEqual(["one", "two", "", "three"]);
    stop();
  });

  test("are asked for anew after an end, a failure, a line that is none, and 50 s of silence", async () => {
    const { heard, say, bodies, time, fail, stop } = stand();
    await settled();
    const anew = async () => {
      const before = bodies.length;
      for (let tries = 0; tries < 10 && bodies.length === before; tries += 1) {
        time.advance(2_000);
        await settled();
      }
      expect(bodies.length).toBe(before + 1);
    };
    bodies.at(-1)?.close();
    await settled();
    fail(2);
    await anew();
    await say("bad\n");
    await anew();
    time.advance(49_000);
    await settled();
    await say("alive\n");
    time.advance(49_000);
    await settled();
    expect(bodies).toHaveLength(3);
    time.advance(2_000);
    await settled();
    await anew();
    await say("again\n");
    expect(heard).toEqual(["alive", "again"]);
    stop();
  });

  test("that have no end are not kept", async () => {
    const { say, bodies, time, heard, stop } = stand();
    await settled();
    await say("x".repeat(MAX_ANSWER_BYTES + 1));
    time.advance(2_000);
    await settled();
    expect(bodies).toHaveLength(2);
    expect(heard).toEqual([]);
    stop();
  });

  test("end when nobody wants them any more", async () => {
    const { signals, stop, time, bodies } = stand();
    await settled();
    stop();
    await settled();
    time.advance(100_000);
    await settled();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    expect(bodies).toHaveLength(1);
  });
});

test("a body is read up to what an answer may have, and no further", async () => {
  expect(await boundedBody(new Response(new Uint8Array(MAX_ANSWER_BYTES)))).toHaveLength(MAX_ANSWER_BYTES);
  await expect(boundedBody(new Response(new Uint8Array(MAX_ANSWER_BYTES + 1)))).rejects.toThrow("too long");
  expect(await boundedBody(new Response(null))).toHaveLength(0);
});
