import { describe, expect, test } from "bun:test";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import { RNodeFirmware, type RNodeFirmwareOptions } from "../../../../src/bench/firmware/rnode.ts";
import { RnodeAirtime } from "../../../../src/bench/firmware/rnode-airtime.ts";
import { contentionWindow } from "../../../../src/bench/firmware/rnode-csma.ts";
import { framesOf, RnodeAssembler } from "../../../../src/bench/firmware/rnode-packets.ts";
import { phyOf } from "../../../../src/bench/firmware/rnode-phy.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { KissDecoder, kissFrame } from "../../../../src/lora/rnode/kiss.ts";

/** 869.525 MHz, 250 kHz, 14 dBm, SF 11, 4/5, on. */
const LONG_FAST = [
  [0x01, 0x33, 0xd3, 0xe6, 0x08],
  [0x02, 0x00, 0x03, 0xd0, 0x90],
  [0x03, 14],
  [0x04, 11],
  [0x05, 5],
  [0x06, 1],
];

/** Some boards on one air, and what each has said to its host as `[command, ...payload]`. */
function boards(count: number, more: Partial<RNodeFirmwareOptions> = {}) {
  const timers = new VirtualTime();
  const air = new Air({ timers, seed: 1, pathLoss: FREE_SPACE });
  const random = seededRandom(1);
  const all = Array.from({ length: count }, (_, number) => {
    const said: number[][] = [];
    const raw: number[] = [];
    const decoder = new KissDecoder(508, ({ command, payload }) => said.push([command, ...payload]));
    const firmware = new RNodeFirmware({
      modem: air.modem({ name: `${number}`, position: { x: number * 100, y: 0 } }),
      timers,
      random,
      toHost: (bytes) => {
        raw.push(...bytes);
        decoder.push(bytes);
      },
      ...more,
    });
    const tell = (...commands: number[][]) => {
      for (const [command = 0, ...payload] of commands) firmware.receive(kissFrame(command, payload));
    };
    const saidOf = (command: number) =>
      said.filter(([first]) => first === command).map(([, ...rest]) => rest);
    return { firmware, said, raw, tell, saidOf };
  });
  timers.advance(1_000);
  const [a, b = a, c = b] = all;
  if (!a || !b || !c) throw new Error("no boards");
  return { timers, air, all, a, b, c };
}

