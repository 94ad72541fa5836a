import { expect, test } from "bun:test";
import fc from "fast-check";
import { defaultConfig } from "../../../../src/config/index.ts";
import { relayBudget } from "../../../../src/mesh/network/relay-budget.ts";

test("what a box relays in its three ways is never more together than its operator allows, nor for one pair", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 10_000_000 }),
      fc.integer({ min: 64, max: 10_000_000 }),
      (total_kbit, each_kbit) => {
        const budget = relayBudget({ ...defaultConfig().mesh.relay, total_kbit, each_kbit });
        const parts = [budget.streams, budget.messages, budget.tunnels];
        expect(parts.reduce((sum, { totalKbit }) => sum + totalKbit, 0)).toBeLessThanOrEqual(total_kbit);
        for (const { eachKbit, totalKbit } of parts) {
          expect(eachKbit).toBeLessThanOrEqual(Math.min(each_kbit, totalKbit));
          expect(totalKbit).toBeGreaterThan(0);
        }
      },
    ),
  );
});
