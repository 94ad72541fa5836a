import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { timeOnAirMs } from "../../../../src/lora/airtime/time-on-air.ts";
import { encodeFrame } from "../../../../src/lora/meshtastic/frame.ts";
import { meshtastic, meshtasticDriver } from "../../../../src/lora/meshtastic/index.ts";
import { nodeIdOf } from "../../../../src/lora/meshtastic/node-id.ts";
import { FromRadioSchema, Port, Region } from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import { MAX_PAYLOAD_BYTES } from "../../../../src/lora/meshtastic/wire-sizes.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import { ANNA, BEN, CLEO, rig, states } from "./rig.ts";

const settings = (changes: Partial<ChannelSettings> = {}): ChannelSettings => ({
  frequencyHz: 869_525_000,
  modulation: PRESETS.MediumFast,
  powerDbm: 20,
  ...changes,
});

describe("opening a Meshtastic radio", () => {
  test("waits for firmware that is still starting, and learns all that it tells", async () => {
    const { opened } = rig();
    const anna = await opened(ANNA, {
      longName: "Anna's box",
      batteryLevel: 64,
      position: { latitude: 52.5, longitude: 13.4, altitudeM: 40 },
    });
    expect(anna.radio.status()).toEqual({
      firmware: "Meshtastic 2.7.15.567b8ea",
      hardware: "Heltec V3",
      self: "!a11a0001",
      name: "Anna's box",
      channel: {
        frequencyHz: 869_525_000,
        modulation: PRESETS.LongFast,
        powerDbm: 27,
        name: "LongFast",
        region: "EU868",
      },
      airtimeShare: 0,
      channelUse: 0,
      batteryPercent: 64,
      position: { latitude: 52.5, longitude: 13.4, altitudeM: 40 },
    });
    expect(anna.radio.capabilities).toEqual({
      maxPayloadBytes: 231,
      bitRate: 1074.21875,
      access: "managed",
      routes: true,
      acknowledges: true,
      listensBeforeTalk: true,
      overheadBytes: 24,
    });
  });

  test("fails in ten seconds where nobody answers, and closes the port", async () => {
    const { plug, settle, time } = rig();
    const { radio, line } = plug(ANNA);
    line.firmware.stop();
    const opening = radio.open();
    expect(settle(opening)).rejects.toMatchObject({ reason: "no-answer" });
    await time.advanceAsync(10_000);
    await expect(opening).rejects.toThrow("no Meshtastic firmware answers");
    await expect(line.write(Uint8Array.of(1))).rejects.toThrow("memory: closed");
  });

  test("tells where its owner has turned sending off", async () => {
    const { opened, plug, send, time } = rig();
    const off = await opened(ANNA, { lora: { txEnabled: false } });
    expect(off.radio).toMatchObject({ sendingIsOff: true });
    const fates = send(off, {});
    await time.advanceAsync(10_000);
    expect(states(fates)).toEqual(["queued", "failed: refused"]);
    expect(plug(BEN).radio).toMatchObject({ sendingIsOff: false });
    expect((await opened(CLEO)).radio).toMatchObject({ sendingIsOff: false });
  });

  test("is not led astray by the end of somebody else's question", async () => {
    const { plug, time } = rig();
    const { radio, line } = plug(ANNA, { bootMs: 5_000 });
    let isOpen = false;
    radio.open().then(() => {
      isOpen = true;
    });
    // Config complete, with a number that was not asked for.
    for (let i = 0; i < 3; i++) {
      await time.advanceAsync(500);
      line.emit("data", encodeFrame(Uint8Array.of(0x38, 0x2a)));
    }
    await time.advanceAsync(500);
    expect(isOpen).toBe(false);
    await time.advanceAsync(8_000);
    expect(isOpen).toBe(true);
  });

  test("fails where the firmware does nothing but start", async () => {
    const { plug, time } = rig();
    const { radio, line } = plug(ANNA);
    const opening = radio.open();
    opening.catch(() => {});
    for (let i = 0; i < 5; i++) {
      await time.advanceAsync(1_550);
      line.firmware.restart();
    }
    await expect(opening).rejects.toThrow("the firmware starts again and again");
  });

  test("fails where the case is pulled out meanwhile", async () => {
    const { plug, time } = rig();
    const { radio, line } = plug(ANNA);
    const opening = radio.open();
    opening.catch(() => {});
    time.advance(500);
    line.unplug();
    await expect(opening).rejects.toMatchObject({ reason: "radio-gone" });
  });

  test("happens once", async () => {
    const { opened } = rig();
    const { radio } = await opened(ANNA);
    await expect(radio.open()).rejects.toThrow("a radio that is open cannot be opened");
  });
});

