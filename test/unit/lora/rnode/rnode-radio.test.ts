import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import type { Priority } from "../../../../src/lora/priority.ts";
import { kissFrame } from "../../../../src/lora/rnode/kiss.ts";
import { Fates } from "../compliance/fates.ts";
import { longFast, RnodeWorld, shortTurbo } from "./rnode-world.ts";

const bytes = (length: number, fill = 7) => new Uint8Array(length).fill(fill);
const packet = (length: number, priority: Priority = "direct") => ({ payload: bytes(length), priority });

describe("opening an RNode", () => {
  test("sets the channel and knows the firmware, whatever the boot loader prints", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened(longFast, { batteryPercent: 81 });
    world.timers.advance(6_000);
    expect(radio.status()).toMatchObject({
      firmware: "RNode 1.86",
      hardware: "ESP32",
      channel: { ...longFast, modulation: { ...PRESETS.LongFast, preambleSymbols: 18 } },
      airtimeShare: 0,
      channelUse: 0,
      batteryPercent: 81,
    });
    expect(radio.capabilities).toMatchObject({ maxPayloadBytes: 254, access: "raw", overheadBytes: 1 });
  });

  test("waits for a board that takes long to start", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.rnode(longFast, { bootMs: 4_000 });
    await world.settled(radio.open(), 20_000);
  });

  test.each([
    ["firmware that is too old", { version: [1, 51] as const }, "unsupported", "firmware 1.51"],
    ["power that the board does not have", { maxPowerDbm: 10 }, "refused", "powerDbm: the radio can do 10"],
    ["a chip that does not start", { isBroken: true }, "refused", "error 1"],
    ["a board that never starts", { bootMs: 60_000 }, "no-answer", "detect"],
  ])("fails for %s", async (_, more, reason, detail) => {
    const world = new RnodeWorld();
    const { radio, closed } = await world.rnode(longFast, more);
    await expect(world.settled(radio.open(), 30_000)).rejects.toMatchObject({
      reason,
      message: expect.stringContaining(detail),
    });
    expect(closed).toEqual([]);
  });

  test("takes newer major versions", async () => {
    const world = new RnodeWorld();
    await world.opened(longFast, { version: [2, 0] });
  });
});

