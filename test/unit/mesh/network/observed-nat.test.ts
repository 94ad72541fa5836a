import { describe, expect, test } from "bun:test";
import type { Unanswered } from "../../../../src/mesh/nat/nat-kind.ts";
import { ObservedNat } from "../../../../src/mesh/network/observed-nat.ts";
import { link } from "./links.ts";

const MAPPED = { address: "203.0.113.7", port: 41_000 };

/** A box behind a router, as others see it. */
function natAt() {
  const time = { nowMs: 1_000 };
  const links = [link("eth0", ["192.168.9.10/24"])];
  const silent: Unanswered[] = [];
  const nat = new ObservedNat({
    interfaces: () => links,
    port: () => 4_600,
    unanswered: () => silent,
    monotonicMs: () => time.nowMs,
  });
  const seen = (observer: string, by = MAPPED) =>
    nat.take({ observer: { address: observer, port: 4_600 }, seen: by, atMs: time.nowMs });
  return { nat, seen, time, links, silent };
}

describe("what stands before a box", () => {
  test("is unknown until two have said how they see it, and each piece of news is told once", () => {
    const { nat, seen } = natAt();
    expect([nat.kind, nat.mapped]).toEqual(["unknown", undefined]);
    expect(seen("198.51.100.1")).toBe(true);
    expect([nat.kind, nat.mapped]).toEqual(["unknown", MAPPED]);
    expect(seen("198.51.100.1")).toBe(false);
    expect(seen("198.51.100.2")).toBe(true);
    expect([nat.kind, nat.mapped]).toEqual(["cone", MAPPED]);
    expect(seen("198.51.100.3")).toBe(false);
  });

  test("is nothing where it is seen as it is, and worse where everybody sees it elsewhere", () => {
    const { nat, seen, links } = natAt();
    links.splice(0, 1, link("eth0", ["203.0.113.7/24"]));
    const own = { ...MAPPED, port: 4_600 };
    for (const observer of ["198.51.100.1", "198.51.100.2"]) seen(observer, own);
    expect(nat.kind).toBe("open");
    for (const [index, observer] of ["198.51.100.1", "198.51.100.2", "198.51.100.3"].entries())
      seen(observer, { ...MAPPED, port: 50_000 + index });
    expect([nat.kind, nat.mapped]).toEqual(["symmetric", undefined]);
  });

  test("is unknown again after the box has moved", () => {
    const { nat, seen } = natAt();
    for (const observer of ["198.51.100.1", "198.51.100.2"]) seen(observer);
    expect(nat.moved()).toBe(true);
    expect([nat.kind, nat.mapped]).toEqual(["unknown", undefined]);
    expect(nat.moved()).toBe(false);
  });

  test("blocks datagrams where two who ought to answer never do, until one says how it sees this box", () => {
    const { nat, seen, time, silent } = natAt();
    for (const address of ["198.51.100.1", "198.51.100.2"])
      silent.push({ observer: { address, port: 4_600 }, sinceMs: time.nowMs });
    time.nowMs += 4_000;
    expect([nat.changes(), nat.kind]).toEqual([false, "unknown"]);
    time.nowMs += 1_001;
    expect([nat.changes(), nat.kind]).toEqual([true, "blocked"]);
    expect(nat.changes()).toBe(false);
    // Elsewhere it may be otherwise.
    expect([nat.moved(), nat.kind]).toEqual([true, "unknown"]);
    time.nowMs += 4_000;
    expect(nat.kind).toBe("unknown");
    time.nowMs += 1_001;
    expect(nat.kind).toBe("blocked");
    seen("198.51.100.3");
    expect(nat.kind).toBe("unknown");
  });

  test("is forgotten when nobody has said anything of it for minutes", () => {
    const { nat, seen, time } = natAt();
    for (const observer of ["198.51.100.1", "198.51.100.2"]) seen(observer);
    time.nowMs += 301_000;
    expect(nat.kind).toBe("unknown");
  });

  test("costs little, however often many say the same", () => {
    let looks = 0;
    const time = { nowMs: 0 };
    const interfaces = () => {
      looks += 1;
      return [link("eth0", ["192.168.9.10/24"])];
    };
    const unanswered = () => [];
    const nat = new ObservedNat({ interfaces, port: () => 4_600, unanswered, monotonicMs: () => time.nowMs });
    for (let round = 0; round < 100; round += 1) {
      time.nowMs += 100;
      for (let number = 0; number < 50; number += 1)
        nat.take({ observer: { address: `192.0.2.${number}`, port: 1 }, seen: MAPPED, atMs: time.nowMs });
      expect(nat.kind).toBe("cone");
    }
    // Once for each that spoke for the first time, and once a second.
    expect(looks).toBeLessThan(50 + 12);
  });

  test("is told by the 64 that spoke last: however many speak, no more are kept", () => {
    const { nat, seen } = natAt();
    const liars = (from: number, to: number) => {
      for (let number = from; number < to; number += 1)
        seen(`198.51.${100 + (number >> 8)}.${number & 0xff}`, { ...MAPPED, port: 50_000 });
    };
    for (let number = 0; number < 40; number += 1) seen(`192.0.2.${number}`);
    expect(nat.mapped).toEqual(MAPPED);
    liars(0, 24);
    expect(nat.mapped).toEqual(MAPPED);
    // The one that spoke first has fallen out where it has not spoken again.
    liars(24, 120);
    expect(nat.mapped).toEqual({ ...MAPPED, port: 50_000 });
    expect(Bun.inspect(nat, { depth: 5 })).not.toContain("192.0.2.");
  });
});
