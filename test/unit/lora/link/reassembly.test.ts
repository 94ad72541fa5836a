import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { type DataFrame, encodeFrame, type Holding } from "../../../../src/lora/link/frame.ts";
import { type Arrived, Link } from "../../../../src/lora/link/index.ts";
import { join, maxMessageBytes, split } from "../../../../src/lora/link/pieces.ts";
import { Reassembly } from "../../../../src/lora/link/reassembly.ts";
import { SeenMessages } from "../../../../src/lora/link/seen-messages.ts";
import type { Received } from "../../../../src/lora/radio.ts";
import { HandCarrier } from "./hand-carrier.ts";

const piece = (of: Partial<DataFrame>): DataFrame => ({
  kind: "data",
  source: 7,
  destination: 1,
  message: 1,
  index: 0,
  count: 1,
  isCoded: false,
  wantsReport: false,
  body: new Uint8Array(240),
  ...of,
});

/** A message's frames. */
function framesOf(message: Uint8Array, of: Partial<DataFrame> = {}): DataFrame[] {
  const bodies = split(message, 255);
  return bodies.map((body, index) => piece({ ...of, index, count: bodies.length, body }));
}

describe("the pieces of a message", () => {
  test("make it again, whatever its length and the frames' size", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4_000 }), fc.integer({ min: 40, max: 255 }), (message, size) => {
        const pieces = split(message, size);
        for (const one of pieces) expect(one.length).toBeLessThanOrEqual(size - (pieces.length > 1 ? 11 : 9));
        expect(join(pieces)).toEqual(message);
      }),
    );
  });

  test("are at most 255, by the length that is said to be the largest", () => {
    for (const size of [50, 200, 255]) {
      const most = maxMessageBytes(size);
      expect(split(new Uint8Array(most), size).length).toBe(255);
      expect(split(new Uint8Array(most + 1), size).length).toBe(256);
    }
  });

  test("make nothing when one is another message's", () => {
    const pieces = split(new Uint8Array(900).fill(1), 255);
    pieces[1] = (pieces[1] ?? new Uint8Array()).map((byte) => byte ^ 1);
    expect(join(pieces)).toBeUndefined();
  });
});

describe("reassembly", () => {
  test("gives a message once, in whatever order and however often its pieces come", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 300, maxLength: 3_000 }),
        fc.array(fc.nat(), { maxLength: 60 }),
        (message, order) => {
          const reassembly = new Reassembly(() => 0);
          const frames = framesOf(message);
          const inOrder = [
            ...order.map((at) => frames[at % frames.length] ?? piece({})),
            ...frames,
            ...frames,
          ];
          const whole = inOrder
            .map((frame) => reassembly.take(frame))
            .filter(({ state }) => state === "whole");
          expect(whole).toEqual([{ state: "whole", message }]);
          expect(reassembly.held).toEqual({ partials: 0, bytes: 0 });
        },
      ),
    );
  });

  test("stays within its bounds under a flood of first pieces, and still finishes what it had begun", () => {
    const reassembly = new Reassembly(() => 0);
    const message = new Uint8Array(2_000).fill(3);
    const frames = framesOf(message, { source: 9 });
    for (const frame of frames.slice(0, 4)) reassembly.take(frame);
    for (let forged = 0; forged < 20_000; forged += 1) {
      reassembly.take(piece({ source: 1 + (forged % 16_000), message: forged & 0xffff, count: 255 }));
    }
    expect(reassembly.held.partials).toBeLessThanOrEqual(64);
    expect(reassembly.held.bytes).toBeLessThanOrEqual(1_048_576);
    const last = frames.slice(4).map((frame) => reassembly.take(frame));
    expect(last.at(-1)).toEqual({ state: "whole", message });
  });

  test("begins anew when the source cuts a message otherwise, for another radio, and still gives it once", () => {
    const reassembly = new Reassembly(() => 0);
    const message = new Uint8Array(2_000).map((_, index) => index);
    for (const frame of framesOf(message).slice(0, 5)) reassembly.take(frame);
    const bodies = split(message, 100);
    const taken = bodies.map((body, index) => reassembly.take(piece({ index, count: bodies.length, body })));
    expect(taken.at(-1)).toEqual({ state: "whole", message });
    for (const frame of framesOf(message)) expect(reassembly.take(frame)).toEqual({ state: "known" });
    expect(reassembly.held).toEqual({ partials: 0, bytes: 0 });
  });

  test("is not thrown off by a forged piece of another shape", () => {
    const reassembly = new Reassembly(() => 0);
    const message = new Uint8Array(2_000).fill(9);
    const [first, ...others] = framesOf(message);
    const forged = [piece({ index: 1, count: 3 }), piece({ index: 0, count: 9, isCoded: true })];
    const taken = [forged[0], first, forged[1], ...others].map((frame) =>
      reassembly.take(frame ?? piece({})),
    );
    expect(taken.at(-1)).toEqual({ state: "whole", message });
    expect(reassembly.held).toEqual({ partials: 0, bytes: 0 });
  });

  test("takes a message with an old number for a new one after 8 days, however often the old one came", () => {
    let nowMs = 0;
    const day = 86_400_000;
    const reassembly = new Reassembly(() => nowMs);
    const states = [0, 3, 7, 8, 8.01, 9].map((days) => {
      nowMs = days * day;
      return reassembly.take(piece({})).state;
    });
    expect(states).toEqual(["whole", "known", "known", "known", "whole", "known"]);
    expect(reassembly.holding(7, 1)).toEqual({ message: 1, isWhole: true });
    nowMs = 20 * day;
    expect(reassembly.holding(7, 1)).toMatchObject({ isWhole: false, count: 0 });
  });

  test("remembers no more than 4,096 messages, those that came last", () => {
    const seen = new SeenMessages(() => 0);
    const reassembly = new Reassembly(() => 0, seen);
    for (let message = 0; message < 5_000; message += 1) reassembly.take(piece({ message }));
    expect(seen.size).toBe(4_096);
    expect(reassembly.take(piece({ message: 4_999 })).state).toBe("known");
    expect(reassembly.take(piece({ message: 0 })).state).toBe("whole");
  });

  test("wants no more of a message that another link of the box has made whole", () => {
    const seen = new SeenMessages(() => 0);
    const [one, other] = [new Reassembly(() => 0, seen), new Reassembly(() => 0, seen)];
    const frames = framesOf(new Uint8Array(900).fill(5), { destination: undefined });
    const begun = one.take(frames[0] ?? piece({}));
    for (const frame of frames) other.take(frame);
    if (begun.state !== "partial") throw new Error(begun.state);
    expect(one.isHeld(begun.partial)).toBe(false);
    expect(one.take(frames[1] ?? piece({}))).toEqual({ state: "known" });
    expect(one.held).toEqual({ partials: 0, bytes: 0 });
  });

  test("forgets what has not grown for an hour when it needs the room", () => {
    let nowMs = 0;
    const reassembly = new Reassembly(() => nowMs);
    reassembly.take(piece({ count: 3 }));
    nowMs = 3_600_001;
    reassembly.take(piece({ message: 2, count: 3 }));
    expect(reassembly.held.partials).toBe(1);
  });
});