describe("a packet", () => {
  test.each([1, 254])("of %d bytes is one LoRa frame", async (length) => {
    const world = new RnodeWorld();
    const a = await world.opened();
    const b = await world.opened();
    a.radio.send(packet(length), () => {});
    await world.until(() => b.received.length > 0, 20_000);
    expect(world.air.stats().sent).toBe(1);
    expect(world.air.stats().airtimeMs).toBeCloseTo(
      timeOnAirMs({ ...PRESETS.LongFast, preambleSymbols: 18 }, length + 1),
    );
  });

  test.each([255, 508])("of %d bytes comes from others in two frames, put together again", async (length) => {
    const world = new RnodeWorld();
    const a = await world.opened();
    const b = await world.opened();
    await a.port.write(kissFrame(0, bytes(length)));
    await world.until(() => b.received.length > 0, 20_000);
    expect(world.air.stats().sent).toBe(2);
    expect(b.received[0]?.payload).toEqual(bytes(length));
  });

  test("of 255 bytes is not sent", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened();
    const fates = Fates.of(radio, packet(255));
    world.timers.advance(10_000);
    expect(fates.told).toMatchObject([{ state: "failed", reason: "too-large" }]);
    expect(world.air.stats().sent).toBe(0);
  });

  test("is told to be on air right after it has left, at rates high and low", async () => {
    for (const [channel, length] of [
      [longFast, 20],
      [longFast, 254],
      [shortTurbo, 20],
      [shortTurbo, 254],
    ] as const) {
      const world = new RnodeWorld();
      const a = await world.opened(channel);
      const b = await world.opened(channel);
      for (let i = 0; i < 5; i++) {
        const fates = Fates.of(a.radio, packet(length));
        expect(await world.until(() => b.received.length > i, 20_000)).toBe(true);
        expect(await world.until(() => fates.final !== undefined, 50)).toBe(true);
        expect(fates.states).toEqual(["queued", "on-air"]);
      }
    }
  });

  test("is not lost sight of when the firmware's account of its airtime turns over", async () => {
    const world = new RnodeWorld();
    const a = await world.opened();
    const b = await world.opened();
    const told: { onAirMs: number; heardMs: number }[] = [];
    b.radio.on("received", () => told.push({ heardMs: world.timers.monotonicMs(), onAirMs: 0 }));
    // Some ten turns of the bins of 7.5 s.
    for (let i = 0; i < 40; i++) {
      const fates = Fates.of(a.radio, packet(200));
      expect(await world.until(() => fates.final !== undefined, 30_000)).toBe(true);
      const last = told[i];
      if (!last) throw new Error("told before it was heard");
      last.onAirMs = world.timers.monotonicMs();
    }
    const lateMs = told.map(({ heardMs, onAirMs }) => onAirMs - heardMs);
    expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...lateMs)).toBeLessThan(50);
  });

  test.each([
    ["LongFast", longFast, 1_500],
    ["ShortTurbo", shortTurbo, 300],
    ["ShortTurbo, at its limit", shortTurbo, 60],
  ])(
    "is never told to be on air early where several contend, nor late by much: %s",
    async (_, channel, gapMs) => {
      const world = new RnodeWorld();
      const senders = [await world.opened(channel), await world.opened(channel), await world.opened(channel)];
      const listener = await world.opened(channel);
      const random = seededRandom(9);
      const heardMs = new Map<number, number>();
      listener.radio.on("received", ({ payload: [number = -1] }) =>
        heardMs.set(number, world.timers.monotonicMs()),
      );
      const onAirMs = new Map<number, number>();
      const all: Fates[] = [];
      for (let number = 0; number < 200; number++) {
        const payload = bytes(3 + Math.floor(random() * 250), number);
        const sender = senders[number % senders.length];
        if (!sender) throw new Error("no sender");
        all.push(
          Fates.of(sender.radio, { payload, priority: "room" }, ({ state }) => {
            if (state === "on-air") onAirMs.set(number, world.timers.monotonicMs());
          }),
        );
        world.timers.advance(random() * gapMs);
      }
      expect(await world.until(() => all.every(({ final }) => final), 1_200_000)).toBe(true);
      await world.until(() => false, 10_000);
      expect(all.flatMap(({ faults }) => faults)).toEqual([]);
      // Collisions take a few.
      const lateMs = [...heardMs].map(([number, ms]) => (onAirMs.get(number) ?? Number.NaN) - ms);
      expect(lateMs.length).toBeGreaterThan(180);
      expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...lateMs)).toBeLessThan(3_000);
      expect(lateMs.filter((ms) => ms > 50).length).toBeLessThan(20);
    },
  );

  test("waits in the driver, the most urgent first", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened();
    const order: string[] = [];
    for (const priority of ["background", "room", "direct", "sos", "check-in", "sos"] as const) {
      radio.send(packet(10, priority), ({ state }) => state === "on-air" && order.push(priority));
    }
    await world.until(() => order.length === 6, 60_000);
    expect(order).toEqual(["background", "sos", "sos", "check-in", "direct", "room"]);
  });

  test("beyond what the driver keeps fails", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened();
    const all = Array.from({ length: 70 }, () => Fates.of(radio, packet(1)));
    world.timers.advance(0);
    expect(all.filter(({ final }) => final?.state === "failed").map(({ final }) => final)).toEqual(
      Array.from({ length: 5 }, () => ({
        state: "failed",
        reason: "queue-full",
        detail: "64 packets wait already",
      })),
    );
  });

  test("that the firmware drops fails with what the firmware says", async () => {
    const world = new RnodeWorld();
    const { radio, noise } = await world.opened();
    const full = Fates.of(radio, packet(10));
    noise(kissFrame(0x90, [4]));
    world.timers.advance(1);
    expect(full.final).toMatchObject({ state: "failed", reason: "queue-full" });
    const failed = Fates.of(radio, packet(10));
    noise(kissFrame(0x90, [2]));
    world.timers.advance(1);
    expect(failed.final).toMatchObject({ state: "failed", reason: "refused" });
  });

  test("is on air at the word of firmware with flow control", async () => {
    const world = new RnodeWorld();
    const { radio, noise } = await world.opened(shortTurbo);
    const fates = Fates.of(radio, packet(10));
    noise(kissFrame(0x0f, [1]));
    world.timers.advance(1);
    expect(fates.states).toEqual(["queued", "on-air"]);
  });

  test("that nothing is ever heard of is taken for sent after the longest that it can take", async () => {
    const world = new RnodeWorld();
    const { radio, firmware } = await world.opened(shortTurbo);
    firmware.stop();
    const fates = Fates.of(radio, packet(10));
    world.timers.advance(2_000);
    expect(fates.states).toEqual(["queued", "on-air"]);
  });

  test.each([
    ["slots that are far too long", 0x26, [0, 0, 0, 18, 0, 18, 0, 148, 0xff, 0xff, 0xff, 0xff]],
    ["a preamble that is far too long", 0x26, [0, 0, 0, 18, 0xff, 0xff, 0, 148, 0, 24, 0, 48]],
    ["a contention window that is far too long", 0x28, [1, 0, 255]],
  ])("has its fate within seconds although noise on the line told of %s", async (_, command, payload) => {
    const world = new RnodeWorld();
    const { radio, firmware, noise } = await world.opened(shortTurbo);
    firmware.stop();
    noise(kissFrame(0x26, [0, 0, 0, 18, 0, 18, 0, 148, 0, 100, 0, 200]));
    noise(kissFrame(command, payload));
    world.timers.advance(1);
    const fates = Fates.of(radio, packet(10));
    world.timers.advance(10_000);
    expect(fates.states).toEqual(["queued", "on-air"]);
    expect(radio.status().channel.modulation?.preambleSymbols).toBe(18);
  });

  test("without word of its signal is noise on the line", async () => {
    const world = new RnodeWorld();
    const { noise, received } = await world.opened();
    noise(kissFrame(0, [1, 2, 3]));
    world.timers.advance(1);
    expect(received).toEqual([]);
    for (const [command, byte] of [
      [0x23, 60],
      [0x24, 4],
    ] as const)
      noise(kissFrame(command, [byte]));
    noise(kissFrame(0, [1, 2, 3]));
    world.timers.advance(1);
    expect(received).toMatchObject([{ payload: Uint8Array.of(1, 2, 3), rssiDbm: -97, snrDb: 1 }]);
  });
});

