import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import { E22Firmware, type E22FirmwareOptions } from "../../../../src/bench/firmware/e22.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { E22_900T30, type E22Options, E22Radio, e22, FACTORY } from "../../../../src/lora/e22/index.ts";
import { decodeRegisters, encodeRegisters } from "../../../../src/lora/e22/registers.ts";
import type { Fate, Outgoing, Received } from "../../../../src/lora/radio.ts";
import { capturedLog } from "../../captured-log.ts";
import { MemoryPort } from "../meshcore/memory-port.ts";

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7) & 0xff);
const registers = (change: Partial<typeof FACTORY> = {}): Uint8Array =>
  encodeRegisters({ ...FACTORY, ...change });

function world() {
  const time = new VirtualTime();
  const air = new Air({ timers: time, seed: 3, pathLoss: FREE_SPACE });
  const context = { timers: time, random: Math.random, log: capturedLog().log };
  let count = 0;
  const plugIn = (more: Partial<E22FirmwareOptions> = {}, options: E22Options = {}) => {
    const modem = air.modem({ name: `module ${count}`, position: { x: count++ * 100, y: 0 } });
    const port = new MemoryPort({
      timers: time,
      create: (toHost) => new E22Firmware({ modem, timers: time, toHost, hasSoftwareSwitch: true, ...more }),
    });
    const radio = new E22Radio(port, context, options);
    const received: Received[] = [];
    radio.on("received", (packet) => received.push(packet));
    const send = (outgoing: Partial<Outgoing> & { payload: Uint8Array }): Fate[] => {
      const fates: Fate[] = [];
      radio.send({ priority: "direct", ...outgoing }, (fate) => fates.push(fate));
      return fates;
    };
    return { port, firmware: port.firmware, radio, received, send };
  };
  const open = async (more?: Partial<E22FirmwareOptions>, options?: E22Options) => {
    const made = plugIn(more, options);
    const opened = made.radio.open();
    time.advance(3_000);
    await opened;
    return made;
  };
  return { time, air, context, plugIn, open };
}

