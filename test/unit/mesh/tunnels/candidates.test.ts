import { describe, expect, test } from "bun:test";
import {
  candidateOrder,
  lookNear,
  nearestRelay,
  sharedFamily,
} from "../../../../src/mesh/tunnels/candidates.ts";

const at = (address: string) => ({ address, port: 1 });

describe("Candidates", () => {
  test("of the own link are tried first, and those of a family that we lack are not", () => {
    const own = [at("192.168.9.10"), at("198.51.100.20")];
    const theirs = [at("10.1.1.5"), at("2001:db8::5"), at("192.168.9.11")];
    expect(candidateOrder(own, theirs)).toEqual([at("192.168.9.11"), at("10.1.1.5")]);
  });

  test("look near when the first 64 bits of IPv6 are the same, however they are written", () => {
    expect(lookNear(at("2001:db8:1::5"), at("2001:0db8:0001:0000:ffff:0:0:6"))).toBe(true);
    expect(lookNear(at("2001:db8:1::5"), at("2001:db8:1:1::5"))).toBe(false);
    expect(lookNear(at("::ffff:1"), at("192.168.9.1"))).toBe(false);
  });

  test("decide in which family two ends are relayed: IPv6 only where one has no IPv4", () => {
    expect(sharedFamily([at("10.0.0.1"), at("2001:db8::1")], [at("10.0.0.2"), at("2001:db8::2")])).toBe(4);
    expect(sharedFamily([at("10.0.0.1"), at("2001:db8::1")], [at("2001:db8::2")])).toBe(6);
    expect(sharedFamily([], [])).toBe(4);
  });

  test("of a relay: the one of our link, else a public one, else what there is", () => {
    const offered = [at("10.9.9.1"), at("192.168.9.1"), at("198.51.100.9")];
    expect(nearestRelay([at("192.168.9.10")], offered)).toEqual(at("192.168.9.1"));
    expect(nearestRelay([at("172.16.0.10")], offered)).toEqual(at("198.51.100.9"));
    expect(nearestRelay([at("172.16.0.10")], offered.slice(0, 1))).toEqual(at("10.9.9.1"));
    expect(nearestRelay([], [])).toBeUndefined();
  });
});