describe("a packet for everyone", () => {
  test("is on the air once the firmware has sent it, and comes with how it was heard", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 2_000 });
    const startMs = time.monotonicMs();
    const fates = send(anna, { payload: Uint8Array.of(1, 2, 3), priority: "room" });
    expect(fates).toEqual([]);
    expect(time.runUntil(() => fates.length === 2, 10_000)).toBe(true);
    expect(states(fates)).toEqual(["queued", "on-air"]);
    const tookMs = time.monotonicMs() - startMs;
    // At most eight slots of 28 ms, 453 ms on the air, and what it takes to find out.
    expect(tookMs).toBeGreaterThan(453);
    expect(tookMs).toBeLessThan(453 + 8 * 28 + 200);
    expect(ben.received).toEqual([
      { payload: Uint8Array.of(1, 2, 3), from: "!a11a0001", to: undefined, rssiDbm: -70, snrDb: 12, hops: 0 },
    ]);
  });

  test("comes over a neighbour where it is too far, with its hops", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA, { lora: { txPower: 1 } });
    await opened(BEN, { x: 100_000, lora: { txPower: 1 } });
    const cleo = await opened(CLEO, { x: 200_000, lora: { txPower: 1 } });
    const fates = send(anna, { priority: "room" });
    time.advance(10_000);
    expect(states(fates)).toEqual(["queued", "on-air"]);
    expect(cleo.received.map(({ from, hops }) => ({ from, hops }))).toEqual([{ from: "!a11a0001", hops: 1 }]);
    expect(cleo.radio.nodes()).toMatchObject([{ id: "!a11a0001", hops: 1 }]);
  });

  test("of the largest size arrives, and one byte more is refused at once", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    const payload = new Uint8Array(MAX_PAYLOAD_BYTES).fill(0x94);
    const fates = send(anna, { payload });
    const tooLarge = send(anna, { payload: new Uint8Array(MAX_PAYLOAD_BYTES + 1) });
    time.advance(10_000);
    expect(states(fates)).toEqual(["queued", "on-air"]);
    expect(ben.received.map((packet) => packet.payload)).toEqual([payload]);
    expect(tooLarge).toEqual([
      { state: "failed", reason: "too-large", detail: "payload: 232 bytes, more than 231" },
    ]);
  });

  test("is on the air as long as the driver reckons", async () => {
    const { opened, send, time, air } = rig();
    const anna = await opened(ANNA);
    send(anna, { payload: new Uint8Array(200) });
    time.advance(10_000);
    const { maxPayloadBytes, overheadBytes } = anna.radio.capabilities;
    expect(maxPayloadBytes + overheadBytes).toBe(255);
    expect(air.stats().airtimeMs).toBe(timeOnAirMs(PRESETS.LongFast, 200 + overheadBytes));
  });

  test("is signed by firmware of 2.8, which the overhead tells", async () => {
    const { opened, send, time, air } = rig();
    const anna = await opened(ANNA, { version: "2.8.0.abcdef0" });
    expect(anna.radio.capabilities.overheadBytes).toBe(90);
    send(anna, { payload: new Uint8Array(130) });
    time.advance(10_000);
    expect(air.stats().airtimeMs).toBe(timeOnAirMs(PRESETS.LongFast, 130 + 90));
  });
});

