import { describe, expect, test } from "bun:test";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { REGIONS, type SubBand } from "../../../../src/lora/airtime/regions.ts";
import { type DayOptions, randomDay } from "./random-day.ts";
import { mostInAnyWindow } from "./rolling-window.ts";

const LIMITED: readonly SubBand[] = Object.values(REGIONS)
  .flat()
  .filter(({ limits }) => limits.length > 0);

/** How full the fullest window of a day was, of the limit that came nearest: 1 is just what the law allows. */
function fullest(options: DayOptions): { share: number; ends: number } {
  const { seen, restarts, reboots } = randomDay(options);
  const shares = options.subBand.limits.map(
    ({ windowMs, airtimeMs }) => mostInAnyWindow(seen, windowMs) / airtimeMs,
  );
  return { share: Math.max(...shares), ends: restarts + reboots };
}

describe("1,000 random days", () => {
  test("of radios that hold frames back, killed daemons and power cuts: no rolling window is ever overrun", () => {
    const random = seededRandom(1_000);
    const best = new Map<string, number>();
    let ends = 0;
    for (let day = 0; day < 1_000; day += 1) {
      const subBand = LIMITED[day % LIMITED.length];
      if (!subBand) throw new Error("no sub-band");
      const chance = random() * 0.02;
      const result = fullest({
        subBand,
        random,
        load: 0.5 + random() * 3,
        restartChance: day % 3 === 0 ? 0 : chance,
        rebootChance: day % 3 === 2 ? chance : 0,
      });
      ends += result.ends;
      expect(result.share).toBeLessThanOrEqual(1);
      best.set(subBand.name, Math.max(best.get(subBand.name) ?? 0, result.share));
    }
    // The days were full, and their ends many: there was something to find.
    expect(ends).toBeGreaterThan(2_000);
    for (const share of best.values()) expect(share).toBeGreaterThan(0.97);
  }, 20_000);
});

describe("the days themselves", () => {
  test.each([
    ["restart", 0.02, 0],
    ["reboot", 0, 0.02],
  ])(
    "overrun the limit when a ledger forgets at each %s: the check sees it",
    (_, restartChance, rebootChance) => {
      const random = seededRandom(5);
      const shares = Array.from(
        { length: 20 },
        () =>
          fullest({
            subBand: REGIONS.EU868[1],
            random,
            load: 3,
            restartChance,
            rebootChance,
            isForgetful: true,
          }).share,
      );
      expect(Math.min(...shares)).toBeGreaterThan(1.2);
    },
  );
});
