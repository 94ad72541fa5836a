import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { twoBoxes, untilWorking } from "../unit/lora/two-boxes.ts";
import { type BenchRow, benchRow } from "./report.ts";

const ROUNDS = 40;
/** From power to listening, of RNode firmware on an ESP32. */
const BOOT_MS = 600;
const PAUSE_MS = 100;

/** How long a case that was pulled out needs to be at work again, from the moment it is plugged in. */
export async function replugRows(quick: boolean): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), "omb-replug-"));
  const [box, other] = await twoBoxes({ folder, bootMs: BOOT_MS });
  const times: number[] = [];
  try {
    await untilWorking(box);
    for (let round = 0; round < ROUNDS / (quick ? 4 : 1); round += 1) {
      box.unplug();
      await Bun.sleep(PAUSE_MS);
      box.plug();
      times.push(await untilWorking(box));
    }
  } finally {
    await Promise.all([box.stop(), other.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
  const sorted = times.toSorted((a, b) => a - b);
  const row = (name: string, ours: number) =>
    benchRow({
      name: `replugged RNode case at work, ${name} of ${times.length}`,
      unit: "ms",
      ours,
      reference: BOOT_MS,
      referenceName: "the firmware's own start",
      goal: { of: "ours", below: 2_000 },
    });
  return [row("p50", sorted[sorted.length >> 1] ?? Number.NaN), row("longest", sorted.at(-1) ?? Number.NaN)];
}