describe("whatever the firmware says", () => {
  test("the radio throws nothing, and its status stays one that can be", async () => {
    const world = new RnodeWorld();
    const { radio, noise, received } = await world.opened();
    // All but the restart and the errors, which end a radio or a packet.
    const command = fc.integer({ min: 0, max: 0xff }).filter((code) => code !== 0x55 && code !== 0x90);
    fc.assert(
      fc.property(fc.array(fc.tuple(command, fc.uint8Array({ maxLength: 16 }))), (frames) => {
        for (const [code, payload] of frames) noise(kissFrame(code, payload));
        Fates.of(radio, packet(5));
        world.timers.advance(100);
        const { airtimeShare = 0, batteryPercent = 0, channel } = radio.status();
        expect(airtimeShare).toBeLessThanOrEqual(1);
        expect(batteryPercent).toBeLessThanOrEqual(100);
        expect(channel.modulation?.preambleSymbols).toBeGreaterThan(0);
      }),
    );
    for (const { rssiDbm, snrDb } of received) {
      expect(rssiDbm).toBeWithin(-157, 99);
      expect(snrDb).toBeWithin(-32, 32);
    }
  });
});

describe("setting the channel", () => {
  test("takes effect after what the firmware holds, and before what waits", async () => {
    const world = new RnodeWorld();
    const a = await world.opened();
    const slow = await world.opened();
    const fast = await world.opened(shortTurbo);
    a.radio.send({ payload: bytes(1, 1), priority: "direct" }, () => {});
    const change = a.radio.setChannel(shortTurbo);
    a.radio.send({ payload: bytes(1, 2), priority: "direct" }, () => {});
    await world.settled(change, 20_000);
    await world.until(() => fast.received.length > 0, 20_000);
    expect(slow.received.map(({ payload }) => payload[0])).toEqual([1]);
    expect(fast.received.map(({ payload }) => payload[0])).toEqual([2]);
    expect(a.radio.status().channel.modulation).toEqual({ ...PRESETS.ShortTurbo, preambleSymbols: 94 });
  });

  test("that the board cannot do leaves it where it was, and working", async () => {
    const world = new RnodeWorld();
    const a = await world.opened(longFast, { maxPowerDbm: 20 });
    const b = await world.opened();
    await expect(
      world.settled(a.radio.setChannel({ ...longFast, powerDbm: 27 }), 20_000),
    ).rejects.toMatchObject({
      reason: "refused",
      message: "powerDbm: the radio can do 20, not 27",
    });
    a.radio.send(packet(5), () => {});
    expect(await world.until(() => b.received.length > 0, 20_000)).toBe(true);
    expect(a.radio.status().channel).toMatchObject({ powerDbm: 14 });
  });

  test("is refused by name before the radio is touched", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened();
    await expect(radio.setChannel({ ...longFast, frequencyHz: 1 })).rejects.toMatchObject({
      reason: "refused",
      message: expect.stringContaining("frequencyHz"),
    });
  });

  test("is not stopped by a late word of the radio that was switched off", async () => {
    const world = new RnodeWorld();
    const { radio, port, noise } = await world.opened();
    const write = port.write.bind(port);
    let late = 0;
    port.write = (bytes) => {
      if (bytes[1] === 0x06 && bytes[2] === 1 && late++ === 0) noise(kissFrame(0x06, [0]));
      return write(bytes);
    };
    await world.settled(radio.setChannel(shortTurbo), 20_000);
    expect(late).toBe(2);
    expect(radio.status().channel.modulation?.spreadingFactor).toBe(7);
  });

  test("one after the other ends on the last", async () => {
    const world = new RnodeWorld();
    const { radio } = await world.opened();
    const changes = Promise.all([
      radio.setChannel(shortTurbo),
      radio.setChannel({ ...longFast, powerDbm: 20 }),
    ]);
    await world.settled(changes, 30_000);
    expect(radio.status().channel.powerDbm).toBe(20);
    expect(radio.capabilities.bitRate).toBeCloseTo(1_074, 0);
  });
});

