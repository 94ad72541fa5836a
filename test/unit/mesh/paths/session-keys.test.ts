import { describe, expect, test } from "bun:test";
import { encode } from "cborg";
import fc from "fast-check";
import { deriveSessionKeys, type SessionShare } from "../../../../src/mesh/paths/session-keys.ts";
import {
  decodeSessionOffer,
  encodeSessionOffer,
  MAX_OFFER_BYTES,
  MAX_OFFERED_ENDPOINTS,
  SessionOfferError,
} from "../../../../src/mesh/paths/session-offer.ts";

const shareOf = (peer: string, index: number, byte: number): SessionShare => ({
  peer,
  index,
  share: new Uint8Array(32).fill(byte),
});
const a = shareOf("12D3KooWA", 1, 0xaa);
const b = shareOf("12D3KooWB", 2, 0xbb);

describe("session keys", () => {
  test("fit each other, and each direction has its own", () => {
    const [atA, atB] = [deriveSessionKeys(a, b), deriveSessionKeys(b, a)];
    expect(atA.sendKey).toEqual(atB.receiveKey);
    expect(atB.sendKey).toEqual(atA.receiveKey);
    expect(atA.sendKey).not.toEqual(atA.receiveKey);
    expect([atA.localIndex, atA.remoteIndex]).toEqual([1, 2]);
    expect([atB.localIndex, atB.remoteIndex]).toEqual([2, 1]);
  });

  test("are others as soon as anything that was agreed on is another", () => {
    const all = [
      [a, b],
      [a, shareOf("12D3KooWB", 2, 0xbc)],
      [a, shareOf("12D3KooWB", 3, 0xbb)],
      [a, shareOf("12D3KooWC", 2, 0xbb)],
      [shareOf("12D3KooWA", 1, 0xab), b],
      [shareOf("12D3KooWA", 2, 0xaa), b],
    ] as const;
    const keys = all.flatMap(([one, other]) => {
      const { sendKey, receiveKey } = deriveSessionKeys(one, other);
      return [sendKey, receiveKey].map((key) => Buffer.from(key).toString("hex"));
    });
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("stay what they are: the same as from HKDF written anew (RFC 5869)", () => {
    expect(Buffer.from(deriveSessionKeys(a, b).sendKey).toString("hex")).toBe(
      "9e6863ecb7bb0afe81e794dda279c84a9938d22a211e9051d05baf2662bf51f5",
    );
  });

  test("are not made with oneself, nor of a share that is too short", () => {
    expect(() => deriveSessionKeys(a, a)).toThrow(RangeError);
    expect(() => deriveSessionKeys(a, { ...b, share: new Uint8Array(31) })).toThrow(RangeError);
  });
});

describe("an offer of a session", () => {
  const offer = {
    index: 0xffff_ffff,
    share: new Uint8Array(32).fill(9),
    endpoints: [
      { address: "192.0.2.1", port: 7_000 },
      { address: "2001:db8::1", port: 1 },
    ],
    lora: 0xff_ffff,
    relays: true,
  };

  test("comes out of its bytes as it went in", () => {
    expect(decodeSessionOffer(encodeSessionOffer(offer))).toEqual(offer);
    const { lora: _, ...without } = offer;
    expect(decodeSessionOffer(encodeSessionOffer(without))).toEqual(without);
  });

  test("fits its bound with as many endpoints as there may be", () => {
    const endpoint = { address: "2001:db8:1111:2222:3333:4444:5555:6666", port: 65_535 };
    const bytes = encodeSessionOffer({ ...offer, endpoints: new Array(40).fill(endpoint) });
    expect(bytes.length).toBeLessThanOrEqual(MAX_OFFER_BYTES);
    expect(decodeSessionOffer(bytes).endpoints.length).toBe(MAX_OFFERED_ENDPOINTS);
  });

  test("leaves out endpoints that mean nothing here", () => {
    const told = [
      ["fe80::1%eth0", 7],
      ["box.example", 7],
      ["192.0.2.7", 7],
    ];
    const bytes = encode([1, 5, offer.share, told, null, false]);
    expect(decodeSessionOffer(bytes).endpoints).toEqual([{ address: "192.0.2.7", port: 7 }]);
  });

  test("is refused with the field that is wrong", () => {
    const refused = (value: unknown) => () => decodeSessionOffer(encode(value));
    expect(refused([2, 5, offer.share, [], null, false])).toThrow(/offer\[0\]/);
    expect(refused([1, -1, offer.share, [], null, false])).toThrow(/offer\[1\]/);
    expect(refused([1, 5, new Uint8Array(31), [], null, false])).toThrow(/offer\[2\]/);
    expect(refused([1, 5, offer.share, [["192.0.2.1", 0]], null, false])).toThrow(/offer\[3/);
    expect(refused([1, 5, offer.share, [], 2 ** 24, false])).toThrow(/offer\[4\]/);
    expect(refused([1, 5, offer.share, [], null, 1])).toThrow(/offer\[5\]/);
    expect(refused([1, 5, offer.share, [], null, true, 1])).toThrow(SessionOfferError);
  });

  test("is never anything else than an offer or a refusal, whatever comes", () => {
    const known = encodeSessionOffer(offer);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: known.length - 1 }), (garbage, at) => {
        const altered = known.slice();
        altered.set(garbage.subarray(0, known.length - at), at);
        for (const bytes of [garbage, altered]) {
          try {
            decodeSessionOffer(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(SessionOfferError);
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
