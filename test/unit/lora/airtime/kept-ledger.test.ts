import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { systemBootClock } from "../../../../src/lora/airtime/boot-clock.ts";
import { openKeptLedger } from "../../../../src/lora/airtime/kept-ledger.ts";
import { LedgerStore } from "../../../../src/lora/airtime/ledger-store.ts";
import { subBandOf } from "../../../../src/lora/airtime/regions.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { CHANNEL } from "./fake-radio.ts";

const scratch = scratchFolders();
const HOUR_MS = 3_600_000;
const subBand = subBandOf("EU868", CHANNEL);
const LIMIT_MS = 360_000;

/** A daemon of the boot named, which began when the machine had been up for so long. */
function daemon(path: string, bootId: string, upMs: number) {
  const { log, lines } = capturedLog();
  // A daemon's own clock says nothing of the machine's.
  const timers = new VirtualTime({ startMs: 77 });
  const bootClock = { bootId, nowMs: () => upMs + timers.monotonicMs() - 77 };
  const store = new LedgerStore(path, bootId);
  const { setAside, volatile } = store.open();
  const isForgetful = setAside !== undefined || volatile !== undefined;
  const ledger = openKeptLedger({ subBand, store, isForgetful, bootClock, timers, log });
  const sends = async (airtimeMs: number) => {
    await new Promise<void>((resolve) => {
      if (ledger.ensure(airtimeMs, timers.monotonicMs(), resolve)) resolve();
    });
    ledger.record(timers.monotonicMs(), airtimeMs);
    timers.advance(airtimeMs);
  };
  const roomMs = () => ledger.roomMs(timers.monotonicMs());
  return { ledger, store, timers, lines, sends, roomMs };
}

describe("a ledger that is kept", () => {
  test("knows after a daemon's restart what the one before has sent, and when it leaves the hour", async () => {
    const path = join(scratch(), "airtime.sqlite");
    const first = daemon(path, "one", 500_000);
    await first.sends(300_000);
    first.store.close();

    const second = daemon(path, "one", 900_000);
    expect(second.roomMs()).toBe(60_000);
    // At the latest it ended half a minute after this daemon began.
    second.timers.advance(HOUR_MS + 31_000);
    expect(second.roomMs()).toBe(LIMIT_MS);
    second.store.close();
  });

  test("counts from what the one before wrote down next, by the machine's clock", async () => {
    const path = join(scratch(), "airtime.sqlite");
    const first = daemon(path, "one", 500_000);
    await first.sends(300_000);
    first.timers.advance(2_200_000);
    // Up for 3,000 s now: what was sent before was over by then.
    await first.sends(10_000);
    first.store.close();

    const second = daemon(path, "one", 3_100_000);
    const passTo = (upMs: number) =>
      second.timers.advance(upMs - 3_100_000 - second.timers.monotonicMs() + 77);
    passTo(3_000_000 + 30_000 + HOUR_MS - 300_000);
    expect(second.roomMs()).toBe(50_000);
    passTo(3_000_000 + 30_000 + HOUR_MS);
    expect(second.roomMs()).toBe(350_000);
    second.store.close();
  });

  test("knows it after a reboot as well, though nobody knows how long the box was off", async () => {
    const path = join(scratch(), "airtime.sqlite");
    const first = daemon(path, "one", 9_000_000);
    await first.sends(300_000);
    first.store.close();
    const second = daemon(path, "two", 4_000);
    expect(second.roomMs()).toBe(60_000);
    second.timers.advance(HOUR_MS - 270_000);
    expect(second.roomMs()).toBe(60_000);
    second.store.close();
  });

  test("has on the medium what it is about to send before it may", async () => {
    const path = join(scratch(), "airtime.sqlite");
    const first = daemon(path, "one", 500_000);
    let isKept = false;
    const kept = new Promise<void>((resolve) => {
      expect(
        first.ledger.ensure(2_000, first.timers.monotonicMs(), () => {
          isKept = true;
          resolve();
        }),
      ).toBe(false);
    });
    expect(isKept).toBe(false);
    await kept;
    // Not closed: the power is cut before anything is recorded.
    const reader = new LedgerStore(path, "two");
    reader.open();
    expect(reader.earlier(subBand.name, 10).map(({ airtimeMs }) => airtimeMs)).toEqual([7_200]);
    reader.close();
    first.store.close();
  });

  test("counts all but an SOS's share as used where its record was lost", () => {
    const path = join(scratch(), "airtime.sqlite");
    writeFileSync(path, "no database at all, but long enough to be looked at as one".repeat(100));
    const { ledger, store, timers, lines } = daemon(path, "one", 4_000);
    const nowMs = timers.monotonicMs();
    expect(ledger.roomMs(nowMs, 0.8)).toBe(0);
    expect(ledger.roomMs(nowMs)).toBeCloseTo(LIMIT_MS * 0.2, 6);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "what was sent in the last hour is not known: it counts as all that may be",
    ]);
    store.close();
  });

  test("knows at the next start as well that its record was lost", async () => {
    const path = join(scratch(), "airtime.sqlite");
    writeFileSync(path, "no database at all, but long enough to be looked at as one".repeat(100));
    const first = daemon(path, "one", 4_000);
    await first.sends(1_000);
    first.store.close();

    const second = daemon(path, "one", 60_000);
    expect(second.lines).toEqual([]);
    // With what was set apart for the sending before.
    expect(second.roomMs()).toBeLessThanOrEqual(LIMIT_MS * 0.2 - 1_000);
    expect(second.roomMs()).toBeGreaterThan(LIMIT_MS * 0.2 - 10_000);
    second.timers.advance(HOUR_MS + 31_000);
    expect(second.roomMs()).toBe(LIMIT_MS);
    second.store.close();
  });

  test("says once that it cannot be written, and goes on counting", async () => {
    const path = join(scratch(), "airtime.sqlite");
    const { store, lines, sends, roomMs } = daemon(path, "one", 4_000);
    store.reserve = () => Promise.reject(new Error("disk full"));
    await sends(10_000);
    await sends(10_000);
    expect(roomMs()).toBe(LIMIT_MS - 20_000);
    expect(lines.map(({ msg }) => msg)).toEqual([
      "airtime cannot be written down: a restart will not know of it",
    ]);
    store.close();
  });

  test("does not grow with reboots that come before the old is forgotten", async () => {
    const path = join(scratch(), "airtime.sqlite");
    let rows = 0;
    for (let boot = 0; boot < 12; boot += 1) {
      const { store, timers, sends } = daemon(path, `boot ${boot}`, 4_000);
      await sends(1_000);
      timers.advance(HOUR_MS);
      await sends(10_000);
      rows = store.earlier(subBand.name, 4_000 + timers.monotonicMs()).length;
      store.close();
    }
    expect(rows).toBeLessThan(10);
  });
});

describe("the clock of this boot", () => {
  test("is the kernel's, and goes on", async () => {
    const clock = systemBootClock();
    expect(clock.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(systemBootClock().bootId).toBe(clock.bootId);
    const before = clock.nowMs();
    expect(before).toBeGreaterThan(1_000);
    while (clock.nowMs() === before) await new Promise(setImmediate);
    expect(clock.nowMs() - before).toBeGreaterThan(0);
  });
});