describe("an E22 that switches to configuration by a command", () => {
  test("tells how it is set, and is transparent again", async () => {
    const { open, time } = world();
    const a = await open({ registers: registers({ airRate: 4, channel: 19, power: 2, networkId: 9 }) });
    const b = await open({ registers: registers({ airRate: 4, channel: 19, networkId: 9 }) });
    expect(a.radio.status()).toMatchObject({
      hardware: "EBYTE E22-900T22",
      channel: {
        frequencyHz: 869_125_000,
        modulation: { spreadingFactor: 9, bandwidthHz: 500_000 },
        powerDbm: 13,
        name: "9.6 kbit/s, network 9",
      },
    });
    expect(a.radio.capabilities).toMatchObject({
      maxPayloadBytes: 236,
      access: "raw",
      listensBeforeTalk: false,
    });
    const fates = a.send({ payload: bytes(236) });
    time.advance(5_000);
    expect(fates.at(-1)).toEqual({ state: "on-air" });
    expect(b.received.map(({ payload }) => payload)).toEqual([bytes(236)]);
  });

  test("tells the signal's strength where the module puts it behind a packet", async () => {
    const { open, time } = world();
    const a = await open();
    const b = await open({ registers: registers({ hasRssiByte: true }) });
    for (let i = 1; i < 5; i++) {
      a.send({ payload: bytes(i) });
      time.advance(2_000);
    }
    expect(b.received.map(({ payload }) => payload.length)).toEqual([1, 2, 3, 4]);
    for (const { rssiDbm } of b.received) expect(rssiDbm).toBeWithin(-60, -30);
  });

  test("says on air not before the packet has left, and keeps packets apart", async () => {
    const { open, time, air } = world();
    const a = await open();
    const b = await open();
    const before = air.stats().airtimeMs;
    const first = a.send({ payload: bytes(100) });
    const second = a.send({ payload: bytes(100) });
    const startMs = time.monotonicMs();
    expect(time.runUntil(() => first.at(-1)?.state === "on-air", 10_000)).toBe(true);
    expect(time.monotonicMs() - startMs).toBeGreaterThan(air.stats().airtimeMs - before);
    expect(b.received).toHaveLength(1);
    time.advance(5_000);
    expect(second.at(-1)).toEqual({ state: "on-air" });
    expect(b.received.map(({ payload }) => payload)).toEqual([bytes(100), bytes(100)]);
  });

  test("sets its channel until the power is off, where an air data rate has that modulation", async () => {
    const { open, time } = world();
    const { radio, firmware, send } = await open();
    const modulation = { spreadingFactor: 8, bandwidthHz: 500_000, codingRate: 5, preambleSymbols: 16 };
    const set = radio.setChannel({ frequencyHz: 868_125_000, modulation, powerDbm: 10 });
    const fates = send({ payload: bytes(5) });
    await time.advanceAsync(5_000);
    await set;
    expect(decodeRegisters(firmware.registers)).toMatchObject({ airRate: 5, channel: 18, power: 3 });
    expect(radio.status().channel).toMatchObject({ frequencyHz: 868_125_000, powerDbm: 10 });
    expect(fates.at(-1)).toEqual({ state: "on-air" });
  });

  test.each([
    [
      { frequencyHz: 869_525_000 },
      "refused",
      /^frequencyHz: 869525000 is not one of 850125000 to 930125000.*: set lora.frequency_khz = 869125 or 870125$/,
    ],
    [{ frequencyHz: 433_125_000 }, "refused", /: set lora.frequency_khz = 850125$/],
    [{ powerDbm: 14 }, "refused", /^powerDbm: 14 is not one of 22, 17, 13, 10: set lora.power_dbm = 13$/],
    [{ powerDbm: 2 }, "refused", /: set lora.power_dbm = 10$/],
    [
      { spreadingFactor: 9, bandwidthHz: 250_000 },
      "unsupported",
      /^modulation: .*SF9 at 250000 Hz, 4\/5: set lora.preset = "LongFast"$/,
    ],
  ])("does not set %j, and says why", async (change, reason, message) => {
    const { open } = world();
    const { radio } = await open();
    const wanted: {
      frequencyHz?: number;
      powerDbm?: number;
      spreadingFactor?: number;
      bandwidthHz?: number;
    } = change;
    const { frequencyHz = 868_125_000, powerDbm = 22, spreadingFactor = 11, bandwidthHz = 500_000 } = wanted;
    const modulation = { spreadingFactor, bandwidthHz, codingRate: 5, preambleSymbols: 8 };
    const error = await radio.setChannel({ frequencyHz, powerDbm, modulation }).catch((e: unknown) => e);
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  test.each([128, 64, 32])("sends no more than a sub-packet of %d bytes at once", async (subPacketBytes) => {
    const { open, time, air } = world();
    const a = await open({ registers: registers({ subPacketBytes }) });
    const b = await open();
    const { maxPayloadBytes } = a.radio.capabilities;
    expect(maxPayloadBytes).toBe(subPacketBytes - 4);
    const { sent } = air.stats();
    a.send({ payload: bytes(maxPayloadBytes) });
    const tooLarge = a.send({ payload: bytes(maxPayloadBytes + 1) });
    time.advance(3_000);
    expect(air.stats().sent - sent).toBe(1);
    expect(b.received).toHaveLength(1);
    expect(tooLarge).toMatchObject([{ state: "failed", reason: "too-large" }]);
  });

  test("sends to one address in fixed transmission", async () => {
    const { open, time } = world();
    const fixed = { isFixed: true };
    const a = await open({ registers: registers({ ...fixed, address: 1 }) });
    const b = await open({ registers: registers({ ...fixed, address: 2 }) });
    const c = await open({ registers: registers({ ...fixed, address: 3 }) });
    a.send({ payload: bytes(3), to: "2" });
    a.send({ payload: bytes(4) });
    const nobody = a.send({ payload: bytes(4), to: "65535" });
    time.advance(5_000);
    expect(b.received.map(({ payload }) => payload.length)).toEqual([3, 4]);
    expect(c.received.map(({ payload }) => payload.length)).toEqual([4]);
    expect(nobody.at(-1)).toMatchObject({ state: "failed", reason: "refused" });
  });

  test("listens first where the module does, and says so", async () => {
    const { open, time } = world();
    const listening = registers({ listensBeforeTalk: true });
    const a = await open({ registers: listening });
    const b = await open({ registers: listening });
    const c = await open();
    expect(a.radio.capabilities).toMatchObject({ listensBeforeTalk: true, access: "managed" });
    a.send({ payload: bytes(100) });
    time.advance(300);
    b.send({ payload: bytes(50) });
    time.advance(5_000);
    expect(c.received.map(({ payload }) => payload.length)).toEqual([100, 50]);
  });
});

describe("an E22 whose pins hold it in configuration mode", () => {
  test("can be set but not send, until somebody sets the pins", async () => {
    const { open, time } = world();
    const a = await open({ hasSoftwareSwitch: false, mode: "configuration" });
    const b = await open();
    const set = a.radio.setChannel({
      frequencyHz: 868_125_000,
      modulation: { spreadingFactor: 11, bandwidthHz: 500_000, codingRate: 5, preambleSymbols: 8 },
      powerDbm: 17,
    });
    await time.advanceAsync(1_000);
    await set;
    const held = a.send({ payload: bytes(3) });
    time.advance(1_000);
    expect(held.at(-1)).toEqual({
      state: "failed",
      reason: "refused",
      detail: "the module is in configuration mode: set M0 and M1 low",
    });
    a.firmware.setPins("transparent");
    const free = a.send({ payload: bytes(3) });
    time.advance(3_000);
    expect(free.at(-1)).toEqual({ state: "on-air" });
    expect(b.received.map(({ payload }) => payload)).toEqual([bytes(3)]);
  });
});

describe("an E22 whose pins hold it in configuration mode and which talks at another speed without", () => {
  test.each([
    [0xe0, 115_200],
    [0x40, 4_800],
  ])("is refused, for nothing would come through (%d)", async (serialBits, baud) => {
    const { plugIn, time } = world();
    const { radio } = plugIn({ mode: "configuration", registers: registers({ serialBits }) });
    const opened = radio.open().catch((error: unknown) => error);
    time.advance(3_000);
    expect(await opened).toMatchObject({
      reason: "refused",
      message: expect.stringMatching(new RegExp(`^serial speed: REG0 sets ${baud} bit/s.* 9600$`)),
    });
    expect(time.waiting).toBe(0);
  });
});

describe("an E22 that cannot be asked", () => {
  test("is not opened unless it is said how it is set", async () => {
    const { plugIn, open, time } = world();
    const { radio } = plugIn({ hasSoftwareSwitch: false });
    const opened = radio.open().catch((error: unknown) => error);
    time.advance(3_000);
    expect(await opened).toMatchObject({ reason: "no-answer" });
    const a = await open({ hasSoftwareSwitch: false }, { assumed: FACTORY, kind: E22_900T30 });
    const b = await open();
    expect(a.radio.status().channel.powerDbm).toBe(30);
    const fates = a.send({ payload: bytes(50) });
    time.advance(3_000);
    expect(fates.at(-1)).toEqual({ state: "on-air" });
    expect(b.received).toHaveLength(1);
    const error = await a.radio
      .setChannel({
        frequencyHz: 868_125_000,
        modulation: { spreadingFactor: 11, bandwidthHz: 500_000, codingRate: 5, preambleSymbols: 8 },
        powerDbm: 30,
      })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({
      reason: "unsupported",
      message: expect.stringContaining("M1 high and M0 low"),
    });
  });

  test("is not found by a probe; those that answer are", async () => {
    const { plugIn, time, context } = world();
    const found: boolean[] = [];
    for (const more of [
      { hasSoftwareSwitch: true },
      { hasSoftwareSwitch: false, mode: "configuration" as const },
      { hasSoftwareSwitch: false },
    ]) {
      const { port } = plugIn(more);
      const probe = e22.probe(port, context);
      time.advance(3_000);
      found.push(await probe);
      expect(port.listenerCount("data")).toBe(0);
    }
    expect(found).toEqual([true, true, false]);
  });
});

describe("the emulated module", () => {
  test("answers what is no command by FF FF FF, and reads the key as 0", () => {
    const { plugIn, time } = world();
    const { firmware, port } = plugIn({ mode: "configuration" });
    const said: number[] = [];
    port.on("data", (data) => said.push(...data));
    for (const command of [
      [0xc1, 0, 10],
      [0xc0, 0, 2, 1],
      [1, 2, 3],
    ]) {
      firmware.receive(Uint8Array.from(command));
      time.advance(100);
      expect(said.splice(0)).toEqual([0xff, 0xff, 0xff]);
    }
    firmware.receive(Uint8Array.of(0xc0, 7, 2, 0x12, 0x34));
    time.advance(100);
    expect(said.splice(0)).toEqual([0xc1, 7, 2, 0, 0]);
    firmware.receive(Uint8Array.of(0xc1, 5, 1));
    time.advance(100);
    expect(said).toEqual([0xc1, 5, 1, 18]);
  });

  test("loses what comes while its buffer of 1000 bytes is full", async () => {
    const { plugIn, open, time } = world();
    const { firmware } = plugIn({ hasSoftwareSwitch: false });
    const b = await open();
    const data: number[] = [];
    b.port.on("data", (piece) => data.push(...piece));
    firmware.receive(new Uint8Array(1_500).fill(7));
    time.advance(20_000);
    expect(data).toHaveLength(1_000);
  });
});

test("registers are written as they were read", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 7, maxLength: 7 }), (read) => {
      expect(encodeRegisters(decodeRegisters(read))).toEqual(read);
    }),
  );
});