describe("RNode firmware", () => {
  test("prints the boot loader's text, then says that it has started, and hears nothing before", () => {
    const { a, timers } = boards(1, { bootMs: 2_000 });
    a.tell([0x08, 0x73]);
    timers.advance(1_500);
    expect(new TextDecoder().decode(Uint8Array.from(a.raw))).toContain("rst:0x1 (POWERON_RESET)");
    expect(a.raw.slice(-4)).toEqual([0xc0, 0x55, 0xf8, 0xc0]);
    expect(a.saidOf(0x08)).toEqual([]);
  });

  test("answers what it is and what it can do", () => {
    const { a } = boards(1);
    a.tell([0x08, 0x73], [0x50, 0], [0x48, 0], [0x49, 0], [0x0f, 0], [0x07, 0], [0x22, 0], [0x08, 0x74]);
    expect(a.said.slice(-7)).toEqual([
      [0x08, 0x46],
      [0x50, 1, 86],
      [0x48, 0x80],
      [0x49, 0x81],
      [0x0f, 1],
      [0x07, 1],
      [0x22, 0, 0, 0, 0],
    ]);
  });

  test("brings settings to the nearest that it can do, and tells what they are", () => {
    const { a } = boards(1);
    a.tell(
      [0x03, 30],
      [0x04, 4],
      [0x04, 13],
      [0x05, 9],
      [0x05, 0],
      [0x03, 0xff],
      [0x0b, 0x03, 0xe8],
      [0x0c, 0x27, 0x10],
    );
    expect(a.said.slice(-8)).toEqual([
      [0x03, 22],
      [0x04, 5],
      [0x04, 12],
      [0x05, 8],
      [0x05, 5],
      [0x03, 22],
      [0x0b, 0x03, 0xe8],
      [0x0c, 0, 0],
    ]);
  });

  test("starts its radio only when all is set, and rounds the bandwidth to the chip's", () => {
    const { a } = boards(1);
    a.tell([0x06, 1], ...LONG_FAST.slice(0, 5), [0x02, 0, 3, 0, 0], [0x06, 1], [0x02, 0, 0, 0, 0]);
    // Each is said twice, as the real one does.
    expect(a.saidOf(0x06)).toEqual([[0], [0], [1], [1]]);
    expect(a.saidOf(0x02).at(-1)).toEqual([0x00, 0x03, 0xd0, 0x90]);
    // Symbols of 8.192 ms at 122 a second, a preamble of 18 of them in 147 ms, slots of 98 ms, twice that of quiet.
    expect(a.saidOf(0x26).at(-1)).toEqual([0x20, 0x00, 0, 122, 0, 18, 0, 147, 0, 98, 0, 196]);
  });

  test("tells the signal of a packet before the packet, and says afterwards what its sending took", () => {
    const { a, b, timers } = boards(2);
    for (const { tell } of [a, b]) tell(...LONG_FAST);
    a.tell([0x00, 1, 2, 0xc0]);
    timers.advance(5_000);
    const at = b.said.findIndex(([command]) => command === 0x00);
    expect(b.said.slice(at - 2, at + 1).map(([command]) => command)).toEqual([0x23, 0x24, 0x00]);
    expect(b.said[at]).toEqual([0, 1, 2, 0xc0]);
    // 14 dBm over 100 m of free space at 869.525 MHz: 71.2 dB less.
    expect((b.said[at - 2]?.[1] ?? 0) - 157).toBe(-57);
    const own = a.saidOf(0x25).map(([high = 0, low = 0]) => high * 256 + low);
    // 289 ms of the last 15 s.
    expect(Math.max(...own)).toBeWithin(190, 194);
  });

  test("is deaf to its host while it sends, and answers afterwards", () => {
    const { a, timers, air } = boards(1);
    a.tell(...LONG_FAST, [0x00, ...new Uint8Array(200)]);
    timers.runUntil(() => air.stats().sent === 1, 10_000);
    a.tell([0x0f, 0]);
    timers.advance(1_500);
    expect(a.saidOf(0x0f)).toEqual([]);
    timers.advance(1_000);
    expect(a.saidOf(0x0f)).toEqual([[1]]);
  });

  test("empties its queue in one turn at low rates, and takes one packet a turn at higher ones", () => {
    const packets = Array.from({ length: 3 }, () => [0x00, ...new Uint8Array(50)]);
    const reports = (sf: number, bandwidth: number[]) => {
      const { a, timers } = boards(1);
      a.tell(...LONG_FAST.slice(0, 5), [0x02, ...bandwidth], [0x04, sf], [0x06, 1], ...packets);
      timers.advance(20_000);
      const own = a.saidOf(0x25).map(([high = 0, low = 0]) => high * 256 + low);
      return own.filter((share, index) => share > (own[index - 1] ?? 0)).length;
    };
    expect(reports(11, [0, 3, 0xd0, 0x90])).toBe(1);
    expect(reports(7, [0, 7, 0xa1, 0x20])).toBe(3);
  });

  test("says when its queue is full", () => {
    const { a } = boards(1);
    for (let i = 0; i < 14; i++) a.tell([0x00, ...new Uint8Array(500)]);
    expect(a.saidOf(0x90)).toEqual([[4]]);
    a.tell([0x0f, 0]);
    expect(a.saidOf(0x0f)).toEqual([[0]]);
  });

  test("sends nothing while its airtime lock holds", () => {
    const { a, timers, air } = boards(1);
    // 10 % of 15 s, which 200 bytes take alone.
    a.tell(...LONG_FAST, [0x0b, 0x03, 0xe8], [0x00, ...new Uint8Array(200)]);
    timers.runUntil(() => air.stats().sent === 1, 10_000);
    timers.advance(2_500);
    const sentMs = timers.monotonicMs();
    a.tell([0x00, 1]);
    expect(timers.runUntil(() => air.stats().sent === 2, 60_000)).toBe(true);
    expect(timers.monotonicMs() - sentMs).toBeWithin(5_000, 16_000);
  });

  test("waits for a free channel: two that send at once do not collide", () => {
    const { a, b, c, timers, air } = boards(3);
    for (const { tell } of [a, b, c]) tell(...LONG_FAST);
    for (let round = 0; round < 20; round++) {
      // The second wants to while the first may be sending, or about to.
      a.tell([0x00, ...new Uint8Array(100)]);
      timers.advance(1_500);
      b.tell([0x00, 2]);
      timers.advance(10_000);
    }
    expect(air.stats().sent).toBe(40);
    expect(c.saidOf(0x00).length).toBeGreaterThanOrEqual(37);
  });

  test("forgets all when it is restarted, and starts over", () => {
    const { a, timers } = boards(1);
    a.tell(...LONG_FAST, [0x55, 0xf8], [0x08, 0x73]);
    expect(a.saidOf(0x08)).toEqual([]);
    timers.advance(1_000);
    a.tell([0x04, 0xff], [0x06, 0xff]);
    expect(a.said.slice(-3)).toEqual([
      [0x55, 0xf8],
      [0x04, 0],
      [0x06, 0],
    ]);
  });

  test("is silent once the power is gone", () => {
    const { a, b, timers, air } = boards(2);
    for (const { tell } of [a, b]) tell(...LONG_FAST);
    a.tell([0x00, ...new Uint8Array(200)]);
    timers.advance(1_800);
    a.firmware.stop();
    const { length } = a.raw;
    timers.advance(60_000);
    a.tell([0x08, 0x73]);
    expect(a.raw.length).toBe(length);
    expect(b.saidOf(0x00)).toEqual([]);
    expect(air.stats().received).toBe(0);
  });
});

