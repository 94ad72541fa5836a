import { seededRandom } from "../../src/bench/seeded-random.ts";
import { REGIONS, type SubBand } from "../../src/lora/airtime/index.ts";
import { randomDay } from "../unit/lora/airtime/random-day.ts";
import { mostInAnyWindow } from "../unit/lora/airtime/rolling-window.ts";
import { type BenchRow, benchRow } from "./report.ts";

const DAYS = 1_000;

/** The fullest window of 1,000 random days with kills and power cuts, against what the law allows in it. */
export function dayRows(quick: boolean): BenchRow[] {
  const bands: readonly SubBand[] = Object.values(REGIONS).flat();
  const limited = bands.filter(({ limits }) => limits.length > 0);
  const random = seededRandom(7);
  let fullest = 0;
  for (let day = 0; day < DAYS / (quick ? 10 : 1); day += 1) {
    const subBand = limited[day % limited.length];
    if (!subBand) throw new Error("no sub-band has a limit");
    const options = { subBand, random, load: random() * 2, restartChance: 0.01, rebootChance: 0.005 };
    const { seen } = randomDay(options);
    for (const { windowMs, airtimeMs } of subBand.limits)
      fullest = Math.max(fullest, mostInAnyWindow(seen, windowMs) / airtimeMs);
  }
  return [
    benchRow({
      name: `${quick ? DAYS / 10 : DAYS} random days: the fullest window`,
      unit: "% of the limit",
      ours: fullest * 100,
      reference: 100,
      referenceName: "the law",
      goal: { of: "ours", atMost: 100 },
    }),
  ];
}
