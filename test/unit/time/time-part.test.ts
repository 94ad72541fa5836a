import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { VirtualTime } from "../../../src/bench/virtual-time.ts";
import type { RadioClock } from "../../../src/lora/index.ts";
import { CLOCK_WISH } from "../../../src/time/clock-wish.ts";
import { SureClock } from "../../../src/time/sure-clock.ts";
import { TimePart } from "../../../src/time/time-part.ts";
import type { Reading } from "../../../src/time/time-source.ts";
import { timeText } from "../../../src/time/time-view.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";

const folderOf = scratchFolders();
const BUILT = Date.UTC(2026, 6, 1);
/** Where the box's clock begins, and what time it is. */
const BEGINS = Date.UTC(2026, 8, 1);
const TRUE_MS = Date.UTC(2026, 10, 29, 9);

/** A box whose clock is a number, and a unit that sets it as wished, unless it is `broken`. */
function box({
  setsClock = true,
  isBroken = false,
  bootId = "boot",
  runFolder = folderOf(),
  stateFolder = folderOf(),
  wallAtStart = BEGINS,
} = {}) {
  const time = new VirtualTime();
  const bootMs = () => time.monotonicMs() + 40_000;
  let radios: RadioClock[] = [];
  let network: Reading | undefined;
  const told: { kind: string; subject: string; detail: Record<string, unknown> }[] = [];
  const { log } = capturedLog();
  const clock = { wallMs: () => wallAtStart + time.monotonicMs(), monotonicMs: () => time.monotonicMs() };
  const sureClock = new SureClock(stateFolder, clock, (error) => {
    throw error;
  });
  const part = new TimePart({
    leastPhones: 5,
    setsClock,
    builtMs: BUILT,
    runFolder,
    network: () => network,
    radios: () => radios,
    networks: { onNetworks: () => () => {} },
    ...{ clock, sureClock },
    bootClock: { bootId, nowMs: bootMs },
    timers: time,
    journal: {
      append: async (_, kind, subject = "", detail = {}) => void told.push({ kind, subject, detail }),
    },
    log,
  });
  const wish = join(runFolder, CLOCK_WISH);
  const pass = async (seconds: number) => {
    for (let n = 0; n < seconds; n += 1) {
      await time.runUntilAsync(() => false, 1_000);
      if (isBroken || !existsSync(wish)) continue;
      const [toMs = 0, sinceMs = 0] = readFileSync(wish, "utf8").split(" ").map(Number);
      rmSync(wish);
      wallAtStart = toMs + bootMs() - sinceMs - time.monotonicMs();
    }
  };
  const truly = () => TRUE_MS + time.monotonicMs();
  return {
    ...{ part, told, pass, wish, runFolder, stateFolder, truly },
    surelyOffMs: () => Math.round(sureClock.wallMs() - truly()),
    offMs: () => Math.round(wallAtStart + time.monotonicMs() - truly()),
    phones: (count: number, aheadMs = 0, name = "phone") => {
      for (let n = 0; n < count; n += 1) part.phoneSays(`${name} ${n}`, truly() + aheadMs + n * 100);
    },
    satellites: (epochMs = TRUE_MS) => {
      radios = [{ epochMs, heardMs: time.monotonicMs(), bySatellites: true }];
    },
    radio: (epochMs: number) => {
      radios = [{ epochMs, heardMs: time.monotonicMs(), bySatellites: false }];
    },
    networkSets: () => {
      wallAtStart = TRUE_MS;
      const heardMs = time.monotonicMs();
      network = { source: "network", epochMs: TRUE_MS, heardMs, uncertaintyMs: 500 };
    },
  };
}

