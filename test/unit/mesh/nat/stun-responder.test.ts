import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import {
  ATTRIBUTE,
  decodeStun,
  encodeStun,
  hasAttribute,
  mappedAddressOf,
  type StunAttribute,
  type StunMessage,
} from "../../../../src/mesh/nat/stun.ts";
import { StunResponder } from "../../../../src/mesh/nat/stun-responder.ts";
import type { Endpoint } from "../../../../src/mesh/paths/endpoint.ts";
import { StunInquiry } from "./stun-inquiry.ts";

const CLIENT: Endpoint = { address: "192.0.2.7", port: 40_000 };
const SERVER: Endpoint = { address: "198.51.100.1", port: 4600 };
const request = (
  attributes: StunAttribute[] = [],
  more: Partial<StunMessage> = {},
  withFingerprint = false,
) =>
  encodeStun(
    { class: "request", method: 1, transactionId: randomBytes(12), attributes, ...more },
    withFingerprint,
  );

function responder() {
  const time = new VirtualTime();
  const sent: { datagram: Uint8Array; to: Endpoint }[] = [];
  const desk = new StunResponder({ timers: time, send: (datagram, to) => void sent.push({ datagram, to }) });
  return { time, sent, desk, last: () => decodeStun(sent.at(-1)?.datagram ?? new Uint8Array()) };
}

describe("the STUN server", () => {
  test("tells each client where its request came from, with a fingerprint for those who use one", () => {
    const { desk, sent, last } = responder();
    expect(desk.take(request(), CLIENT)).toBe(true);
    expect(sent[0]?.to).toEqual(CLIENT);
    expect(mappedAddressOf(last() as StunMessage)).toEqual(CLIENT);
    expect(hasAttribute(last() as StunMessage, ATTRIBUTE.FINGERPRINT)).toBe(false);
    desk.take(request([], {}, true), { address: "::ffff:192.0.2.8", port: 9 });
    expect(mappedAddressOf(last() as StunMessage)).toEqual({ address: "192.0.2.8", port: 9 });
    expect(hasAttribute(last() as StunMessage, ATTRIBUTE.FINGERPRINT)).toBe(true);
    desk.take(request(), { address: "fe80::7%eth0", port: 9 });
    expect(mappedAddressOf(last() as StunMessage)).toEqual({ address: "fe80::7", port: 9 });
  });

  test("answers 420 with the types that it does not know and should, and passes over those that it need not know", () => {
    const { desk, last } = responder();
    const value = new Uint8Array(4);
    desk.take(
      request([
        { type: 0x8022, value },
        { type: 0x0003, value },
        { type: 0x0024, value },
        { type: 0x0003, value },
      ]),
      CLIENT,
    );
    const answer = last();
    expect(answer?.class).toBe("error");
    const bytesOf = (type: number) => [
      ...(answer?.attributes.find((attribute) => attribute.type === type)?.value ?? []),
    ];
    expect(bytesOf(ATTRIBUTE.ERROR_CODE)).toEqual([0, 0, 4, 20]);
    expect(bytesOf(ATTRIBUTE.UNKNOWN_ATTRIBUTES)).toEqual([0, 3, 0, 0x24]);
    desk.take(request([{ type: 0x8022, value }]), CLIENT);
    expect(last()?.class).toBe("success");
  });

  test("answers neither indications nor other methods nor what is malformed, and leaves answers and other datagrams to others", () => {
    const { desk, sent } = responder();
    expect(desk.take(request([], { class: "indication" }), CLIENT)).toBe(true);
    expect(desk.take(request([], { method: 3 }), CLIENT)).toBe(true);
    const broken = request([{ type: 0x8022, value: new Uint8Array(4) }]);
    broken[23] = 200;
    expect(desk.take(broken, CLIENT)).toBe(true);
    expect(desk.take(request([], { class: "success" }), CLIENT)).toBe(false);
    expect(desk.take(new Uint8Array(100).fill(0xc1), CLIENT)).toBe(false);
    expect(sent).toEqual([]);
  });

  test("is no amplifier: forged requests bring their victim four small answers a second", () => {
    const { desk, sent, time } = responder();
    for (let ms = 0; ms < 10_000; ms += 1) {
      desk.take(request(), { address: "192.0.2.66", port: ms });
      time.advance(1);
    }
    expect(sent.length).toBeLessThanOrEqual(12 + 40);
    expect(Math.max(...sent.map(({ datagram }) => datagram.length))).toBeLessThanOrEqual(44);
    // Somebody else is answered all the while.
    desk.take(request(), CLIENT);
    expect(sent.at(-1)?.to).toEqual(CLIENT);
  });

  test("answers at most 200 a second when everybody asks, however many they are", () => {
    const { desk, sent, time } = responder();
    for (let source = 0; source < 20_000; source += 1) {
      desk.take(request(), { address: `10.${source >> 16}.${(source >> 8) & 255}.${source & 255}`, port: 1 });
      if (source % 20 === 0) time.advance(1);
    }
    expect(sent.length).toBeLessThanOrEqual(200 + 200);
    expect(sent.length).toBeGreaterThan(100);
  });

  test("survives any datagram", () => {
    const { desk, time } = responder();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (body, isFramed) => {
        const datagram = isFramed ? request([{ type: 0x7fff, value: body }]) : body;
        desk.take(datagram, CLIENT);
        time.advance(1_000);
      }),
    );
  });
});

describe("asking a STUN server", () => {
  function asking(answers: (datagram: Uint8Array) => boolean) {
    const time = new VirtualTime();
    const asked: number[] = [];
    const server = new StunResponder({
      timers: time,
      send: (datagram) => void inquiry.take(datagram, SERVER),
    });
    const inquiry = new StunInquiry({
      timers: time,
      randomBytes,
      send: (datagram) => {
        asked.push(time.monotonicMs());
        if (answers(datagram)) server.take(datagram, CLIENT);
      },
    });
    return { time, asked, inquiry };
  }

  test("brings what it sees, also when the first two requests are lost", async () => {
    let lost = 0;
    const { time, asked, inquiry } = asking(() => ++lost > 2);
    const seen = inquiry.ask(SERVER);
    time.advance(5_000);
    expect(await seen).toEqual(CLIENT);
    expect(asked).toEqual([0, 500, 1_500]);
  });

  test("ends after three and a half seconds without an answer", async () => {
    const { time, asked, inquiry } = asking(() => false);
    const seen = inquiry.ask(SERVER);
    time.advance(3_500);
    expect(await seen).toBe(undefined);
    expect([asked.length, time.waiting]).toEqual([3, 0]);
  });

  test("takes no answer from somebody else, nor one that it did not ask for", async () => {
    const asked: Uint8Array[] = [];
    const time = new VirtualTime();
    const inquiry = new StunInquiry({
      timers: time,
      randomBytes,
      send: (datagram) => void asked.push(datagram),
    });
    const seen = inquiry.ask(SERVER);
    const forged: Uint8Array[] = [];
    new StunResponder({ timers: time, send: (datagram) => void forged.push(datagram) }).take(
      asked[0] ?? new Uint8Array(),
      { address: "203.0.113.9", port: 1 },
    );
    expect(inquiry.take(forged[0] ?? new Uint8Array(), { ...SERVER, port: 1 })).toBe(false);
    expect(inquiry.take(request([], { class: "success" }), SERVER)).toBe(false);
    inquiry.stop();
    expect(await seen).toBe(undefined);
  });
});