describe("an RNode is given up", () => {
  test("when its firmware restarts", async () => {
    const world = new RnodeWorld();
    const { radio, closed, noise, port } = await world.opened();
    const ports: string[] = [];
    port.on("closed", ({ reason }) => ports.push(reason));
    const fates = Fates.of(radio, packet(5));
    noise(kissFrame(0x55, [0xf8]));
    await world.until(() => fates.final !== undefined, 1_000);
    expect(closed).toEqual(["the firmware was restarted"]);
    expect(ports).toEqual(["asked"]);
    expect(fates.final).toMatchObject({ reason: "radio-gone" });
  });

  test("when its firmware restarts and noise drowns that it says so", async () => {
    const world = new RnodeWorld();
    const { port, closed } = await world.opened(longFast, { batteryPercent: 50 });
    const { emit } = port;
    port.emit = () => false;
    await port.write(kissFrame(0x55, [0xf8]));
    world.timers.advance(2_000);
    port.emit = emit;
    await world.until(() => closed.length > 0, 60_000);
    expect(closed).toEqual(["the firmware was restarted"]);
  });

  test("and not when noise says that its radio is off", async () => {
    const world = new RnodeWorld();
    const { noise, closed } = await world.opened();
    for (let i = 0; i < 20; i++) {
      noise(kissFrame(0x06, [0]));
      world.timers.advance(5_000);
    }
    expect(closed).toEqual([]);
  });

  test("when it falls silent, after it has been asked", async () => {
    const world = new RnodeWorld();
    const { firmware, closed } = await world.opened();
    firmware.stop();
    await world.until(() => closed.length > 0, 120_000);
    expect(closed).toEqual(["the firmware does not answer any more"]);
  });

  test("and not when it only has nothing to say", async () => {
    const world = new RnodeWorld();
    const { closed } = await world.opened();
    await world.until(() => closed.length > 0, 600_000);
    expect(closed).toEqual([]);
  });

  test("with its radio off and a goodbye when it is closed", async () => {
    const world = new RnodeWorld();
    const { radio, port } = await world.opened();
    const written: number[] = [];
    const write = port.write.bind(port);
    port.write = (bytes) => {
      written.push(...bytes);
      return write(bytes);
    };
    await radio.close();
    expect(written).toEqual([0xc0, 0x06, 0x00, 0xc0, 0xc0, 0x0a, 0xff, 0xc0]);
  });
});
