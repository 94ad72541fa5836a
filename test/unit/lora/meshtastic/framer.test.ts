import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { encodeFrame, MAX_FRAME_PAYLOAD } from "../../../../src/lora/meshtastic/frame.ts";
import { Framer } from "../../../../src/lora/meshtastic/framer.ts";
import { fromRadioRules } from "../../../../src/lora/meshtastic/from-radio-rules.ts";
import {
  type FromRadio,
  FromRadioSchema,
  Port,
} from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";

/** A frame as the firmware sends it for a packet from the air. */
function packetFrame(id: number, payload: Uint8Array): Uint8Array {
  return encodeFrame(
    toBinary(
      FromRadioSchema,
      create(FromRadioSchema, {
        id,
        content: {
          case: "packet",
          value: {
            from: 0x11223344,
            to: 0xffffffff,
            id,
            content: { case: "decoded", value: { port: Port.PRIVATE, payload, flags: 0 } },
          },
        },
      }),
    ),
  );
}

const frameOf = (content: FromRadio["content"]): Uint8Array =>
  encodeFrame(toBinary(FromRadioSchema, create(FromRadioSchema, { content })));

const idOf = (message: FromRadio): number | undefined =>
  message.content.case === "packet" ? message.content.value.id : undefined;

const payloadOf = (message: FromRadio): Uint8Array | undefined =>
  message.content.case === "packet" && message.content.value.content.case === "decoded"
    ? message.content.value.content.value.payload
    : undefined;

function listening() {
  const messages: FromRadio[] = [];
  const framer = new Framer({ rules: fromRadioRules, onMessage: (message) => messages.push(message) });
  return { framer, messages, ids: () => messages.map(idOf) };
}

const joined = (...parts: (Uint8Array | number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

const payload = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 0xff);

describe("the framer", () => {
  test.each([
    ["a stray 94", [0x94]],
    ["many stray 94", Array(9).fill(0x94)],
    ["a stray 94 C3", [0x94, 0xc3]],
    ["half a header", [0x94, 0xc3, 0x01]],
    ["the wake-up bytes", Array(32).fill(0xc3)],
    ["a length of 65535", [0x94, 0xc3, 0xff, 0xff]],
    ["a length of 513", [0x94, 0xc3, 0x02, 0x01]],
    ["a length of 0", [0x94, 0xc3, 0x00, 0x00]],
    ["boot text", [...new TextEncoder().encode("rst:0x1 (POWERON_RESET)\r\nDEBUG | booting > now\r\n")]],
    ["half a frame that was cut off", [...packetFrame(99, payload(40)).subarray(0, 20)]],
  ])("loses no frame behind %s", (_, noise) => {
    const { framer, ids } = listening();
    framer.push(
      joined(packetFrame(1, payload(20)), noise, packetFrame(2, payload(30)), packetFrame(3, payload(5))),
    );
    expect(ids()).toEqual([1, 2, 3]);
  });

  test("loses no frame behind one whose end was cut off so that it takes the next one's start for it", () => {
    for (let cut = 1; cut < 30; cut++) {
      const { framer, ids } = listening();
      framer.push(packetFrame(99, payload(40)).subarray(0, -cut));
      framer.push(joined(packetFrame(2, payload(30)), packetFrame(3, payload(5))));
      expect(ids().slice(-2)).toEqual([2, 3]);
    }
  });

  test("is not led astray by a payload that promises a long frame", () => {
    const { framer, ids } = listening();
    // Nothing in a module's configuration would tell that it is none.
    const promise = [0x94, 0xc3, 0x01, 0xe4, 0x4a, 0xe1, 0x03];
    const frames = Array.from({ length: 12 }, (_, i) => packetFrame(i, Uint8Array.from(promise)));
    for (const frame of frames) framer.push(frame);
    expect(ids()).toEqual(frames.map((_, i) => i));
  });

  test("takes a payload that holds 94 C3, or even the start of a frame, for what it is", () => {
    const { framer, messages, ids } = listening();
    const tricky = joined([0x94, 0xc3], payload(10), packetFrame(7, payload(60)).subarray(0, 50));
    framer.push(joined(packetFrame(1, tricky), packetFrame(2, tricky)));
    expect(ids()).toEqual([1, 2]);
    expect(payloadOf(messages[0] as FromRadio)).toEqual(tricky);
  });

  test("finds the frames that noise which looks like a header would swallow, at once where its first bytes tell", () => {
    const { framer, ids } = listening();
    framer.push(joined([0x94, 0xc3, 0x01, 0x80], packetFrame(1, payload(50)), packetFrame(2, payload(60))));
    expect(ids()).toEqual([1, 2]);
  });

  test("finds them later where noise begins like a frame that is still to come, once nothing more comes", () => {
    const { framer, ids } = listening();
    // A log record of 300 bytes, of which nothing but the beginning is there.
    const begun = [0x94, 0xc3, 0x01, 0x2f, 0x32, 0xac, 0x02, 0x0a, 0xa9, 0x02];
    framer.push(joined(begun, packetFrame(1, payload(50)), packetFrame(2, payload(60))));
    expect(ids()).toEqual([]);
    framer.settle();
    expect(ids()).toEqual([1, 2]);
    expect(framer.isWaiting).toBe(false);
    framer.push(packetFrame(3, payload(3)));
    expect(ids()).toEqual([1, 2, 3]);
  });

  test("finds them without a pause as well, once what was promised is there and is no message", () => {
    const { framer, ids } = listening();
    // A packet from the air of 300 bytes, whose second field has a type that there is not.
    const begun = [0x94, 0xc3, 0x01, 0x2f, 0x12, 0xac, 0x02, 0x0d, 1, 2, 3, 4, 0x17];
    const frames = Array.from({ length: 12 }, (_, i) => packetFrame(i, payload(30)));
    framer.push(joined(begun, ...frames));
    expect(ids()).toEqual(frames.map((_, i) => i));
  });

  test("keeps half a frame over a pause, as a network may send it", () => {
    const { framer, ids } = listening();
    const frame = packetFrame(1, payload(200));
    framer.push(frame.subarray(0, 100));
    framer.settle();
    expect(framer.isWaiting).toBe(true);
    framer.push(frame.subarray(100));
    expect(ids()).toEqual([1]);
  });

  test("finds every frame however the stream is cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 233 }), { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 1, maxLength: 20 }),
        (payloads, cuts) => {
          const { framer, messages } = listening();
          const stream = joined(...payloads.map((bytes, i) => packetFrame(i + 1, bytes)));
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length] ?? 1;
            framer.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(messages.map(payloadOf)).toEqual(payloads);
          expect(framer.noiseBytes).toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });

  test("counts what was in no frame", () => {
    const { framer } = listening();
    framer.push(
      joined([1, 2, 3, 0x94], packetFrame(1, payload(9)), [0x94, 0xc3, 0xff], packetFrame(2, payload(9))),
    );
    expect(framer.noiseBytes).toBe(7);
  });

  test("passes on what it does not know, and takes the largest frame", () => {
    const { framer, messages } = listening();
    // Field 19 came with firmware 2.8.
    framer.push(encodeFrame(Uint8Array.of(0x9a, 0x01, 0x02, 0x08, 0x01)));
    expect(messages.map(({ content }) => content.case)).toEqual([undefined]);
    const text = MAX_FRAME_PAYLOAD - 6;
    const record = [0x32, 0xfd, 0x03, 0x0a, (text & 0x7f) | 0x80, text >> 7];
    const largest = encodeFrame(joined(record, Array(text).fill(0x41)));
    framer.push(largest.subarray(0, 300));
    framer.push(largest.subarray(300));
    expect(messages).toHaveLength(2);
  });
});