describe("a box without a battery clock", () => {
  test("knows nothing of the time until somebody tells it, and says so", async () => {
    const one = box();
    await one.part.start();
    await one.pass(60);
    expect([one.part.isKnown(), one.part.isTrusted()]).toEqual([false, false]);
    expect(one.part.detail()).toBe(
      "2026-09-01 00:01:00 UTC, but nothing has told this box the time since it was switched on: it may be far behind",
    );
    expect(one.told).toEqual([]);
    await one.part.stop();
  });

  test("is set by enough phones that agree, which the journal has, and trusts them in nothing", async () => {
    const one = box();
    await one.part.start();
    one.phones(4);
    await one.pass(30);
    expect(one.part.isKnown()).toBe(false);
    one.phones(1, 0, "another");
    await one.pass(30);
    expect(Math.abs(one.offMs())).toBeLessThan(1_000);
    expect([one.part.isKnown(), one.part.isTrusted()]).toEqual([true, false]);
    expect(one.told).toEqual([
      {
        kind: "clock-set",
        subject: "5 phones that agree",
        detail: { by: `${Math.round((TRUE_MS - BEGINS) / 1_000)} s`, within: "6 s", trusted: false },
      },
    ]);
    expect(one.part.detail()).toEndWith(
      "UTC, from 5 phones that agree, to within 6 seconds; good enough to read, and nothing is decided by it",
    );
    await one.part.stop();
  });

  test("is set right by satellites, and then phones in any number move it no more", async () => {
    const one = box();
    await one.part.start();
    one.phones(9, 3e9);
    await one.pass(30);
    expect(one.offMs()).toBeGreaterThan(2.9e9);
    one.satellites();
    await one.pass(30);
    expect(Math.abs(one.offMs())).toBeLessThan(1_000);
    expect([one.part.isKnown(), one.part.isTrusted()]).toEqual([true, true]);
    one.phones(200, 6e9, "liar");
    await one.pass(300);
    expect(Math.abs(one.offMs())).toBeLessThan(1_000);
    expect(one.told.map(({ subject }) => subject)).toEqual([
      "9 phones that agree",
      "satellites, by the LoRa case",
    ]);
    await one.part.stop();
  });

  test("is put right by phones that are more than those that lied before them, also by a daemon that was started between", async () => {
    const first = box();
    await first.part.start();
    first.phones(5, 3e9, "liar");
    await first.pass(30);
    expect(first.offMs()).toBeGreaterThan(2.9e9);
    await first.part.stop();
    const { runFolder, stateFolder } = first;
    const one = box({ runFolder, stateFolder, wallAtStart: TRUE_MS + 3e9 });
    await one.part.start();
    one.phones(5, 3e9, "liar");
    one.phones(5);
    await one.pass(30);
    expect(one.offMs()).toBe(3e9);
    one.phones(9, 0, "another");
    await one.pass(60);
    expect(Math.abs(one.offMs())).toBeLessThan(2_000);
    await one.part.stop();
  });

  test("decides by no clock that phones have moved, after a boot with that clock neither, and may still be put right by others", async () => {
    const first = box();
    await first.part.start();
    first.phones(5, 1e11, "liar");
    await first.pass(30);
    expect(first.offMs()).toBeGreaterThan(9e10);
    const unmovedMs = BEGINS - TRUE_MS;
    expect(Math.abs(first.surelyOffMs() - unmovedMs)).toBeLessThan(1_000);
    await first.part.stop();
    const { stateFolder } = first;
    const next = box({ bootId: "another", stateFolder, wallAtStart: TRUE_MS + 1e11 });
    expect(Math.abs(next.surelyOffMs() - unmovedMs)).toBeLessThan(1_000);
    await next.part.start();
    next.phones(5);
    await next.pass(60);
    expect(Math.abs(next.offMs())).toBeLessThan(2_000);
    expect(Math.abs(next.surelyOffMs() - unmovedMs)).toBeLessThan(2_000);
    next.satellites();
    await next.pass(60);
    expect([next.offMs(), next.surelyOffMs()]).toEqual([next.offMs(), next.offMs()]);
    await next.part.stop();
    const last = box({ bootId: "a third", stateFolder, wallAtStart: TRUE_MS });
    expect(last.surelyOffMs()).toBe(0);
  });

  test("that could not be set as phones wished is surely what it was", async () => {
    const one = box({ isBroken: true });
    await one.part.start();
    one.phones(5, 3e9);
    await one.pass(100);
    expect(one.surelyOffMs()).toBe(one.offMs());
    await one.part.stop();
  });

  test("leaves its clock to the network where there is one, and trusts it", async () => {
    const one = box();
    await one.part.start();
    one.networkSets();
    one.phones(50, 3e9);
    one.radio(TRUE_MS + 1e9);
    await one.pass(60);
    expect([one.offMs(), one.part.isTrusted(), one.told]).toEqual([0, true, []]);
    expect(one.part.detail()).toContain("UTC, from the network, to within 1 second");
    await one.part.stop();
  });

  test("remembers through a restart of the daemon who has set it, and through no boot", async () => {
    const one = box();
    await one.part.start();
    one.satellites();
    await one.pass(30);
    await one.part.stop();
    const { runFolder } = one;
    const next = box({ runFolder });
    await next.part.start();
    expect(next.part.view().source).toBe("satellites");
    next.phones(50, 3e9);
    await next.pass(60);
    expect(next.offMs()).toBe(BEGINS - TRUE_MS);
    await next.part.stop();
    const booted = box({ runFolder, bootId: "another" });
    await booted.part.start();
    expect(booted.part.view().source).toBe("none");
    await booted.part.stop();
  });

  test("says that its clock cannot be set where nobody sets it, tells the journal once, and asks again later", async () => {
    const one = box({ isBroken: true });
    await one.part.start();
    one.satellites();
    await one.pass(120);
    expect(one.part.trouble()).toBe(
      "the clock is wrong by the word of satellites, by the LoRa case, and could not be set",
    );
    expect(existsSync(one.wish)).toBe(false);
    await one.pass(1_500);
    expect(one.told.map(({ kind }) => kind)).toEqual(["clock-not-set"]);
    expect(one.part.isKnown()).toBe(false);
    await one.part.stop();
  });
});

