import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Body,
  decodeBody,
  encodeBody,
  MAX_ACKED,
  MAX_PARTS,
  SHORT_ID_BYTES,
  URGENCIES,
} from "../../../../src/mesh/paths/body.ts";
import { addressBytes, addressText } from "../../../../src/mesh/paths/endpoint-code.ts";

const u8 = fc.nat({ max: 0xff });
const u16 = fc.nat({ max: 0xffff });
const u32 = fc.nat({ max: 0xffff_ffff });
const blob = fc.uint8Array({ minLength: 1, maxLength: 1_000 });
const shortId = fc.uint8Array({ minLength: SHORT_ID_BYTES, maxLength: SHORT_ID_BYTES });
const address = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .map((text) => addressText(addressBytes(text) ?? new Uint8Array(4)));
const observed = fc.record({ address, port: u16 });
const channel = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)),
  maxLength: 16,
});
const parts = fc
  .integer({ min: 1, max: MAX_PARTS })
  .chain((count) => fc.tuple(fc.nat({ max: count - 1 }), fc.constant(count)));

const bodies: fc.Arbitrary<Body> = fc.oneof(
  fc.record({ kind: fc.constant("proof" as const), path: u16, sequence: u32 }),
  fc.record({ kind: fc.constant("answer" as const), path: u16, sequence: u32 }),
  fc.record({ kind: fc.constant("answer" as const), path: u16, sequence: u32, observed }),
  fc
    .tuple(u32, u32, fc.constantFrom(...URGENCIES), parts, channel, blob)
    .map(([epoch, number, urgency, [part, count], name, body]) => ({
      kind: "control" as const,
      id: { epoch, number },
      urgency,
      part,
      count,
      channel: name,
      body,
    })),
  fc.record({
    kind: fc.constant("ack" as const),
    epoch: u32,
    numbers: fc.array(u32, { minLength: 1, maxLength: MAX_ACKED }),
  }),
  fc.record({ kind: fc.constant("forward" as const), to: shortId, datagram: blob }),
  fc.record({ kind: fc.constant("forwarded" as const), from: shortId, datagram: blob }),
  fc.record({ kind: fc.constant("unserved" as const), id: fc.record({ epoch: u32, number: u32 }) }),
  fc.constant({ kind: "goodbye" as const }),
  fc
    .tuple(u16, parts, fc.nat({ max: 1_200 }))
    .map(([train, [index, count], padding]) => ({ kind: "train" as const, train, index, count, padding })),
  fc.record({ kind: fc.constant("arrival" as const), train: u16, came: u8, bytes: u32, spreadUs: u32 }),
);

describe("a body", () => {
  test("comes out of its bytes as it went in", () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(decodeBody(encodeBody(body))).toEqual(body);
      }),
      { numRuns: 2_000 },
    );
  });

  test("that is decoded is encoded to the same bytes: there is one form", () => {
    fc.assert(
      fc.property(bodies, (body) => {
        const bytes = encodeBody(body);
        const again = decodeBody(bytes);
        expect(again && encodeBody(again)).toEqual(bytes);
      }),
    );
  });

  test("is not made of anything else, and nothing throws", () => {
    fc.assert(
      fc.property(u8, fc.uint8Array({ maxLength: 1_300 }), (kind, rest) => {
        const body = decodeBody(Uint8Array.of(kind, ...rest));
        if (kind === 0 || kind > 10) expect(body).toBeUndefined();
        if (body?.kind === "control") expect(body.channel.length).toBeLessThanOrEqual(16);
        if (body?.kind === "ack") expect(body.numbers.length).toBeLessThanOrEqual(MAX_ACKED);
      }),
      { numRuns: 5_000 },
    );
  });

  test("is not made of one that is cut short or too long, where its length is fixed", () => {
    for (const body of [
      { kind: "proof", path: 1, sequence: 2 },
      { kind: "goodbye" },
      { kind: "arrival", train: 1, came: 2, bytes: 3, spreadUs: 4 },
    ] satisfies Body[]) {
      const bytes = encodeBody(body);
      expect(decodeBody(bytes.subarray(0, -1))).toBeUndefined();
      expect(decodeBody(Uint8Array.of(...bytes, 0))).toBeUndefined();
    }
  });
});

describe("an address", () => {
  test("has the one form of RFC 5952", () => {
    for (const [text, form] of [
      ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
      ["2001:db8::0001", "2001:db8::1"],
      ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
      ["::", "::"],
      ["::1", "::1"],
      ["fe80::1%eth0", "fe80::1"],
      ["::ffff:192.0.2.1", "192.0.2.1"],
      ["192.0.2.1", "192.0.2.1"],
    ] as const)
      expect(addressText(addressBytes(text) ?? new Uint8Array(4))).toBe(form);
  });

  test("is none where it is no IP address", () => {
    for (const text of ["", "box.example", "1.2.3", "1.2.3.4.5", ":::", "fe80::g"])
      expect(addressBytes(text)).toBeUndefined();
  });
});