describe("what its firmware works out", () => {
  test("follows the modulation", () => {
    expect(phyOf(PRESETS.LongFast)).toEqual({ preambleSymbols: 18, slotMs: 98, emptiesQueue: true });
    expect(phyOf(PRESETS.MediumFast)).toEqual({ preambleSymbols: 18, slotMs: 24, emptiesQueue: true });
    expect(phyOf(PRESETS.ShortTurbo)).toEqual({ preambleSymbols: 94, slotMs: 24, emptiesQueue: false });
  });

  test("widens the contention window with its own airtime", () => {
    expect([0, 0.07, 0.08, 0.5, 0.9, 1].map((share) => contentionWindow(share).band)).toEqual([
      1, 1, 2, 3, 4, 4,
    ]);
    expect(contentionWindow(0)).toEqual({ band: 1, firstSlot: 0, lastSlot: 14 });
  });

  test("counts airtime in bins of 7.5 s that are gone after an hour", () => {
    const airtime = new RnodeAirtime();
    airtime.add(1_500, 1_000);
    expect(airtime.shares(1_000)).toMatchObject({ ownShort: 0.1, ownLong: 1_500 / 3_600_000 });
    expect(airtime.shares(8_000).ownShort).toBe(0.1);
    expect(airtime.shares(15_000).ownShort).toBe(0);
    for (let ms = 8_000; ms < 3_700_000; ms += 7_500) airtime.add(0, ms);
    expect(airtime.shares(3_700_000).ownLong).toBe(0);
  });
});

describe("packets of two frames", () => {
  const random = seededRandom(4);
  const frame = (bytes: Uint8Array) => ({ bytes, rssiDbm: -50, snrDb: 10 });
  const packet = (length: number, fill: number) => new Uint8Array(length).fill(fill);

  test("are put together, and are lost as one when a half is lost", () => {
    const assembler = new RnodeAssembler();
    const [first, second] = framesOf(packet(300, 1), random).map(frame);
    const [other] = framesOf(packet(10, 2), random).map(frame);
    if (!first || !second || !other) throw new Error("no frames");
    expect(assembler.take(first)).toBeUndefined();
    expect(assembler.take(second)).toEqual(packet(300, 1));
    expect(assembler.take(first)).toBeUndefined();
    expect(assembler.take(other)).toEqual(packet(10, 2));
    expect(assembler.take(second)).toBeUndefined();
  });
});
