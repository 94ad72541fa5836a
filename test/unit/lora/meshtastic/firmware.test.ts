import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { decodeAirPacket, encodeAirPacket } from "../../../../src/bench/meshtastic/air-packet.ts";
import { AirUse } from "../../../../src/bench/meshtastic/air-use.ts";
import { channelHash, channelKey, crypt } from "../../../../src/bench/meshtastic/channel-key.ts";
import {
  ownDelayMs,
  repeatDelayMs,
  retransmissionMs,
  slotMs,
} from "../../../../src/bench/meshtastic/timing.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import { encodeFrame } from "../../../../src/lora/meshtastic/frame.ts";
import { PacketPriority, Port, RoutingError } from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import { heartbeat } from "../../../../src/lora/meshtastic/to-radio.ts";
import { PRESETS } from "../../../../src/lora/modulation.ts";
import { nodes } from "./raw-host.ts";

const data = (...payload: number[]) => ({ port: Port.PRIVATE, payload: Uint8Array.from(payload) });

describe("emulated Meshtastic firmware on its line", () => {
  test("prints text while it starts, hears nothing before it has, and then says so", () => {
    const { time, hosts } = nodes([0]);
    const [host] = hosts;
    host?.say({ case: "wantConfigId", value: 5 });
    time.advance(1_000);
    expect(host?.text).toContain("rst:0x1 (POWERON)");
    expect(host?.text).toContain("version 2.7.15");
    expect(host?.messages).toEqual([]);
    time.advance(1_000);
    expect(host?.cases).toEqual(["rebooted"]);
  });

  test("tells its configuration in the order of the real one, with the number at its end", () => {
    const { time, hosts } = nodes([0, 100], { announceEveryMs: 600_000 });
    const [host] = hosts;
    time.advance(60_000);
    host?.say({ case: "wantConfigId", value: 5 });
    time.advance(100);
    const parts = (host?.cases ?? []).filter((part, i, all) => part !== all[i - 1]);
    expect(parts.slice(0, 10)).toEqual([
      "rebooted",
      "ownInfo",
      "screenConfig",
      "nodeInfo",
      "metadata",
      "channel",
      "config",
      "moduleConfig",
      "nodeInfo",
      "configCompleteId",
    ]);
    const end = host?.messages.find(({ content }) => content.case === "configCompleteId");
    expect(end?.content.value).toBe(5);
    expect(host?.messages.filter(({ content }) => content.case === "channel")).toHaveLength(8);
  });

  test("leaves the nodes out where it is asked to", () => {
    const { time, hosts } = nodes([0, 100], { announceEveryMs: 600_000 });
    const [host] = hosts;
    time.advance(60_000);
    host?.say({ case: "wantConfigId", value: 69_420 });
    time.advance(100);
    expect(host?.cases.filter((part) => part === "nodeInfo")).toHaveLength(1);
  });

  test("answers a heartbeat with the state of its queue, with or without a session", () => {
    const { time, hosts } = nodes([0]);
    time.advance(2_000);
    hosts[0]?.firmware.receive(heartbeat());
    time.advance(10);
    expect(hosts[0]?.statuses).toMatchObject([{ free: 16, length: 16, result: 0, packetId: 0 }]);
  });

  test("loses a frame right behind a stray 94, as the real one does", () => {
    const { time, hosts } = nodes([0]);
    time.advance(2_000);
    hosts[0]?.firmware.receive(Uint8Array.of(0x94, ...heartbeat()));
    time.advance(10);
    expect(hosts[0]?.statuses).toEqual([]);
    hosts[0]?.firmware.receive(Uint8Array.of(0xc3, 0xc3, ...heartbeat()));
    time.advance(10);
    expect(hosts[0]?.statuses).toHaveLength(1);
  });

  test("prints no more once it was spoken to", () => {
    const { time, start } = nodes([0, 100]);
    const [host, other] = start();
    const before = host?.text.length ?? 0;
    other?.send(data(1));
    time.advance(5_000);
    expect(host?.payloads).toEqual([[1]]);
    expect(host?.text.slice(before)).not.toContain("DEBUG");
  });

  test("forgets its host after a quarter of an hour of silence, and keeps what comes meanwhile", () => {
    const { time, start } = nodes([0, 100]);
    const [host, other] = start();
    time.advance(16 * 60_000);
    other?.send(data(1));
    time.advance(5_000);
    expect(host?.payloads).toEqual([]);
    host?.say({ case: "wantConfigId", value: 1 });
    time.advance(100);
    expect(host?.payloads).toEqual([[1]]);
  });

  test("tells nothing more after a goodbye", () => {
    const { time, start } = nodes([0, 100]);
    const [host, other] = start();
    host?.say({ case: "disconnect", value: true });
    time.advance(10);
    other?.send(data(1));
    time.advance(5_000);
    expect(host?.messages).toEqual([]);
  });

  test("takes any bytes without harm", () => {
    const { time, start } = nodes([0]);
    const [host] = start();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, isFramed) => {
        const isFrame = isFramed && bytes.length > 0 && bytes.length <= 512;
        host?.firmware.receive(isFrame ? encodeFrame(bytes) : bytes);
        time.advance(10);
      }),
    );
    // What may be half a frame of all that.
    host?.firmware.receive(new Uint8Array(600));
    host?.firmware.receive(heartbeat());
    time.advance(10);
    expect(host?.statuses.length).toBeGreaterThan(0);
  });
});

