import { expect, test } from "bun:test";
import fc from "fast-check";
import { OFFENCES, type Offence } from "../../../../src/vm/egress/index.ts";
import type { CountedEvidence, LeaseTraffic } from "../../../../src/vm/watch/counted.ts";
import { hasRogue, rogueEvents } from "../../../../src/vm/watch/rogue-events.ts";

const NOTHING = { packets: 0, bytes: 0 };
const traffic = (rogue: Partial<Record<Offence, number>>): LeaseTraffic => ({
  up: NOTHING,
  down: NOTHING,
  noise: 0,
  jailed: 0,
  rogue: {
    ...(Object.fromEntries(OFFENCES.map((offence) => [offence, 0])) as Record<Offence, number>),
    ...rogue,
  },
});
const tried = (offence: Offence, dst: string, packets: number): CountedEvidence => ({
  offence,
  packets,
  evidence: { proto: "udp", src: "10.0.2.15", dst, port: 53 },
});
const eventsOf = (
  before: [LeaseTraffic, CountedEvidence[]] | undefined,
  after: [LeaseTraffic, CountedEvidence[]],
) =>
  rogueEvents(
    "lease",
    before && { traffic: before[0], evidence: before[1] },
    { traffic: after[0], evidence: after[1] },
    1_000,
  );

test("a first attempt is an event with what was tried", () => {
  const events = eventsOf(undefined, [traffic({ destination: 2 }), [tried("destination", "192.0.2.1", 2)]]);
  expect(events).toEqual([
    {
      lease: "lease",
      kind: "rogue",
      offence: "destination",
      evidence: { proto: "udp", src: "10.0.2.15", dst: "192.0.2.1", port: 53 },
      packets: 2,
      atMs: 1_000,
    },
  ]);
});

test("what was told is not told again", () => {
  const seen: [LeaseTraffic, CountedEvidence[]] = [traffic({ arp: 1 }), [tried("arp", "a", 1)]];
  expect(eventsOf(seen, seen)).toEqual([]);
  expect(hasRogue(seen[0], seen[0])).toBe(false);
  const more = eventsOf(seen, [traffic({ arp: 4 }), [tried("arp", "a", 4)]]);
  expect(more.map(({ packets }) => packets)).toEqual([3]);
});

test("what leaves no evidence is an event all the same", () => {
  const [event] = eventsOf(undefined, [traffic({ flood: 9 }), []]);
  expect(event).toMatchObject({ offence: "flood", evidence: undefined, packets: 9 });
});

test("a scan is few events, with how much there was of it", () => {
  const targets = Array.from({ length: 300 }, (_, index) => tried("destination", `192.0.2.${index}`, 1));
  const events = eventsOf(undefined, [traffic({ destination: 300 }), targets]);
  expect(events.length).toBeLessThan(12);
  expect(events.reduce((sum, { packets }) => sum + packets, 0)).toBe(300);
});

test("one that the kernel had forgotten counts anew", () => {
  const before: [LeaseTraffic, CountedEvidence[]] = [traffic({ arp: 5 }), [tried("arp", "a", 5)]];
  const [event] = eventsOf(before, [traffic({ arp: 7 }), [tried("arp", "a", 2)]]);
  expect(event).toMatchObject({ packets: 2, evidence: { dst: "a" } });
});

test("the events of an offence add up to what was counted", () => {
  const evidence = fc.array(
    fc.record({ dst: fc.constantFrom("a", "b", "c", "d"), packets: fc.integer({ min: 1, max: 50 }) }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(evidence, evidence, fc.nat(100), fc.nat(100), (one, other, was, more) => {
      const kept = (list: { dst: string; packets: number }[]) =>
        list.map(({ dst, packets }) => tried("source", dst, packets));
      const events = eventsOf(
        [traffic({ source: was }), kept(one)],
        [traffic({ source: was + more }), kept(other)],
      );
      expect(events.reduce((sum, { packets }) => sum + packets, 0)).toBe(more);
      expect(events.every(({ packets }) => packets > 0)).toBe(true);
    }),
  );
});
