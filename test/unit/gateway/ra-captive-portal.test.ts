import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { captivePortalAdvertisement } from "../../../src/gateway/ra-captive-portal.ts";

const MOST = 255 * 8 - 2;

describe("the router advertisement with the captive-portal option", () => {
  test("is, byte for byte, what RFC 4861 section 4.2 and RFC 8910 section 2.3 draw", () => {
    const message = Buffer.from(captivePortalAdvertisement("https://box.example/cp"));
    expect(message.toString("hex")).toBe(
      [
        "86", // Type 134
        "00", // Code
        "0000", // Checksum: the kernel's work (RFC 3542 section 3.1)
        "40", // Cur Hop Limit 64
        "40", // O: other configuration by DHCPv6
        "0258", // Router Lifetime 600 s
        "00000000", // Reachable Time: unspecified
        "00000000", // Retrans Timer: unspecified
        "25", // Option 37
        "03", // Length: 3 units of 8 octets
        Buffer.from("https://box.example/cp").toString("hex"),
      ].join(""),
    );
  });

  test("has its URI whole, padded with NUL to the next 8 octets and with no NUL more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: MOST }), (length) => {
        const url = "u".repeat(length);
        const message = Buffer.from(captivePortalAdvertisement(url));
        const units = message.readUInt8(17);
        expect(message.length).toBe(16 + units * 8);
        const text = message.subarray(18);
        expect(text.toString("latin1").replace(/\0+$/, "")).toBe(url);
        expect(text.length - length).toBeLessThan(8);
      }),
    );
  });

  test("counts a URI in bytes, not in characters", () => {
    expect(captivePortalAdvertisement("é".repeat(3)).length).toBe(16 + 8);
    expect(captivePortalAdvertisement("é".repeat(4)).length).toBe(16 + 16);
  });

  test("is refused for a URI that does not fit, and for none", () => {
    expect(captivePortalAdvertisement("u".repeat(MOST)).length).toBe(16 + 255 * 8);
    expect(() => captivePortalAdvertisement("u".repeat(MOST + 1))).toThrow(RangeError);
    expect(() => captivePortalAdvertisement("")).toThrow(RangeError);
  });
});
