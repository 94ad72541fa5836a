import { describe, expect, test } from "bun:test";
import { BlockList } from "node:net";
import fc from "fast-check";
import { bytesToIp, canonicalIp, ipToBytes, isInPrefix } from "../../../src/host/ip-address.ts";

const fourBytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Many zero groups, as real ones have. */
const sixteenBytes = fc
  .array(fc.oneof(fc.constant([0, 0]), fc.tuple(fc.nat(255), fc.nat(255))), { minLength: 8, maxLength: 8 })
  .map((groups) => Uint8Array.from(groups.flat()));

describe("an IP address", () => {
  test("comes back as the bytes that it was, whichever they are", () => {
    fc.assert(
      fc.property(fc.oneof(fourBytes, sixteenBytes), (bytes) =>
        expect(ipToBytes(bytesToIp(bytes))).toEqual(bytes),
      ),
    );
  });

  test("is written as the platform's own URL parser writes it", () => {
    fc.assert(
      fc.property(sixteenBytes, (bytes) => {
        expect(`[${bytesToIp(bytes)}]`).toBe(new URL(`http://[${bytesToIp(bytes)}]/`).hostname);
      }),
    );
    expect(bytesToIp(ipToBytes("2001:db8:0:0:1:0:0:1") ?? new Uint8Array())).toBe("2001:db8::1:0:0:1");
    expect(bytesToIp(ipToBytes("2001:0:0:1:0:0:0:1") ?? new Uint8Array())).toBe("2001:0:0:1::1");
  });

  test("has one form, without zone, and IPv4 within IPv6 is IPv4", () => {
    expect(canonicalIp("FE80:0::0001%eth0")).toBe("fe80::1");
    expect(canonicalIp("::ffff:192.0.2.1")).toBe("192.0.2.1");
    expect(canonicalIp("::ffff:c000:201")).toBe("192.0.2.1");
    expect(canonicalIp("64:ff9b::192.0.2.1")).toBe("64:ff9b::c000:201");
    for (const text of ["", "box.local", "1.2.3", "1.2.3.4.5", "::g", "01.2.3.4", "fe80::1/64"]) {
      expect(canonicalIp(text)).toBe(undefined);
    }
  });

  test("is in a prefix exactly where the platform's own list says so", () => {
    const check = (bytes: Uint8Array, network: Uint8Array, length: number) => {
      const family = bytes.length === 4 ? "ipv4" : "ipv6";
      const list = new BlockList();
      list.addSubnet(bytesToIp(network), length, family);
      // Shares the network's first bits, so that it often is inside.
      const near = bytes.map((byte, index) => (index < length / 8 - 1 ? (network[index] ?? 0) : byte));
      for (const address of [bytesToIp(bytes), bytesToIp(near)]) {
        expect(isInPrefix(address, `${bytesToIp(network)}/${length}`)).toBe(list.check(address, family));
      }
    };
    fc.assert(fc.property(fourBytes, fourBytes, fc.integer({ min: 1, max: 32 }), check));
    fc.assert(fc.property(sixteenBytes, sixteenBytes, fc.integer({ min: 1, max: 128 }), check));
    expect(isInPrefix("10.1.1.1", "0.0.0.0/0")).toBe(true);
    for (const prefix of ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/8x", "::/0", "nonsense/8"]) {
      expect(isInPrefix("10.1.1.1", prefix)).toBe(false);
    }
  });
});