describe("a packet from the host", () => {
  test("is taken once, by its number", () => {
    const { time, air, start } = nodes([0]);
    const [host] = start();
    for (let i = 0; i < 3; i++) host?.send(data(1), { id: 77 });
    time.advance(5_000);
    expect(air.stats().sent).toBe(1);
    expect(host?.statuses).toMatchObject([{ packetId: 77, result: 0, free: 15 }]);
  });

  test("finds no room behind 16 others that are as urgent, and takes the place of one that is less", () => {
    const { time, start } = nodes([0, 100]);
    const [host, other] = start();
    for (let i = 1; i <= 18; i++) {
      host?.send(data(i), { id: i, priority: PacketPriority.BACKGROUND });
      time.advance(6);
    }
    expect(host?.statuses.at(-1)).toMatchObject({ result: 32, free: 0 });
    host?.send(data(99), { id: 99, priority: PacketPriority.HIGH });
    time.advance(6);
    expect(host?.statuses.at(-1)).toMatchObject({ packetId: 99, result: 0, free: 0 });
    time.advance(60_000);
    expect(other?.payloads[0]).toEqual([99]);
  });

  test("is answered to for two of those that come at once: the others' answers are lost", () => {
    const { time, start } = nodes([0]);
    const [host] = start();
    for (let i = 1; i <= 5; i++) host?.send(data(i), { id: i });
    time.advance(6);
    expect(host?.statuses.map(({ packetId }) => packetId)).toEqual([4, 5]);
  });

  test("is refused where it is too large, or a second text within two seconds", () => {
    const { time, start } = nodes([0]);
    const [host] = start();
    host?.send({ port: Port.PRIVATE, payload: new Uint8Array(232) }, { id: 5 });
    host?.send({ port: Port.TEXT, payload: Uint8Array.of(65) }, { id: 6 });
    host?.send({ port: Port.TEXT, payload: Uint8Array.of(66) }, { id: 7 });
    time.advance(100);
    expect(host?.routing).toEqual([
      { id: 5, error: RoutingError.TOO_LARGE, from: 1 },
      { id: 7, error: RoutingError.RATE_LIMIT_EXCEEDED, from: 1 },
    ]);
  });
});

