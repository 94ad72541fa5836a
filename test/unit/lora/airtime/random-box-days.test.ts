import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { type BoxDayOptions, fullestHour, randomBoxDay } from "./random-box-day.ts";

const QUIET: Omit<BoxDayOptions, "random"> = {
  radios: 1,
  nodeRestartChance: 0,
  daemonRestartChance: 0,
  rebootChance: 0,
  relayChance: 0,
  isTorn: false,
};

/**
 * With how full an hour may be at the most: 1 is just what the law allows. What firmware sends of its own accord is known
 * when it reports: until the next report a frame's worth of it may be uncounted, and what a restart cut short for ever.
 */
const KINDS: [string, Partial<BoxDayOptions>, number][] = [
  ["that relay", { radios: 2, relayChance: 0.03 }, 1.01],
  ["that relay and begin anew", { relayChance: 0.05, nodeRestartChance: 0.002 }, 1.01],
  ["of which two share a ledger", { radios: 2, relayChance: 0.02, nodeRestartChance: 0.001 }, 1.01],
  ["of a box that loses its power", { radios: 2, relayChance: 0.02, rebootChance: 0.001 }, 1.01],
  ["under a daemon that is killed", { radios: 2, daemonRestartChance: 0.001 }, 1],
  // Which radio sent what an earlier run has set apart is not written down: until the next report it may be the other's.
  [
    "that relay under a daemon that is killed",
    { radios: 2, relayChance: 0.02, daemonRestartChance: 0.001 },
    1.06,
  ],
  // What the radios held when the file was torn is known when they report it.
  ["whose ledger is torn once", { radios: 2, relayChance: 0.01, isTorn: true }, 1.05],
];

/** How full the fullest hour of each day was. */
function fullestHours(days: number, options: Partial<BoxDayOptions>): number[] {
  const random = seededRandom(77);
  return Array.from({ length: days }, () =>
    fullestHour(randomBoxDay({ ...QUIET, ...options, random }).onAir),
  );
}

describe("random days of managed radios", () => {
  test.each(KINDS)(
    "%s: frames from the box keep the hour within the limit",
    (_, options, most) => {
      const hours = fullestHours(12, options);
      expect(Math.max(...hours)).toBeLessThanOrEqual(most);
      // They were full days.
      expect(Math.max(...hours)).toBeGreaterThan(0.97);
    },
    20_000,
  );

  const relaying = KINDS.filter(([, { relayChance }]) => relayChance);
  test.each(relaying)("%s: the check sees when their own counts are not heard", (_, options) => {
    expect(Math.max(...fullestHours(6, { ...options, isDeafToCounts: true }))).toBeGreaterThan(1.06);
  });
});
