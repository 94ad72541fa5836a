import { describe, expect, test } from "bun:test";
import { ModemRadio } from "../../../../src/bench/air/modem-radio.ts";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import type { Fate, Received } from "../../../../src/lora/radio.ts";
import { bytes, channel, onAir } from "./on-air.ts";

function twoRadios() {
  const { time, air, modems } = onAir({ a: 0, b: 100 });
  const radio = (name: "a" | "b") =>
    new ModemRadio({ modem: modems[name], settings: channel(), timers: time, name });
  const [a, b] = [radio("a"), radio("b")];
  const received: Received[] = [];
  b.on("received", (packet) => received.push(packet));
  void a.open();
  void b.open();
  const fates: Fate["state"][] = [];
  const send = (length: number, fill = 1) => {
    const own: Fate[] = [];
    a.send({ payload: bytes(length, fill), priority: "direct" }, (fate) => {
      own.push(fate);
      fates.push(fate.state);
    });
    return own;
  };
  return { time, air, modems, a, b, received, send, fates };
}

describe("a radio on a modem", () => {
  test("sends at once and tells when the frame has left, and the other hears it", () => {
    const { time, received, send } = twoRadios();
    const fates = send(50, 4);
    expect(fates).toEqual([]);
    time.advance(0);
    expect(fates).toEqual([{ state: "queued" }]);
    time.advance(timeOnAirMs(PRESETS.LongFast, 50) - 0.01);
    expect(fates.length).toBe(1);
    time.advance(0.02);
    expect(fates).toEqual([{ state: "queued" }, { state: "on-air" }]);
    expect(received).toEqual([
      {
        payload: bytes(50, 4),
        from: undefined,
        to: undefined,
        rssiDbm: expect.any(Number),
        snrDb: expect.any(Number),
        hops: 0,
      },
    ]);
  });

  test("sends one frame after the other, in the order in which they came", () => {
    const { time, air, received, send } = twoRadios();
    for (let i = 0; i < 10; i++) send(20, i);
    time.advance(60_000);
    expect(received.map(({ payload }) => payload[0])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const entries = air.airtime.entries("a");
    expect(entries.slice(1).every(({ startMs }, i) => startMs === entries[i]?.endMs)).toBe(true);
  });

  test("says why it does not send", () => {
    const { time, a, send } = twoRadios();
    const empty = send(0);
    const large = send(256);
    const many = Array.from({ length: 18 }, () => send(10));
    void a.close();
    const late = send(10);
    time.advance(60_000);
    expect(empty).toEqual([{ state: "failed", reason: "refused", detail: "payload: it is empty" }]);
    expect(large).toEqual([
      { state: "failed", reason: "too-large", detail: "payload: 256 bytes, more than 255" },
    ]);
    expect(many[17]).toEqual([{ state: "failed", reason: "queue-full", detail: "16 frames wait already" }]);
    expect(late).toEqual([{ state: "failed", reason: "radio-gone", detail: "the radio is closed" }]);
    for (const fates of many.slice(0, 17)) {
      expect(fates).toEqual([
        { state: "queued" },
        { state: "failed", reason: "radio-gone", detail: "closed by the host" },
      ]);
    }
  });

  test("that is unplugged leaves half a frame on the air, and says so once", () => {
    const { time, air, a, received, send } = twoRadios();
    const reasons: string[] = [];
    a.on("closed", (reason) => reasons.push(reason));
    const fates = send(200);
    time.advance(300);
    a.unplug();
    void a.close();
    time.advance(60_000);
    expect(reasons).toEqual(["unplugged"]);
    expect(fates.at(-1)).toEqual({ state: "failed", reason: "radio-gone", detail: "unplugged" });
    expect(received).toEqual([]);
    expect(air.airtime.totalMs("a")).toBe(300);
  });

  test("hears no more once it is closed, while the next one on the same modem does", () => {
    const { time, modems, b, received, send } = twoRadios();
    void b.close();
    const next = new ModemRadio({ modem: modems.b, settings: channel(), timers: time });
    let heard = 0;
    next.on("received", () => heard++);
    void next.open();
    send(10);
    time.advance(60_000);
    expect([received.length, heard]).toEqual([0, 1]);
  });

  test("lets the host listen before it talks", () => {
    const { time, a, b, send } = twoRadios();
    expect(b.capabilities.listensBeforeTalk).toBe(true);
    send(100);
    time.advance(100);
    expect([a.isBusy(), b.isBusy()]).toEqual([true, true]);
    time.advance(60_000);
    expect([a.isBusy(), b.isBusy()]).toEqual([false, false]);
  });

  test("knows the rate of its channel, also when that is changed", async () => {
    const { time, a, b, received, send } = twoRadios();
    expect(a.capabilities.bitRate).toBeCloseTo(1_074.2, 1);
    let changed = 0;
    a.on("changed", () => changed++);
    await a.setChannel(channel(PRESETS.ShortTurbo));
    expect(a.capabilities.bitRate).toBeCloseTo(21_875, 1);
    expect(a.status().channel.modulation).toEqual(PRESETS.ShortTurbo);
    send(10);
    time.advance(1_000);
    expect(received).toEqual([]);
    await b.setChannel(channel(PRESETS.ShortTurbo));
    send(10);
    time.advance(1_000);
    expect([received.length, changed]).toEqual([1, 1]);
    const wrong = channel({ ...PRESETS.LongFast, spreadingFactor: 4 });
    expect(a.setChannel(wrong)).rejects.toThrow("spreadingFactor: 4 is not one of 5 to 12");
    expect(a.capabilities.bitRate).toBeCloseTo(21_875, 1);
  });

  test("is opened once", async () => {
    const { a } = twoRadios();
    expect(a.open()).rejects.toThrow("a radio that is open cannot be opened");
    await a.close();
    expect(a.open()).rejects.toThrow("a radio that is closed cannot be opened");
    expect(a.nodes()).toEqual([]);
    expect(a.status()).toMatchObject({ name: "a", hardware: "virtual modem" });
  });
});