describe("the emulated mesh", () => {
  test("brings a packet as far as its hop limit", () => {
    const { time, start } = nodes(
      [0, 1, 2, 3, 4, 5].map((i) => i * 100_000),
      { lora: { txPower: 1 } },
    );
    const hosts = start();
    hosts[0]?.send(data(1));
    time.advance(60_000);
    expect(hosts.map(({ payloads }) => payloads.length)).toEqual([0, 1, 1, 1, 1, 0]);
    expect(hosts[4]?.packets[0]).toMatchObject({ hopStart: 3, hopLimit: 0, from: 1, relayNode: 4 });
  });

  test("does not repeat what others were heard to repeat", () => {
    const { time, air, start } = nodes([0, 1_000, 1_010, 1_020, 1_030, 1_040, 1_050, 1_060]);
    const hosts = start();
    hosts[0]?.send(data(1));
    time.advance(60_000);
    expect(hosts.slice(1).every(({ payloads }) => payloads.length === 1)).toBe(true);
    expect(air.stats().sent).toBeGreaterThan(1);
    expect(air.stats().sent).toBeLessThan(6);
  });

  test("repeats nothing where a node is mute", () => {
    const { time, air, start } = nodes([0, 1_000, 2_000], { role: "client-mute" });
    start()[0]?.send(data(1));
    time.advance(60_000);
    expect(air.stats().sent).toBe(1);
  });

  test("acknowledges to one node, which stops the sender", () => {
    const { time, air, start } = nodes([0, 1_000]);
    const [host, other] = start();
    host?.send(data(1), { id: 9, to: 2, wantAck: true });
    time.advance(60_000);
    expect(other?.payloads).toEqual([[1]]);
    expect(host?.routing).toEqual([{ id: 9, error: RoutingError.NONE, from: 2 }]);
    expect(air.stats().sent).toBe(2);
  });

  test("takes a neighbour's repeating for an acknowledgement as well, and tells it as its own", () => {
    const { time, start } = nodes([0, 1_000]);
    const [host] = start();
    host?.send(data(1), { id: 9, to: 55, wantAck: true });
    time.advance(60_000);
    expect(host?.routing).toEqual([{ id: 9, error: RoutingError.NONE, from: 1 }]);
  });

  test("gives up after three transmissions that nobody has heard", () => {
    const { time, air, start } = nodes([0]);
    const [host] = start();
    host?.send(data(1), { id: 9, to: 55, wantAck: true });
    time.advance(60_000);
    expect(host?.routing).toEqual([{ id: 9, error: RoutingError.MAX_RETRANSMIT, from: 1 }]);
    expect(air.stats().sent).toBe(3);
  });

  test("acknowledges again where its acknowledgement was lost, and hands the packet over once", () => {
    let sentAgain = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const { time, air, start } = nodes([0, 1_000], { seed, role: "client-mute" });
      const [host, other] = start();
      host?.send(data(1), { id: 9, to: 2, wantAck: true });
      // The acknowledgement meets another's signal.
      time.runUntil(() => (other?.payloads.length ?? 0) > 0, 10_000);
      const jammer = air.modem({ name: "jammer", position: { x: 0, y: 10 } });
      jammer.configure({ frequencyHz: 869_525_000, modulation: PRESETS.LongFast, powerDbm: 20 });
      time.advance(150);
      jammer.transmit(new Uint8Array(100), () => jammer.configure(undefined));
      time.advance(60_000);
      expect(other?.payloads).toEqual([[1]]);
      expect(host?.routing.at(-1)).toEqual({ id: 9, error: RoutingError.NONE, from: 2 });
      if (air.stats().sent > 3) sentAgain += 1;
    }
    expect(sentAgain).toBeGreaterThan(0);
  });

  test("is two where the keys are", () => {
    const { time, air, hosts } = nodes([0, 1_000]);
    const [host, other] = hosts;
    if (other) other.firmware.settings.channelPsk = Uint8Array.of(2);
    time.advance(2_000);
    for (const each of hosts) each.say({ case: "wantConfigId", value: 7 });
    host?.send(data(1));
    time.advance(20_000);
    expect(other?.payloads).toEqual([]);
    // It is repeated all the same.
    expect(air.stats().sent).toBe(2);
  });

  test("comes out the same for the same seed, and otherwise for another", () => {
    const run = (seed: number) => {
      const { time, air, start } = nodes([0, 500, 1_000, 1_500, 2_000], { seed });
      const hosts = start();
      for (const [i, host] of hosts.entries()) host.send(data(i));
      time.advance(60_000);
      return JSON.stringify([air.stats(), hosts.map(({ payloads }) => payloads)]);
    };
    expect(run(1)).toBe(run(1));
    expect(run(1)).not.toBe(run(2));
  });
});

