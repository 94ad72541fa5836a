import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { AirtimeLedger } from "../../../../src/lora/airtime/airtime-ledger.ts";
import { LedgerStore } from "../../../../src/lora/airtime/ledger-store.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const HOUR_MS = 3_600_000;
const BAND = "869.4–869.65 MHz";

/** What a new daemon finds, in the boot named, at a time of that boot. */
function foundBy(path: string, boot: string, nowMs: number) {
  const store = new LedgerStore(path, boot);
  store.open();
  const found = store.earlier(BAND, nowMs);
  store.close();
  return found;
}

async function reserved(path: string, boot: string, ...times: number[]) {
  const store = new LedgerStore(path, boot);
  store.open();
  for (const atMs of times) await store.reserve({ subBand: BAND, atMs, airtimeMs: 7_200 });
  store.close();
}

describe("the airtime ledger on the medium", () => {
  test("knows after a restart of the daemon what was set apart, and when", async () => {
    const path = join(scratch(), "airtime.sqlite");
    await reserved(path, "one", 1_000, 50_000);
    expect(foundBy(path, "one", 60_000)).toEqual([
      { subBand: BAND, atMs: 1_000, airtimeMs: 7_200 },
      { subBand: BAND, atMs: 50_000, airtimeMs: 7_200 },
    ]);
  });

  test("takes airtime of an earlier boot to be as late as it can have been", async () => {
    const path = join(scratch(), "airtime.sqlite");
    await reserved(path, "one", 1_000_000, 1_050_000);
    // This boot is five seconds old, whatever the last one's clock said.
    expect(foundBy(path, "two", 5_000).map(({ atMs }) => atMs)).toEqual([-45_000, 5_000]);
  });

  test("keeps the order of three boots", async () => {
    const path = join(scratch(), "airtime.sqlite");
    await reserved(path, "one", 9_000_000, 9_001_000);
    await reserved(path, "two", 20_000, 22_000);
    await reserved(path, "three", 7_000);
    expect(foundBy(path, "three", 8_000).map(({ atMs }) => atMs)).toEqual([
      4_000, 5_000, 5_000, 7_000, 7_000,
    ]);
  });

  test("gives no airtime back by a reboot", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 50, maxLength: 50 }),
        async (gaps) => {
          const path = join(scratch(), "airtime.sqlite");
          let nowMs = 0;
          await reserved(path, "one", ...gaps.map((gap) => (nowMs += gap / 100)));
          const ledger = new AirtimeLedger({
            subBand: {
              name: BAND,
              fromHz: 0,
              toHz: 1,
              maxDbm: 27,
              limits: [{ windowMs: HOUR_MS, airtimeMs: 360_000 }],
              source: "",
            },
            earlier: foundBy(path, "two", 1_000),
            nowMs: 1_000,
            reserve: (_, kept) => kept(),
          });
          // All fifty reservations together are the whole of the hour.
          expect(ledger.earliestStartMs(100, 1_000)).toBeGreaterThan(1_000);
        },
      ),
      { numRuns: 10 },
    );
  });

  test("forgets what speaks of no window any more", async () => {
    const path = join(scratch(), "airtime.sqlite");
    await reserved(path, "one", 0, 1_000, 2 * HOUR_MS, 4 * HOUR_MS, 5 * HOUR_MS);
    expect(foundBy(path, "one", 5 * HOUR_MS).map(({ atMs }) => atMs / HOUR_MS)).toEqual([2, 4, 5]);
  });
});