/** Noise that is full of what frames begin with. */
const SPITEFUL = [0x94, 0xc3, 0x00, 0x01, 0x02, 0x0d, 0x12, 0x3a, 0x20, 0x94, 0xc3, 0xff];

function noiseBlock(random: () => number, length: number): Uint8Array {
  const isSpiteful = random() < 0.5;
  return Uint8Array.from({ length }, () =>
    isSpiteful ? (SPITEFUL[Math.floor(random() * SPITEFUL.length)] ?? 0) : Math.floor(random() * 256),
  );
}

describe("ten million bytes of noise between good frames", () => {
  test("lose none of them, in order, and are never held", () => {
    const random = seededRandom(20260701);
    const { framer, messages } = listening();
    let noise = 0;
    let sent = 0;
    while (noise < 10_000_000) {
      const length = Math.floor(random() * 4_000);
      framer.push(noiseBlock(random, length));
      noise += length;
      framer.push(packetFrame(++sent, payload(1 + Math.floor(random() * 230))));
      // As a pause on the line.
      if (random() < 0.2) framer.settle();
    }
    framer.settle();
    const own = messages.filter(
      (message) => message.content.case === "packet" && message.content.value.from === 0x11223344,
    );
    expect(own.map(idOf)).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
    expect(sent).toBeGreaterThan(4_000);
    expect(framer.noiseBytes).toBeGreaterThan(9_900_000);
  }, 15_000);
});

describe("a frame", () => {
  test("of no or too many bytes is refused", () => {
    expect(() => encodeFrame(new Uint8Array())).toThrow("payload: 0 bytes, not 1 to 512");
    expect(() => encodeFrame(new Uint8Array(513))).toThrow("payload: 513 bytes, not 1 to 512");
  });

  test("for a short message is four bytes longer", () => {
    expect(frameOf({ case: "rebooted", value: true })).toEqual(Uint8Array.of(0x94, 0xc3, 0, 2, 0x40, 1));
  });
});
