import { describe, expect, test } from "bun:test";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import { symbolMs, timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { bytes, channel, ignore, onAir } from "./on-air.ts";

const SYMBOL_MS = symbolMs(PRESETS.LongFast);
/** Preamble symbols that may be lost: all but the last five. */
const FREE_SYMBOLS = PRESETS.LongFast.preambleSymbols - 5;

describe("a frame on the air", () => {
  test("is on it for the time of Semtech's formula, and is heard when its last symbol has left", () => {
    // 255 bytes: 8 + ceil(n / 4 SF) · 5 symbols of payload and 20.25 of preamble, worked out by hand.
    const expected = [
      [PRESETS.LongFast, (20.25 + 8 + Math.ceil((2040 - 44 + 44) / 44) * 5) * 8.192],
      [PRESETS.MediumFast, (20.25 + 8 + Math.ceil((2040 - 36 + 44) / 36) * 5) * 2.048],
      [PRESETS.ShortTurbo, (20.25 + 8 + Math.ceil((2040 - 28 + 44) / 28) * 5) * 0.256],
    ] as const;
    for (const [modulation, airtimeMs] of expected) {
      const { time, modems, heard } = onAir({ a: 0, b: 100 }, { settings: channel(modulation) });
      let left = false;
      const told = modems.a.transmit(bytes(255), () => {
        left = true;
      });
      expect(told).toBeCloseTo(airtimeMs, 6);
      time.advance(airtimeMs - 0.001);
      expect([left, heard.b.length]).toEqual([false, 0]);
      time.advance(0.002);
      expect([left, heard.b.length]).toEqual([true, 1]);
    }
  });

  test("arrives with the strength that distance leaves it, and over the noise by that", () => {
    const { time, modems, heard, air } = onAir({ a: 0, b: { x: 300, y: 400 } }, { pathLoss: FREE_SPACE });
    modems.a.transmit(bytes(20, 7), ignore);
    time.advance(10_000);
    const [frame] = heard.b;
    expect(frame?.bytes).toEqual(bytes(20, 7));
    expect(frame?.rssiDbm).toBeCloseTo(14 - 85.22, 1);
    expect(frame?.snrDb).toBeCloseTo(14 - 85.22 + 174 - 53.98 - 6, 1);
    expect(frame?.rssiDbm).toBe(air.rssiDbm(modems.a, modems.b, channel()));
    expect(heard.a).toEqual([]);
  });

  test("is heard to the sensitivity and not below it", () => {
    const weakest = -174 + 10 * Math.log10(250_000) + 6 - 17.5;
    const hears = (marginDb: number) => {
      const { time, air, modems, heard } = onAir({ a: 0, b: 1_000 });
      const rssiDbm = air.rssiDbm(modems.a, modems.b, channel());
      const settings = channel(PRESETS.LongFast, { powerDbm: 14 + weakest - rssiDbm + marginDb });
      modems.a.configure(settings);
      modems.a.transmit(bytes(20), ignore);
      time.advance(10_000);
      return [heard.b.length, air.stats().lost["too-weak"]];
    };
    expect(hears(0.01)).toEqual([1, 0]);
    expect(hears(-0.01)).toEqual([0, 1]);
  });

  test("is not changed by what sender or receivers do with their bytes", () => {
    const { time, modems, heard } = onAir({ a: 0, b: 100, c: 100 });
    modems.b.onFrame((frame) => frame.bytes.fill(9));
    const frame = bytes(20);
    modems.a.transmit(frame, ignore);
    frame.fill(2);
    time.advance(10_000);
    expect(heard.b.map((f) => f.bytes)).toEqual([bytes(20)]);
    expect(heard.c.map((f) => f.bytes)).toEqual([bytes(20)]);
  });

  test("goes to whoever listens to that signal, and is counted for everyone else", () => {
    const { time, air, modems, heard } = onAir({ a: 0, b: 100, other: 100, medium: 100, asleep: 100 });
    modems.other.configure(channel(PRESETS.LongFast, { frequencyHz: 868_300_000 }));
    modems.medium.configure(channel(PRESETS.MediumFast));
    modems.asleep.configure(undefined);
    modems.a.transmit(bytes(20), ignore);
    time.advance(10_000);
    expect(heard.b.length).toBe(1);
    const { sent, received, lost, airtimeMs } = air.stats();
    expect([sent, received, lost["tuned-elsewhere"], lost.asleep]).toEqual([1, 1, 2, 1]);
    expect(airtimeMs).toBeCloseTo(timeOnAirMs(PRESETS.LongFast, 20), 9);
  });

  test("follows a modem that moves", () => {
    const { time, modems, heard } = onAir({ a: 0, b: 100 });
    modems.b.position = { x: 50_000, y: 0 };
    modems.a.transmit(bytes(20), ignore);
    time.advance(10_000);
    expect(heard.b.length).toBe(0);
    modems.b.position = { x: 0, y: 100 };
    modems.a.transmit(bytes(20), ignore);
    time.advance(10_000);
    expect(heard.b.length).toBe(1);
    modems.a.position = { x: 50_000, y: 0 };
    modems.a.transmit(bytes(20), ignore);
    time.advance(10_000);
    expect(heard.b.length).toBe(1);
  });

  test("goes farther on a lower frequency, in free space", () => {
    const { air, modems } = onAir({ a: 0, b: 1_000 }, { pathLoss: FREE_SPACE });
    const rssiDbm = (frequencyHz: number) =>
      air.rssiDbm(modems.a, modems.b, channel(PRESETS.LongFast, { frequencyHz }));
    expect(rssiDbm(434_000_000) - rssiDbm(868_000_000)).toBeCloseTo(6.02, 2);
  });
});

describe("frames that meet", () => {
  /** Two senders at opposite sides of a receiver, the second stronger by so much and later by so much. */
  function met(strongerDb: number, laterMs: number, more: Parameters<typeof onAir>[1] = {}) {
    const { time, air, modems, heard } = onAir({ first: -200, middle: 0, second: 200 }, more);
    modems.second.configure(channel(PRESETS.LongFast, { powerDbm: 14 + strongerDb }));
    modems.first.transmit(bytes(30, 1), ignore);
    time.advance(laterMs);
    modems.second.transmit(bytes(30, 2), ignore);
    time.advance(10_000);
    return { heard: heard.middle.map((frame) => frame.bytes[0]), lost: air.stats().lost };
  }

  test("destroy each other when neither is stronger by 6 dB", () => {
    for (const strongerDb of [0, 5.9, -5.9]) {
      const { heard, lost } = met(strongerDb, 50);
      expect(heard).toEqual([]);
      // Each sender misses the other's frame because it sends itself.
      expect([lost.collision, lost["half-duplex"]]).toEqual([2, 2]);
    }
  });

  test("leave the one that is stronger by 6 dB, whichever came first", () => {
    expect(met(6.1, 50).heard).toEqual([2]);
    expect(met(-6.1, 50).heard).toEqual([1]);
    expect(met(6.1, 0).heard).toEqual([2]);
  });

  test("leave the first where receivers hold on to it, unless it is destroyed", () => {
    const strongLater = met(20, FREE_SYMBOLS * SYMBOL_MS + 1, { receiver: "holds-on" });
    expect(strongLater.heard).toEqual([]);
    expect([strongLater.lost.locked, strongLater.lost.collision]).toEqual([1, 1]);
    expect(met(20, 1, { receiver: "holds-on" }).heard).toEqual([2]);
    expect(met(-20, 50, { receiver: "holds-on" }).heard).toEqual([1]);
  });

  test("leave the second where the receiver has let go of the first", () => {
    const { time, modems, heard } = onAir({ first: -200, middle: 0, second: 200 }, { receiver: "holds-on" });
    modems.second.configure(channel(PRESETS.LongFast, { powerDbm: 30 }));
    modems.first.transmit(bytes(200, 1), ignore);
    time.advance(FREE_SYMBOLS * SYMBOL_MS + 1);
    modems.middle.configure(channel());
    modems.second.transmit(bytes(30, 2), ignore);
    time.advance(10_000);
    expect(heard.middle.map((frame) => frame.bytes[0])).toEqual([2]);
  });

  test("do not harm the second when the first ends before the last five symbols of its preamble", () => {
    const airtimeMs = timeOnAirMs(PRESETS.LongFast, 30);
    const early = airtimeMs - FREE_SYMBOLS * SYMBOL_MS;
    expect(met(0, early + 0.01).heard).toEqual([2]);
    expect(met(0, early - 0.01).heard).toEqual([]);
    expect(met(0, airtimeMs + 0.01).heard).toEqual([1, 2]);
  });

  test("do not harm each other end to end, even at the same instant", () => {
    const { time, modems, heard } = onAir({ first: -200, middle: 0, second: 200 });
    modems.first.transmit(bytes(30, 1), () => modems.first.transmit(bytes(30, 2), ignore));
    time.advance(10_000);
    expect(heard.middle.map((frame) => frame.bytes[0])).toEqual([1, 2]);

    // Here the second begins before the end of the first is dealt with, though at the same time.
    const other = onAir({ first: -200, middle: 0, second: 200 });
    other.time.after(timeOnAirMs(PRESETS.LongFast, 30), () =>
      other.modems.second.transmit(bytes(30, 2), ignore),
    );
    other.modems.first.transmit(bytes(30, 1), ignore);
    other.time.advance(10_000);
    expect(other.heard.middle.map((frame) => frame.bytes[0])).toEqual([1, 2]);
  });

  test("are weighed against the sum of all others", () => {
    const heardBeside = (...weak: ("north" | "south")[]) => {
      const { time, modems, heard } = onAir({
        middle: 0,
        loud: 500,
        north: { x: 0, y: 500 },
        south: { x: 0, y: -500 },
      });
      modems.loud.transmit(bytes(30, 1), ignore);
      for (const name of weak) {
        modems[name].configure(channel(PRESETS.LongFast, { powerDbm: 14 - 6.5 }));
        modems[name].transmit(bytes(30, 2), ignore);
      }
      time.advance(10_000);
      return heard.middle.length;
    };
    expect(heardBeside("north")).toBe(1);
    expect(heardBeside("south")).toBe(1);
    expect(heardBeside("north", "south")).toBe(0);
  });

  test("pass each other with another spreading factor, unless far too strong", () => {
    const against = (strongerDb: number) => {
      const { time, modems, heard } = onAir({ first: -200, middle: 0, second: 200 });
      modems.second.configure(channel(PRESETS.MediumFast, { powerDbm: 14 + strongerDb }));
      modems.first.transmit(bytes(30, 1), ignore);
      modems.second.transmit(bytes(30, 2), ignore);
      time.advance(10_000);
      return heard.middle.length;
    };
    expect(against(0)).toBe(1);
    expect(against(19.9)).toBe(1);
    expect(against(20.1)).toBe(0);
  });

  test("do not meet on another frequency", () => {
    const { time, modems, heard } = onAir({ first: -200, middle: 0, second: 200 });
    modems.second.configure(channel(PRESETS.LongFast, { frequencyHz: 869_525_000 + 250_000, powerDbm: 60 }));
    modems.first.transmit(bytes(30, 1), ignore);
    modems.second.transmit(bytes(30, 2), ignore);
    time.advance(10_000);
    expect(heard.middle.map((frame) => frame.bytes[0])).toEqual([1]);
  });
});

describe("a modem", () => {
  test("hears nothing while it sends, and loses what it was receiving", () => {
    const { time, air, modems, heard } = onAir({ a: 0, b: 100 });
    modems.a.transmit(bytes(100), ignore);
    time.advance(300);
    modems.b.transmit(bytes(10), ignore);
    time.advance(10_000);
    expect([heard.a.length, heard.b.length]).toEqual([0, 0]);
    expect(air.stats().lost["half-duplex"]).toBe(2);
  });

  test("hears a frame when its own ends before the last five symbols of the preamble", () => {
    const heardAfter = (headStartMs: number) => {
      const { time, modems, heard } = onAir({ a: 0, b: 100 });
      const airtimeMs = modems.b.transmit(bytes(10), ignore);
      time.advance(airtimeMs - headStartMs);
      modems.a.transmit(bytes(10), ignore);
      time.advance(10_000);
      return heard.b.length;
    };
    expect(heardAfter(FREE_SYMBOLS * SYMBOL_MS - 0.01)).toBe(1);
    expect(heardAfter(FREE_SYMBOLS * SYMBOL_MS + 0.01)).toBe(0);
  });

  test("loses what it was receiving when it is configured, and hears what comes after", () => {
    const { time, air, modems, heard } = onAir({ a: 0, b: 100 });
    modems.a.transmit(bytes(100), ignore);
    time.advance(300);
    modems.b.configure(channel());
    time.advance(10_000);
    expect([heard.b.length, air.stats().lost.retuned]).toEqual([0, 1]);
    modems.a.transmit(bytes(100), ignore);
    time.advance(FREE_SYMBOLS * SYMBOL_MS - 1);
    modems.b.configure(channel());
    time.advance(10_000);
    expect(heard.b.length).toBe(1);
  });

  test("says that the channel is busy from the third symbol of a signal of its own kind, or of its own, on", () => {
    const { time, modems } = onAir({ a: 0, b: 100, far: 40_000, medium: 100, asleep: 100 });
    modems.medium.configure(channel(PRESETS.MediumFast));
    modems.asleep.configure(undefined);
    const busy = () => Object.values(modems).map((modem) => modem.isBusy());
    expect(busy()).toEqual([false, false, false, false, false]);
    const airtimeMs = modems.a.transmit(bytes(100), ignore);
    time.advance(2 * SYMBOL_MS - 0.01);
    expect(busy()).toEqual([true, false, false, false, false]);
    time.advance(0.01);
    expect(busy()).toEqual([true, true, false, false, false]);
    time.advance(airtimeMs - 2 * SYMBOL_MS - 0.01);
    expect(busy()).toEqual([true, true, false, false, false]);
    time.advance(0.01);
    expect(busy()).toEqual([false, false, false, false, false]);
  });

  test("refuses what no modem can do", () => {
    const { modems, air } = onAir({ a: 0 });
    expect(() => modems.a.transmit(bytes(0), ignore)).toThrow("a: frame: 0 bytes, not 1 to 255");
    expect(() => modems.a.transmit(bytes(256), ignore)).toThrow("256 bytes");
    modems.a.transmit(bytes(255), ignore);
    expect(() => modems.a.transmit(bytes(1), ignore)).toThrow("a: it is sending already");
    modems.a.configure(undefined);
    expect(() => modems.a.transmit(bytes(1), ignore)).toThrow("a: a sleeping modem cannot send");
    expect(() => air.modem({ name: "a", position: { x: 0, y: 0 } })).toThrow("name: a is taken");
    const wrong = [
      [channel({ ...PRESETS.LongFast, spreadingFactor: 13 }), "spreadingFactor"],
      [channel({ ...PRESETS.LongFast, bandwidthHz: 0 }), "bandwidthHz"],
      [channel({ ...PRESETS.LongFast, codingRate: 4 }), "codingRate"],
      [channel({ ...PRESETS.LongFast, preambleSymbols: 0 }), "preambleSymbols"],
      [channel(PRESETS.LongFast, { frequencyHz: -1 }), "frequencyHz"],
      [channel(PRESETS.LongFast, { powerDbm: Number.NaN }), "powerDbm"],
    ] as const;
    for (const [settings, field] of wrong) expect(() => modems.a.configure(settings)).toThrow(field);
  });

  test("that loses its power cuts its frame off, and sends again once it has power", () => {
    const { time, air, modems, heard } = onAir({ a: 0, b: 100, c: 200 });
    let done = 0;
    const airtimeMs = modems.a.transmit(bytes(200), () => done++);
    time.advance(500);
    modems.a.configure(undefined);
    expect(modems.b.isBusy()).toBe(false);
    expect(air.airtime.totalMs("a")).toBe(500);
    expect(air.stats().airtimeMs).toBeCloseTo(500, 6);
    expect(air.stats().lost["cut-off"]).toBe(2);
    modems.a.configure(channel());
    modems.a.transmit(bytes(10), () => done++);
    time.advance(airtimeMs * 2);
    expect([done, heard.b.length]).toEqual([1, 1]);
  });

  test("that is configured while it sends does so from the end of its frame", () => {
    const { time, modems, heard } = onAir({ a: 0, b: 100 });
    modems.a.transmit(bytes(50), ignore);
    modems.a.configure(channel(PRESETS.MediumFast));
    time.advance(10_000);
    expect(heard.b.length).toBe(1);
    modems.b.transmit(bytes(50), ignore);
    time.advance(10_000);
    expect(heard.a.length).toBe(0);
  });

  test("answers from within what it hears, and is heard by the one that has just sent", () => {
    const { time, modems, heard } = onAir({ a: 0, b: 100, c: 0 });
    modems.b.onFrame((frame) => modems.b.transmit(frame.bytes, ignore));
    modems.a.transmit(bytes(30, 5), ignore);
    time.advance(10_000);
    expect([heard.a.length, heard.b.length, heard.c.length]).toEqual([1, 1, 2]);
  });

  test("tells nobody who no longer listens", () => {
    const { time, modems } = onAir({ a: 0, b: 100 });
    let heard = 0;
    const stop = modems.b.onFrame(() => heard++);
    modems.a.transmit(bytes(1), ignore);
    time.advance(10_000);
    stop();
    stop();
    modems.a.transmit(bytes(1), ignore);
    time.advance(10_000);
    expect(heard).toBe(1);
  });
});

describe("an air that loses frames", () => {
  test("loses each at each receiver by itself, at the rate that is set", () => {
    for (const frameLoss of [0, 0.1, 0.3, 1]) {
      const { time, air, modems, heard } = onAir(
        { a: 0, b: 100, c: 200 },
        { frameLoss, settings: channel(PRESETS.ShortTurbo) },
      );
      const rounds = 4_000;
      for (let i = 0; i < rounds; i++) {
        modems.a.transmit(bytes(10), ignore);
        time.advance(1_000);
      }
      for (const frames of [heard.b, heard.c]) {
        expect(Math.abs(1 - frames.length / rounds - frameLoss)).toBeLessThan(0.025);
      }
      const { received, lost } = air.stats();
      expect(received + lost.random).toBe(2 * rounds);
    }
    expect(() => onAir({}, { frameLoss: 1.1 })).toThrow("frameLoss: 1.1 is not 0 to 1");
  });
});