describe("a packet for one node", () => {
  test("is acknowledged by it", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    const fates = send(anna, { to: nodeIdOf(BEN) });
    time.advance(10_000);
    expect(states(fates)).toEqual(["queued", "on-air", "acknowledged"]);
    expect(ben.received.map(({ from, to }) => ({ from, to }))).toEqual([
      { from: "!a11a0001", to: "!be110002" },
    ]);
  });

  test("is acknowledged over neighbours too, and not taken for delivered by a neighbour's repeating it", async () => {
    const { opened, send, time } = rig();
    const lora = { txPower: 1 };
    const anna = await opened(ANNA, { lora });
    await opened(BEN, { x: 100_000, lora });
    const cleo = await opened(CLEO, { x: 200_000, lora });
    const fates = send(anna, { to: nodeIdOf(CLEO) });
    time.runUntil(() => cleo.received.length > 0, 20_000);
    expect(states(fates)).toEqual(["queued", "on-air"]);
    time.advance(20_000);
    expect(states(fates)).toEqual(["queued", "on-air", "acknowledged"]);
  });

  test("that is not there fails after the firmware's three transmissions", async () => {
    const { opened, send, time, air } = rig();
    const anna = await opened(ANNA);
    const fates = send(anna, { to: "!00000abc" });
    time.advance(90_000);
    expect(states(fates)).toEqual(["queued", "on-air", "failed: no-acknowledgement"]);
    expect(air.stats().sent).toBe(3);
  });

  test("that only a neighbour has heard fails by itself: the firmware says no more of it", async () => {
    const { opened, send, time, air } = rig();
    const anna = await opened(ANNA);
    await opened(BEN, { x: 500 });
    const fates = send(anna, { to: "!00000abc" });
    time.advance(90_000);
    expect(fates.at(-1)).toMatchObject({
      reason: "no-acknowledgement",
      detail: "a neighbour repeated it, but the peer did not acknowledge it",
    });
    expect(air.stats().sent).toBe(2);
  });

  test.each([
    ["nonsense", "refused"],
    ["!ffffffff", "refused"],
    ["!a11a0001", "refused"],
  ])("called %s is refused", async (to, reason) => {
    const { opened, send, time } = rig();
    const fates = send(await opened(ANNA), { to });
    time.advance(1);
    expect(states(fates)).toEqual([`failed: ${reason}`]);
  });
});

describe("the driver's queue", () => {
  test("lets the urgent overtake, and never has more in the firmware than two", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500, role: "client-mute" });
    const priorities = ["background", "room", "direct", "check-in"] as const;
    for (let i = 0; i < 12; i++) {
      send(anna, { payload: Uint8Array.of(i), priority: priorities[i % 4] ?? "room" });
    }
    time.advance(100);
    send(anna, { payload: Uint8Array.of(99), priority: "sos" });
    time.advance(30_000);
    const order = ben.received.map(({ payload }) => payload[0]);
    expect(order).toHaveLength(13);
    expect(order.indexOf(99)).toBeLessThanOrEqual(2);
    const rest = order.filter((i) => i !== 99 && i !== 0);
    expect(rest).toEqual([3, 7, 11, 2, 6, 10, 1, 5, 9, 4, 8]);
  });

  test("brings 60 packets through a firmware whose queue holds 16, and refuses the 65th", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA, { lora: { modemPreset: 8, region: Region.US } });
    const ben = await opened(BEN, {
      x: 500,
      role: "client-mute",
      lora: { modemPreset: 8, region: Region.US },
    });
    const fates = Array.from({ length: 70 }, (_, i) =>
      send(anna, { payload: Uint8Array.of(i), priority: "room" }),
    );
    time.advance(60_000);
    // One goes to the firmware at once.
    expect(fates.map((some) => states(some).at(-1)).slice(64)).toEqual([
      "on-air",
      ...Array(5).fill("failed: queue-full"),
    ]);
    expect(ben.received.map(({ payload }) => payload[0])).toEqual(Array.from({ length: 65 }, (_, i) => i));
  });

  test("keeps the air busy: a packet follows the one before within a contention and a little", async () => {
    const { opened, send, time, air } = rig();
    const anna = await opened(ANNA);
    const all = Array.from({ length: 20 }, () =>
      send(anna, { payload: new Uint8Array(200), priority: "room" }),
    );
    const startMs = time.monotonicMs();
    expect(time.runUntil(() => all.every((fates) => fates.length === 2), 120_000)).toBe(true);
    expect(air.stats().airtimeMs / (time.monotonicMs() - startMs)).toBeGreaterThan(0.85);
  });

  test("waits where the firmware's is full of others' packets, and sends all the same", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    // Ben repeats all of Anna's, and sends his own.
    const fates = Array.from({ length: 10 }, (_, i) => [
      send(anna, { payload: Uint8Array.of(i), priority: "room" }),
      send(ben, { payload: Uint8Array.of(i), priority: "room" }),
    ]).flat();
    time.advance(240_000);
    expect(fates.map((some) => states(some).at(-1))).toEqual(Array(20).fill("on-air"));
    // Some of what everybody sends at once is lost on the air.
    expect(ben.received.length).toBeGreaterThan(5);
    expect(anna.received.length).toBeGreaterThan(5);
  });
});