describe("the emulated firmware's frames on the air", () => {
  test("have their header in the documented order", () => {
    const frame = encodeAirPacket({
      to: 0x44332211,
      from: 0x88776655,
      id: 0xccbbaa99,
      hopLimit: 3,
      hopStart: 5,
      wantAck: true,
      viaMqtt: false,
      channel: 8,
      nextHop: 0x12,
      relay: 0x55,
      body: Uint8Array.of(1, 2),
    });
    expect(Buffer.from(frame).toString("hex")).toBe("112233445566778899aabbccab0812550102");
  });

  test("are read as they were written, and any bytes without harm", () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const word = fc.integer({ min: 1, max: 0xffffffff });
    fc.assert(
      fc.property(
        fc.record({
          to: word,
          from: word,
          id: word,
          hopLimit: fc.integer({ min: 0, max: 7 }),
          hopStart: fc.integer({ min: 0, max: 7 }),
          wantAck: fc.boolean(),
          viaMqtt: fc.boolean(),
          channel: byte,
          nextHop: byte,
          relay: byte,
          body: fc.uint8Array({ maxLength: 239 }),
        }),
        fc.uint8Array({ maxLength: 255 }),
        (packet, bytes) => {
          expect(decodeAirPacket(encodeAirPacket(packet))).toEqual(packet);
          expect(decodeAirPacket(bytes)?.body.length ?? bytes.length - 16).toBe(bytes.length - 16);
        },
      ),
    );
  });

  test("carry the hash of the default channel that is known for it", () => {
    expect(channelHash("LongFast", channelKey(Uint8Array.of(1)))).toBe(8);
  });

  test("are encrypted by the packet's number and sender, without a byte more", () => {
    const key = channelKey(Uint8Array.of(1));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 8, maxLength: 239 }),
        fc.integer({ min: 1, max: 0xffffffff }),
        (plain, id) => {
          const body = crypt(key, { from: 1, id }, plain);
          expect(body).toHaveLength(plain.length);
          expect(body).not.toEqual(plain);
          expect(crypt(key, { from: 2, id }, plain)).not.toEqual(body);
          expect(crypt(key, { from: 1, id }, body)).toEqual(plain);
        },
      ),
    );
  });
});

describe("the emulated firmware's timing", () => {
  test.each([
    ["LongFast", 28],
    ["MediumFast", 12],
    ["ShortTurbo", 8],
  ] as const)("has slots on %s of %p ms", (preset, ms) => {
    expect(slotMs(PRESETS[preset])).toBe(ms);
  });

  test("waits longer the busier the channel, or the better a packet was heard", () => {
    const almostOne = () => 0.999999;
    expect(ownDelayMs(PRESETS.LongFast, 0, almostOne)).toBe(7 * 28);
    expect(ownDelayMs(PRESETS.LongFast, 100, almostOne)).toBe(255 * 28);
    expect(repeatDelayMs(PRESETS.LongFast, -20, almostOne)).toBe((16 + 7) * 28);
    expect(repeatDelayMs(PRESETS.LongFast, 10, almostOne)).toBe((16 + 255) * 28);
    expect(repeatDelayMs(PRESETS.LongFast, 10, () => 0)).toBe(16 * 28);
  });

  test("awaits an acknowledgement for two packets, a contention and its own slowness", () => {
    expect(retransmissionMs(PRESETS.LongFast, 1_000, 0)).toBe(2_000 + (8 + 16 + 32) * 28 + 4_500);
  });

  test("counts a minute of the channel and an hour of its own, and forgets what is older", () => {
    const time = new VirtualTime();
    const use = new AirUse(time);
    use.sent(6_000);
    use.heard(6_000);
    expect(use.channelPercent()).toBeCloseTo(20, 9);
    expect(use.ownPercent()).toBeCloseTo(6_000 / 36_000, 9);
    time.advance(61_000);
    expect(use.channelPercent()).toBe(0);
    expect(use.ownPercent()).toBeCloseTo(6_000 / 36_000, 9);
    time.advance(3_600_000);
    expect(use.ownPercent()).toBe(0);
  });
});
