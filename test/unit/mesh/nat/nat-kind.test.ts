import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Observation } from "../../../../src/mesh/nat/nat-interface.ts";
import { mappedEndpoint, natKind, OBSERVATION_FRESH_MS } from "../../../../src/mesh/nat/nat-kind.ts";
import type { Endpoint } from "../../../../src/mesh/paths/endpoint.ts";

const OWN = { addresses: ["10.1.1.5/24", "fe80::5/64"], port: 4242 };
const MAPPED: Endpoint = { address: "203.0.113.20", port: 61_000 };
const NOW = 1_000_000;
const said = (observer: string, seen: Endpoint, more: Partial<Observation> = {}): Observation => ({
  observer: { address: observer, port: 4600 },
  seen,
  atMs: NOW - 1_000,
  ...more,
});
const at = (port: number): Endpoint => ({ ...MAPPED, port });

describe("the kind of NAT", () => {
  test("is unknown until two have said something, though one is enough for an endpoint to tell", () => {
    expect(natKind([], OWN, NOW)).toBe("unknown");
    const one = [said("198.51.100.1", MAPPED)];
    expect([natKind(one, OWN, NOW), mappedEndpoint(one, OWN, NOW)]).toEqual(["unknown", MAPPED]);
  });

  test("is a cone where two see one endpoint, symmetric where each sees another, open where they see our own", () => {
    expect(natKind([said("198.51.100.1", MAPPED), said("198.51.100.2", MAPPED)], OWN, NOW)).toBe("cone");
    const different = [said("198.51.100.1", at(1_000)), said("198.51.100.2", at(2_000))];
    expect([natKind(different, OWN, NOW), mappedEndpoint(different, OWN, NOW)]).toEqual([
      "symmetric",
      undefined,
    ]);
    const own = { address: "10.1.1.5", port: 4242 };
    expect(natKind([said("198.51.100.1", own), said("10.9.9.9", own)], OWN, NOW)).toBe("unknown");
    expect(natKind([said("10.8.8.8", own), said("10.9.9.9", own)], OWN, NOW)).toBe("open");
    // Our address with another port is a translation.
    expect(
      natKind(
        [said("198.51.100.1", { ...own, port: 1 }), said("198.51.100.2", { ...own, port: 1 })],
        OWN,
        NOW,
      ),
    ).toBe("cone");
  });

  test("is not decided by one liar among three, whatever it says", () => {
    const anyEndpoint = fc.record({ address: fc.ipV4(), port: fc.nat(65_535) });
    fc.assert(
      fc.property(anyEndpoint, fc.nat(2), (lie, place) => {
        const truth = [said("198.51.100.1", MAPPED), said("198.51.100.2", MAPPED)];
        truth.splice(place, 0, said("198.51.100.3", lie, { atMs: NOW }));
        expect([natKind(truth, OWN, NOW), mappedEndpoint(truth, OWN, NOW)]).toEqual(["cone", MAPPED]);
      }),
    );
  });

  test("counts many voices at one address as one witness, and those of one IPv6 network too", () => {
    const crowd = Array.from({ length: 20 }, (_, index) =>
      said("198.51.100.9", at(5), { observer: { address: "198.51.100.9", port: 1_000 + index } }),
    );
    const truth = [said("198.51.100.1", MAPPED), said("198.51.100.2", MAPPED)];
    expect(natKind([...crowd, ...truth], OWN, NOW)).toBe("cone");
    const seen = { address: "2001:db8:5::5", port: 7 };
    const ipv6 = Array.from({ length: 9 }, (_, index) => said(`2001:db8:1:1::${index + 1}`, seen));
    expect(natKind(ipv6, OWN, NOW)).toBe("unknown");
    expect(natKind([...ipv6, said("2001:db8:1:2::1", seen)], OWN, NOW)).toBe("cone");
  });

  test("takes each witness by what it said last, and nothing that is old or of the future", () => {
    const moved = [
      said("198.51.100.1", at(1), { atMs: NOW - 9_000 }),
      said("198.51.100.1", MAPPED),
      said("198.51.100.2", MAPPED),
    ];
    expect(natKind(moved, OWN, NOW)).toBe("cone");
    expect(natKind(moved, OWN, NOW + OBSERVATION_FRESH_MS)).toBe("unknown");
    expect(natKind(moved, OWN, NOW - 10_000)).toBe("unknown");
  });

  test("is not told by neighbours on the own link, nor by others of the site where somebody outside has spoken", () => {
    const own = { address: "10.1.1.5", port: 4242 };
    const neighbours = [
      said("10.1.1.7", own),
      said("10.1.1.8", own),
      said("fe80::9", { address: "fe80::5", port: 4242 }),
    ];
    expect(natKind(neighbours, OWN, NOW)).toBe("unknown");
    const site = [said("10.2.0.1", own), said("10.2.0.2", own), said("10.2.0.3", own)];
    expect(natKind([...site, said("198.51.100.1", MAPPED), said("198.51.100.2", MAPPED)], OWN, NOW)).toBe(
      "cone",
    );
  });

  test("is blocked when two outside have been asked in vain, and not when one is off", () => {
    const silent = (address: string, sinceMs = NOW - 6_000) => ({ observer: { address, port: 1 }, sinceMs });
    expect(natKind([], OWN, NOW, [silent("198.51.100.1"), silent("198.51.100.2")])).toBe("blocked");
    expect(natKind([], OWN, NOW, [silent("198.51.100.1"), silent("198.51.100.1")])).toBe("unknown");
    expect(natKind([], OWN, NOW, [silent("198.51.100.1"), silent("198.51.100.2", NOW - 1_000)])).toBe(
      "unknown",
    );
    expect(natKind([], OWN, NOW, [silent("198.51.100.1"), silent("10.1.1.9")])).toBe("unknown");
    expect(
      natKind([said("198.51.100.3", MAPPED)], OWN, NOW, [silent("198.51.100.1"), silent("198.51.100.2")]),
    ).toBe("unknown");
  });

  test("gives no endpoint to tell that means this machine, a link or many", () => {
    for (const address of ["127.0.0.1", "169.254.1.1", "224.0.0.1", "0.0.0.0", "fe80::1", "::1", "ff02::1"]) {
      expect(mappedEndpoint([said("198.51.100.1", { address, port: 5 })], OWN, NOW)).toBe(undefined);
    }
    expect(mappedEndpoint([said("198.51.100.1", at(0))], OWN, NOW)).toBe(undefined);
  });
});