describe("what the firmware refuses", () => {
  test("for lack of a region is told with the reason", async () => {
    const { opened, send, time } = rig();
    const fates = send(await opened(ANNA, { lora: { region: Region.UNSET } }), {});
    time.advance(1_000);
    expect(fates.at(-1)).toMatchObject({
      reason: "refused",
      detail: "the firmware does not send: no region is set, or sending is switched off",
    });
  });

  test("for its duty cycle is a matter of airtime", async () => {
    const { opened, send, time, log } = rig();
    // UA_868: 1 %, 36 s in an hour.
    const anna = await opened(ANNA, { lora: { region: Region.UA_868 } });
    const fates = Array.from({ length: 25 }, () =>
      send(anna, { payload: new Uint8Array(200), priority: "room" }),
    );
    time.advance(120_000);
    const last = fates.map((some) => states(some).at(-1));
    expect(last.filter((state) => state === "on-air").length).toBeGreaterThanOrEqual(17);
    expect(last.at(-1)).toBe("failed: airtime");
    expect(log.lines.some(({ msg }) => msg.includes("Duty cycle limit exceeded"))).toBe(true);
    // An hour later it may again.
    time.advance(3_600_000);
    const later = send(anna, { priority: "room" });
    time.advance(10_000);
    expect(states(later)).toEqual(["queued", "on-air"]);
  });

  test("of a peer that has another key is told", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    await opened(BEN, { x: 500, channelPsk: Uint8Array.of(2) });
    const fates = send(anna, { to: nodeIdOf(BEN) });
    time.advance(90_000);
    expect(states(fates).at(-1)).toBe("failed: no-acknowledgement");
  });
});

describe("nodes", () => {
  test("are learned with their names, batteries and positions, over the air and from the firmware", async () => {
    const { opened, plug, settle, time } = rig();
    const seconds = () => 1_780_000_000 + Math.floor(time.monotonicMs() / 1_000);
    const anna = await opened(ANNA, { announceEveryMs: 600_000, nowSeconds: seconds });
    const cleo = plug(CLEO, { x: 300, announceEveryMs: 600_000, nowSeconds: seconds });
    await opened(BEN, {
      x: 500,
      announceEveryMs: 600_000,
      longName: "Ben",
      batteryLevel: 33,
      position: { latitude: -33.9, longitude: 18.4 },
    });
    time.advance(60_000);
    const expected = {
      id: "!be110002",
      name: "Ben",
      snrDb: 12,
      hops: 0,
      batteryPercent: 33,
      position: { latitude: -33.9, longitude: 18.4 },
    };
    expect(anna.radio.nodes().find(({ id }) => id === "!be110002")).toMatchObject(expected);
    expect(anna.changes()).toBeGreaterThan(2);
    // A box that comes later is told by the firmware.
    await settle(cleo.radio.open());
    const found = cleo.radio.nodes().find(({ id }) => id === "!be110002");
    expect(found).toMatchObject(expected);
    expect(found?.heardSecondsAgo).toBeWithin(30, 70);
  });
});