describe("a box on a machine whose clock is somebody's", () => {
  test("wishes for nothing, whatever it is told, and takes the clock as it is", async () => {
    const one = box({ setsClock: false });
    await one.part.start();
    one.phones(50);
    one.satellites();
    await one.pass(120);
    expect(existsSync(one.wish)).toBe(false);
    expect([one.offMs(), one.told]).toEqual([BEGINS - TRUE_MS, []]);
    expect([one.part.isKnown(), one.part.isTrusted()]).toEqual([true, true]);
    expect(timeText(one.part.view())).toContain("by the clock of the machine that this box runs on");
    await one.part.stop();
  });

  test("is believed no less because phones or a radio say the same, and more because satellites do", async () => {
    const one = box({ setsClock: false });
    await one.part.start();
    for (let n = 0; n < 9; n += 1) one.part.phoneSays(`phone ${n}`, BEGINS);
    one.radio(BEGINS);
    await one.pass(60);
    expect(one.part.view().phones).toBe(0);
    expect([one.part.view().source, one.part.isTrusted(), one.part.asksPhones()]).toEqual([
      "machine",
      true,
      false,
    ]);
    one.satellites(BEGINS);
    await one.pass(60);
    expect([one.part.view().source, one.part.isTrusted()]).toEqual(["satellites", true]);
    await one.part.stop();
  });
});

describe("the first page", () => {
  test("asks phones until somebody better has told the time, and is told when that changes", async () => {
    const one = box();
    await one.part.start();
    let told = 0;
    const end = one.part.onAsking(() => {
      told += 1;
    });
    one.phones(9);
    await one.pass(30);
    expect([one.part.asksPhones(), told]).toEqual([true, 0]);
    one.satellites();
    await one.pass(30);
    expect([one.part.asksPhones(), told]).toEqual([false, 1]);
    end();
    await one.part.stop();
  });
});