describe("two links of one box that hear the same air", () => {
  test("give each message once, and both say that it is there", () => {
    const time = new VirtualTime();
    const seen = new SeenMessages(() => time.monotonicMs());
    const arrived: Arrived[] = [];
    const carriers = [0, 1].map(() => {
      const options = { address: 1, timers: time, random: () => 0.5, nextNumber: () => 0, seen };
      const link = new Link(options);
      const carrier = new HandCarrier();
      link.on("message", (one) => arrived.push(one));
      link.attach(carrier);
      return carrier;
    });
    const short = piece({ message: 3, wantsReport: true, body: new Uint8Array(20) });
    const bodies = [new Uint8Array(30), new Uint8Array(30).fill(1)];
    const unnumbered = bodies.map((body) => piece({ destination: undefined, isUnnumbered: true, body }));
    const frames = [...framesOf(new Uint8Array(900), { message: 4 }), short, ...unnumbered];
    for (const frame of frames) for (const carrier of carriers) carrier.hear(frame);
    expect(arrived.map(({ payload }) => payload.length)).toEqual([900, 20, 30, 30]);
    for (const carrier of carriers) {
      const report = carrier.leave();
      if (report?.kind !== "report") throw new Error("no report");
      expect(report.holdings).toContainEqual({ message: 3, isWhole: true });
    }
  });
});

describe("a link that hears anything at all", () => {
  test("never throws, never grows without bound, and gives only whole messages", () => {
    const time = new VirtualTime();
    const link = new Link({ address: 1, timers: time, random: () => 0.5, nextNumber: () => 0 });
    let hear = (_: Received) => {};
    const arrived: Arrived[] = [];
    link.on("message", (one) => arrived.push(one));
    link.attach({
      maxFrameBytes: 255,
      airtimeMs: (bytes) => bytes,
      etaMs: (airtimeMs) => airtimeMs,
      send: () => () => {},
      onFrame: (listener) => {
        hear = listener;
        return () => {};
      },
    });
    const rest = { from: undefined, to: undefined, rssiDbm: -100, snrDb: 1, hops: 0 };
    const frame = fc.oneof(
      fc.uint8Array({ maxLength: 255 }),
      fc
        .record({
          source: fc.integer({ min: 1, max: 400 }),
          destination: fc.constantFrom(1, 2, undefined),
          message: fc.integer({ min: 0, max: 5 }),
          count: fc.integer({ min: 1, max: 255 }),
          wantsReport: fc.boolean(),
          isCoded: fc.boolean(),
        })
        .map((of) => encodeFrame(piece({ ...of, index: of.message % of.count }))),
      fc
        .record({ source: fc.integer({ min: 1, max: 400 }), base: fc.integer({ min: 0, max: 250 }) })
        .map(({ source, base }) => {
          const holding: Holding = { message: 0, isWhole: false, count: 255, base, beyond: [true] };
          return encodeFrame({ kind: "report", source, destination: 1, holdings: [holding] });
        }),
      fc
        .record({ source: fc.integer({ min: 1, max: 400 }), message: fc.integer({ min: 0, max: 65_535 }) })
        .map((of) => encodeFrame({ kind: "question", destination: 1, ...of })),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 200 }), (payloads) => {
        for (const payload of payloads) hear({ ...rest, payload });
        time.advance(1_000);
        expect(link.neighbours.all().length).toBeLessThanOrEqual(256);
      }),
      { numRuns: 200 },
    );
    for (const { payload } of arrived) expect(payload.length).toBeLessThanOrEqual(65_536);
  });
});