describe("setting a channel", () => {
  test("restarts the firmware, comes back by itself, and holds on the air", async () => {
    const { opened, send, settle, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    const startMs = time.monotonicMs();
    await settle(anna.radio.setChannel(settings()));
    expect(time.monotonicMs() - startMs).toBeLessThan(12_000);
    await settle(ben.radio.setChannel(settings()));
    expect(anna.radio.status().channel).toEqual({
      frequencyHz: 869_525_000,
      modulation: PRESETS.MediumFast,
      powerDbm: 20,
      name: "MediumFast",
      region: "EU868",
    });
    expect(anna.radio.capabilities.bitRate).toBe(3515.625);
    const fates = send(anna, { to: nodeIdOf(BEN) });
    time.advance(10_000);
    expect(states(fates)).toEqual(["queued", "on-air", "acknowledged"]);
    expect(ben.received).toHaveLength(1);
  });

  test("lets what is on its way go first, and keeps what comes meanwhile", async () => {
    const { opened, send, settle, time } = rig();
    const anna = await opened(ANNA);
    const before = send(anna, { priority: "room" });
    const change = anna.radio.setChannel(settings());
    await time.advanceAsync(3_000);
    const meanwhile = send(anna, { priority: "room" });
    await settle(change);
    time.advance(5_000);
    expect(states(before)).toEqual(["queued", "on-air"]);
    expect(states(meanwhile)).toEqual(["queued", "on-air"]);
  });

  test("works where the firmware does not say that it was started anew", async () => {
    const { opened, settle } = rig();
    const anna = await opened(ANNA, { tellsRestart: false });
    await settle(anna.radio.setChannel(settings()));
    expect(anna.radio.status().channel.powerDbm).toBe(20);
    expect(anna.closed).toEqual([]);
  });

  test("that it has already changes nothing", async () => {
    const { opened, settle, time } = rig();
    const anna = await opened(ANNA, { lora: { txPower: 20 } });
    const startMs = time.monotonicMs();
    await settle(anna.radio.setChannel(settings({ modulation: PRESETS.LongFast })));
    expect(time.monotonicMs()).toBe(startMs);
  });

  test("is refused with the field named, and leaves the radio as it is", async () => {
    const { opened, settle } = rig();
    const anna = await opened(ANNA);
    await expect(settle(anna.radio.setChannel(settings({ powerDbm: 30 })))).rejects.toThrow(
      "powerDbm: 30 is more than the 27 dBm of EU868",
    );
    expect(anna.radio.status().channel.powerDbm).toBe(27);
  });

  test("of a radio that is managed from afar fails with what it did not keep", async () => {
    const { opened, send, settle, time } = rig();
    const anna = await opened(ANNA, { isManaged: true });
    await expect(settle(anna.radio.setChannel(settings()))).rejects.toThrow(
      "the radio did not keep modemPreset: 4 (it has 0), txPower: 20 (it has 0)",
    );
    const fates = send(anna, { priority: "room" });
    time.advance(5_000);
    expect(states(fates)).toEqual(["queued", "on-air"]);
  });

  test("of a new radio sets the region that the driver was given", async () => {
    const { opened, settle } = rig();
    const driver = meshtasticDriver({ region: "EU868" });
    const anna = await opened(ANNA, { driver, lora: { region: Region.UNSET, txEnabled: false } });
    expect(anna.radio.status().channel.region).toBeUndefined();
    await settle(anna.radio.setChannel(settings()));
    expect(anna.radio.status().channel.region).toBe("EU868");
  });

  test("fails where the case is pulled out meanwhile", async () => {
    const { opened, time } = rig();
    const anna = await opened(ANNA);
    const change = anna.radio.setChannel(settings());
    change.catch(() => {});
    await time.advanceAsync(4_000);
    anna.line.unplug();
    await expect(change).rejects.toMatchObject({ reason: "radio-gone" });
    expect(anna.closed).toHaveLength(1);
  });
});

describe("firmware that starts anew by itself", () => {
  test.each([true, false])(
    "is taken up again, and what it had fails (it says so: %p)",
    async (tellsRestart) => {
      const { opened, send, time } = rig();
      const anna = await opened(ANNA, { tellsRestart });
      const ben = await opened(BEN, { x: 500 });
      const fates = Array.from({ length: 8 }, (_, i) =>
        send(anna, { payload: Uint8Array.of(i), priority: "room" }),
      );
      time.advance(300);
      anna.line.firmware.restart();
      time.advance(60_000);
      const last = fates.map((some) => states(some).at(-1));
      // One was on the air, two were in its queue.
      expect(last.slice(0, 3)).toContain("failed: radio-gone");
      expect(last.slice(3)).toEqual(Array(5).fill("on-air"));
      expect(ben.received.map(({ payload }) => payload[0]).slice(-5)).toEqual([3, 4, 5, 6, 7]);
      expect(anna.closed).toEqual([]);
      // It hears again.
      const answer = send(ben, { to: nodeIdOf(ANNA) });
      time.advance(10_000);
      expect(states(answer).at(-1)).toBe("acknowledged");
      expect(anna.received).toHaveLength(1);
    },
  );

  test("that comes back mute is given up", async () => {
    const { opened, time } = rig();
    const anna = await opened(ANNA);
    anna.line.emit("data", encodeFrame(Uint8Array.of(0x40, 1)));
    anna.line.firmware.stop();
    time.advance(40_000);
    expect(anna.closed).toEqual(["no Meshtastic firmware answers"]);
  });
});

describe("a silent line", () => {
  test("is kept awake: after hours a packet still comes and goes", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    time.advance(5 * 3_600_000);
    const fates = send(ben, { to: nodeIdOf(ANNA) });
    time.advance(10_000);
    expect(states(fates).at(-1)).toBe("acknowledged");
    expect(anna.received).toHaveLength(1);
    expect(anna.closed).toEqual([]);
  });

  test("of firmware that hangs is found out within two minutes, and all that waits fails", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    anna.line.firmware.stop();
    const fates = send(anna, { priority: "room" });
    time.advance(120_000);
    expect(states(fates)).toEqual(["queued", "failed: radio-gone"]);
    expect(anna.closed).toHaveLength(1);
  });
});

