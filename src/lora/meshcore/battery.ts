/** Open-circuit voltage of a lithium-ion cell by its charge, as most cases have one (typical 4.2 V cell, 25 °C). */
const CHARGE: readonly (readonly [milliVolts: number, percent: number])[] = [
  [3_300, 0],
  [3_500, 5],
  [3_680, 20],
  [3_780, 40],
  [3_870, 60],
  [4_000, 80],
  [4_190, 100],
];

/** Below this there is no battery: the voltage is of a pin that nothing is tied to. */
const NO_BATTERY_MV = 2_500;

/** @returns 0 to 100; undefined without a battery */
export function batteryPercent(milliVolts: number): number | undefined {
  if (milliVolts < NO_BATTERY_MV) return undefined;
  let [lower] = CHARGE;
  for (const upper of CHARGE) {
    if (milliVolts < upper[0]) {
      if (!lower || lower === upper) return 0;
      const part = (milliVolts - lower[0]) / (upper[0] - lower[0]);
      return Math.max(0, Math.round(lower[1] + part * (upper[1] - lower[1])));
    }
    lower = upper;
  }
  return 100;
}
