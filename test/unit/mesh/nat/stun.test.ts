import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ATTRIBUTE,
  decodeStun,
  encodeStun,
  isStun,
  MAX_STUN_BYTES,
  mappedAddressOf,
  type StunMessage,
  unknownRequired,
  xorMappedAddress,
} from "../../../../src/mesh/nat/stun.ts";

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

/** RFC 5769, 2.1 to 2.3. */
const REQUEST = bytes(
  "00010058 2112a442 b7e7a701bc34d686fa87dfae 80220010 5354554e207465737420636c69656e74 00240004 6e0001ff" +
    "80290008 932ff9b151263b36 00060009 6576746a3a68367659202020 00080014 9aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004 e57a3bcf",
);
const RESPONSE_4 = bytes(
  "0101003c 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200008 0001a147e112a643" +
    "00080014 2b91f599fd9e90c38c7489f92af9ba53f06be7d7 80280004 c07d4c96",
);
const RESPONSE_6 = bytes(
  "01010048 2112a442 b7e7a701bc34d686fa87dfae 8022000b 7465737420766563746f7220 00200014 0002a1470113a9faa5d3f179bc25f4b5bed2b9d9" +
    "00080014 a382954e4be67bf11784c97c8292c275bfe3ed41 80280004 c8fb0b4c",
);

const someMessage: fc.Arbitrary<StunMessage> = fc.record({
  class: fc.constantFrom("request", "indication", "success", "error"),
  method: fc.integer({ min: 0, max: 0xfff }),
  transactionId: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  attributes: fc.array(
    fc.record({
      type: fc.integer({ min: 0, max: 0xffff }).filter((type) => type !== ATTRIBUTE.FINGERPRINT),
      value: fc.uint8Array({ maxLength: 40 }),
    }),
    { maxLength: 8 },
  ),
});
const someAddress = fc.oneof(
  fc.ipV4(),
  fc.constantFrom("2001:db8::1", "fe80::1", "2001:db8:1:2:3:4:5:6", "::1"),
);

describe("STUN", () => {
  test("reads the samples of RFC 5769", () => {
    const request = decodeStun(REQUEST);
    expect(request).toMatchObject({ class: "request", method: 1 });
    expect(request?.attributes.map(({ type }) => type)).toEqual([
      0x8022, 0x0024, 0x8029, 0x0006, 0x0008, 0x8028,
    ]);
    expect(unknownRequired(request as StunMessage)).toEqual([0x0024]);
    expect(mappedAddressOf(decodeStun(RESPONSE_4) as StunMessage)).toEqual({
      address: "192.0.2.1",
      port: 32_853,
    });
    expect(mappedAddressOf(decodeStun(RESPONSE_6) as StunMessage)).toEqual({
      address: "2001:db8:1234:5678:11:2233:4455:6677",
      port: 32_853,
    });
  });

  test("refuses every sample of RFC 5769 with one bit turned over", () => {
    for (const sample of [REQUEST, RESPONSE_4, RESPONSE_6]) {
      for (let bit = 0; bit < sample.length * 8; bit += 1) {
        const wrong = sample.slice();
        wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const read = decodeStun(wrong);
        // A fingerprint whose own type is changed is no fingerprint any more; then the message is one without.
        if (read) expect(read.attributes.some(({ type }) => type === ATTRIBUTE.FINGERPRINT)).toBe(false);
      }
    }
  });

  test("comes back as it was sent, with and without fingerprint", () => {
    fc.assert(
      fc.property(someMessage, fc.boolean(), (message, withFingerprint) => {
        const datagram = encodeStun(message, withFingerprint);
        expect(isStun(datagram)).toBe(true);
        if (datagram.length > MAX_STUN_BYTES) return;
        const read = decodeStun(datagram);
        const attributes = read?.attributes.filter(({ type }) => type !== ATTRIBUTE.FINGERPRINT);
        expect<unknown>({ ...read, attributes }).toEqual(message);
      }),
    );
  });

  test("tells every address and port", () => {
    fc.assert(
      fc.property(
        someAddress,
        fc.nat(65_535),
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        (address, port, transactionId) => {
          const attributes = [xorMappedAddress({ address, port }, transactionId)];
          const message = decodeStun(
            encodeStun({ class: "success", method: 1, transactionId, attributes }, true),
          );
          expect(mappedAddressOf(message as StunMessage)).toEqual({ address, port });
        },
      ),
    );
  });

  test("reads any bytes without throwing, and nothing that is too long", () => {
    const framed = fc.uint8Array({ maxLength: 600 }).map((body) => {
      const cut = body.slice(0, body.length & ~3);
      const datagram = new Uint8Array(20 + cut.length);
      new DataView(datagram.buffer).setUint32(4, 0x2112_a442);
      new DataView(datagram.buffer).setUint16(2, cut.length);
      datagram.set(cut, 20);
      return datagram;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), framed), (datagram) => {
        const read = decodeStun(datagram);
        if (read) mappedAddressOf(read);
        if (datagram.length > MAX_STUN_BYTES) expect(read).toBe(undefined);
      }),
      { numRuns: 2_000 },
    );
  });

  test("leaves sealed datagrams of the mesh and of WireGuard to others", () => {
    expect(isStun(Uint8Array.from({ length: 64 }, () => 0xc1))).toBe(false);
    expect(isStun(Uint8Array.from([1, 0, 0, 0, ...new Array<number>(144).fill(7)]))).toBe(false);
    expect(isStun(new Uint8Array(0))).toBe(false);
  });
});