describe("closing", () => {
  test("says goodbye, fails what is under way, and nothing follows", async () => {
    const { opened, send, time, settle } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    const fates = send(anna, { priority: "room" });
    time.advance(50);
    await settle(anna.radio.close());
    time.advance(1);
    expect(states(fates)).toEqual(["queued", "failed: radio-gone"]);
    expect(anna.closed).toEqual(["closed by the host"]);
    const later = send(anna, {});
    send(ben, { priority: "room" });
    time.advance(20_000);
    expect(states(later)).toEqual(["failed: radio-gone"]);
    expect(anna.received).toEqual([]);
    expect(anna.closed).toHaveLength(1);
  });

  test("comes by itself when the case is pulled out", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const fates = [send(anna, {}), send(anna, {}), send(anna, {})];
    time.advance(200);
    anna.line.unplug();
    time.advance(1);
    expect(fates.map(states)).toEqual(Array(3).fill(["queued", "failed: radio-gone"]));
    expect(anna.closed).toEqual(["port gone: unplugged"]);
  });
});

describe("text between the frames", () => {
  test("disturbs nothing", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA);
    const ben = await opened(BEN, { x: 500 });
    // Less than what firmware says when it starts.
    for (let i = 0; i < 3; i++) anna.line.emit("data", new TextEncoder().encode("WARN > \r\n"));
    anna.line.emit("data", Uint8Array.of(0x94, 0xc3, 0x01));
    const fates = send(ben, { to: nodeIdOf(ANNA) });
    time.advance(10_000);
    expect(states(fates).at(-1)).toBe("acknowledged");
    expect(anna.received).toHaveLength(1);
  });

  test("of firmware that never stops it disturbs nothing either", async () => {
    const { opened, send, time } = rig();
    const anna = await opened(ANNA, { debugText: "always" });
    const ben = await opened(BEN, { x: 500 });
    for (let i = 0; i < 20; i++) {
      const fates = send(i % 2 ? anna : ben, { to: nodeIdOf(i % 2 ? BEN : ANNA) });
      time.advance(20_000);
      expect(states(fates).at(-1)).toBe("acknowledged");
    }
    expect(anna.received).toHaveLength(10);
    expect(ben.received).toHaveLength(10);
  });
});

describe("what strangers send", () => {
  test("may be anything: it is passed on where it is for the box, and else does no harm", async () => {
    const { opened, time } = rig();
    const anna = await opened(ANNA);
    const ports = [
      Port.TEXT,
      Port.POSITION,
      Port.NODE_INFO,
      Port.ROUTING,
      Port.ADMIN,
      Port.TELEMETRY,
      Port.PRIVATE,
    ];
    let meant = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...ports),
        fc.uint8Array({ maxLength: 233 }),
        fc.integer({ min: 0, max: 0xffffffff }),
        fc.record({
          id: fc.integer({ min: 0, max: 0xffffffff }),
          to: fc.constantFrom(ANNA, 0xffffffff),
          hopLimit: fc.integer({ min: 0, max: 9 }),
          hopStart: fc.integer({ min: 0, max: 9 }),
          rxSnr: fc.float(),
          rxRssi: fc.integer({ min: -200, max: 20 }),
        }),
        (port, payload, from, rest) => {
          const content = { case: "decoded", value: { port, payload, requestId: rest.id } } as const;
          const message = create(FromRadioSchema, {
            content: { case: "packet", value: { ...rest, from, content } },
          });
          anna.line.emit("data", encodeFrame(toBinary(FromRadioSchema, message)));
          if (port === Port.PRIVATE && from !== 0 && from !== ANNA) meant += 1;
          anna.radio.status();
        },
      ),
      { numRuns: 3_000 },
    );
    expect(anna.received).toHaveLength(meant);
    expect(meant).toBeGreaterThan(100);
    // As many as are remembered at most.
    expect(anna.radio.nodes().length).toBeLessThanOrEqual(500);
    expect(anna.radio.nodes().length).toBeGreaterThan(490);
    time.advance(10_000);
    expect(anna.closed).toEqual([]);
  });
});

describe("the probe", () => {
  test("knows the firmware, in any state, and leaves the line open", async () => {
    const { plug, settle, time } = rig();
    const { line, radio } = plug(ANNA);
    await time.advanceAsync(5_000);
    const context = { timers: time, random: () => 0.5, log: rig().log.log };
    expect(await settle(meshtastic.probe(line, context))).toBe(true);
    expect(line.listenerCount("data")).toBe(0);
    await settle(radio.open());
    expect(radio.status().self).toBe("!a11a0001");
  });

  test("says no within two seconds to what is none", async () => {
    const { plug, settle, time } = rig();
    const { line } = plug(ANNA);
    line.firmware.stop();
    const context = { timers: time, random: () => 0.5, log: rig().log.log };
    const probing = meshtastic.probe(line, context);
    await time.advanceAsync(200);
    line.emit("data", new TextEncoder().encode("+ERR=1\r\nAT> \xc3\x94"));
    expect(await settle(probing, 2_000)).toBe(false);
    expect(line.listenerCount("data")).toBe(0);
  });
});
