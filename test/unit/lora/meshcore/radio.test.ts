import { describe, expect, test } from "bun:test";
import { systemTimers } from "../../../../src/host/timers.ts";
import { meshcore } from "../../../../src/lora/meshcore/index.ts";
import { RadioError } from "../../../../src/lora/radio.ts";
import { capturedLog } from "../../captured-log.ts";
import { idOf, pair, world } from "./cases.ts";

const bytes = (length: number, first = 0): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (first + at) & 0xff);

describe("opening a MeshCore radio", () => {
  test("tells what it is, how it is set, and what its battery has", async () => {
    const { open } = world();
    const { radio, firmware } = await open("alpha", 0, {
      position: { latitude: 52.5, longitude: -13.25 },
      batteryMilliVolts: 3_870,
    });
    const status = radio.status();
    expect(status).toMatchObject({
      firmware: "MeshCore v1.17.1",
      hardware: "Heltec V3",
      self: Buffer.from(firmware.identity.publicKey.subarray(0, 6)).toString("hex"),
      name: "alpha",
      batteryPercent: 60,
      position: { latitude: 52.5, longitude: -13.25 },
      airtimeShare: 0,
    });
    expect(status.channel).toEqual({
      frequencyHz: 869_618_000,
      modulation: { spreadingFactor: 8, bandwidthHz: 62_500, codingRate: 8, preambleSymbols: 32 },
      powerDbm: 22,
    });
    expect(radio.capabilities.bitRate).toBe(976.5625);
  });

  test("survives boot text that is full of frame starts", async () => {
    const { open } = world();
    const bootText = `${">".repeat(500)}load > 0x3f > \u0001\u0000 >\u0005\u0000 done\r\n`;
    const { radio } = await open("alpha", 0, { bootText });
    expect(radio.status().name).toBe("alpha");
  });

  test.each([300, 2_000, 8_700])(
    "is done soon after a radio listens that takes %d ms to start",
    async (bootMs) => {
      const { plugIn, time } = world();
      const { radio } = plugIn("alpha", 0, { bootMs });
      let isOpen = false;
      const opened = radio.open().then(() => {
        isOpen = true;
      });
      await time.advanceAsync(bootMs);
      expect(isOpen).toBe(false);
      await time.advanceAsync(1_000);
      expect(isOpen).toBe(true);
      await opened;
      expect(radio.status().name).toBe("alpha");
    },
  );

  test("ends when nobody answers, and closes the port", async () => {
    const { plugIn, time } = world();
    const { radio, firmware, closed } = plugIn("alpha", 0);
    firmware.stop();
    const opened = radio.open().catch((error: unknown) => error);
    time.advance(10_001);
    const error = await opened;
    expect(error).toBeInstanceOf(RadioError);
    expect(String(error)).toContain("no answer within 5000 ms");
    expect(closed).toEqual([]);
  });

  test("refuses firmware whose messages it cannot read", async () => {
    const { plugIn, time } = world();
    const { radio } = plugIn("alpha", 0, { protocolVersion: 2 });
    time.advance(600);
    const opened = radio.open().catch((error: unknown) => error);
    time.advance(1_000);
    expect(await opened).toMatchObject({ reason: "unsupported" });
  });

  test("works with old firmware that has neither stats nor datagrams", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0, { protocolVersion: 5 });
    const b = await open("bravo", 100, { protocolVersion: 7 });
    const fates = a.send({ payload: bytes(158) });
    time.advance(20_000);
    expect(fates.map(({ state }) => state)).toEqual(["queued", "on-air"]);
    // A raw packet goes no further than it is heard, and is told with its signal.
    expect(b.received).toMatchObject([{ payload: bytes(158), from: undefined, to: undefined, hops: 0 }]);
    expect(b.received[0]?.rssiDbm).toBeLessThan(-50);
    expect(a.radio.status().airtimeShare).toBeUndefined();
  });
});

describe("a packet to everyone", () => {
  test("is told on the air when it has left, and comes whole, whatever is in it", async () => {
    const { time, a, b } = await pair();
    for (const payload of [bytes(1), bytes(60, 200), new Uint8Array(158), bytes(158, 100)]) {
      b.received.length = 0;
      const fates = a.send({ payload });
      expect(fates).toEqual([]);
      time.advance(15_000);
      expect(fates).toEqual([{ state: "queued" }, { state: "on-air" }]);
      expect(b.received.map((packet) => packet.payload)).toEqual([payload]);
      expect(b.received[0]).toMatchObject({ from: undefined, to: undefined, hops: 0 });
      expect(b.received[0]?.snrDb).toBeGreaterThan(0);
    }
  });

  test("is sent again although the mesh drops what it has seen", async () => {
    const { time, a, b } = await pair();
    const payload = bytes(20);
    for (let i = 0; i < 5; i++) {
      a.send({ payload });
      time.advance(10_000);
    }
    expect(b.received).toHaveLength(5);
    expect(b.received[0]?.rssiDbm).toBeLessThan(-30);
  });

  test("is carried on by repeaters, which count as hops", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0);
    const repeater = await open("repeater", 1_000, { repeats: true });
    const c = await open("charlie", 2_000);
    a.send({ payload: bytes(30) });
    time.advance(30_000);
    expect(repeater.received).toMatchObject([{ hops: 0 }]);
    expect(c.received).toMatchObject([{ payload: bytes(30), hops: 1 }]);
  });
});

describe("a packet to one node", () => {
  test("is acknowledged by its firmware, and comes once with who sent it", async () => {
    const { time, a, b } = await pair();
    const fates = a.send({ payload: bytes(158), to: idOf(b) });
    time.advance(30_000);
    expect(fates.map(({ state }) => state)).toEqual(["queued", "on-air", "acknowledged"]);
    expect(b.received).toMatchObject([{ payload: bytes(158), from: idOf(a), to: idOf(b), hops: 0 }]);
    // The first was flooded and has brought back the path: the next goes by it.
    const next = a.send({ payload: bytes(9), to: idOf(b).toUpperCase() });
    time.advance(30_000);
    expect(next.at(-1)).toEqual({ state: "acknowledged" });
    expect(b.received.at(-1)).toMatchObject({ payload: bytes(9), hops: undefined });
    expect(a.radio.nodes()).toMatchObject([{ id: idOf(b), name: "bravo", hops: 0 }]);
  });

  test("is tried three times and given up when nobody is there", async () => {
    const { time, a, b } = await pair();
    const to = idOf(b);
    b.port.unplug();
    const sentBefore = a.firmware.node.mesh.sentPackets;
    const fates = a.send({ payload: bytes(10), to });
    time.advance(200_000);
    expect(fates).toEqual([
      { state: "queued" },
      { state: "on-air" },
      { state: "failed", reason: "no-acknowledgement", detail: "no acknowledgement after 3 attempts" },
    ]);
    expect(a.firmware.node.mesh.sentPackets - sentBefore).toBe(3);
  });

  test("comes once although lost acknowledgements made it be sent again, and in order", async () => {
    const { time, open } = world({ frameLoss: 0.4 });
    const a = await open("alpha", 0);
    const b = await open("bravo", 100);
    for (let i = 0; i < 12; i++) {
      a.firmware.advertise("neighbours");
      time.advance(3_000);
      b.firmware.advertise("neighbours");
      time.advance(3_000);
    }
    const sent = Array.from({ length: 12 }, (_, at) => a.send({ payload: bytes(20, at), to: idOf(b) }));
    time.advance(900_000);
    const ends = sent.map((fates) => fates.at(-1)?.state);
    expect(ends.filter((state) => state === "acknowledged").length).toBeGreaterThan(6);
    const firsts = b.received.map(({ payload }) => payload[0] ?? -1);
    expect(firsts).toEqual([...new Set(firsts)].sort((x, y) => x - y));
    sent.forEach((fates, at) => {
      if (fates.at(-1)?.state === "acknowledged") expect(firsts).toContain(at);
    });
  });

  test("is refused when the radio does not know the node", async () => {
    const { time, a } = await pair();
    const fates = a.send({ payload: bytes(3), to: "0123456789ab" });
    expect(fates).toEqual([]);
    time.advance(0);
    expect(fates).toEqual([
      { state: "failed", reason: "refused", detail: "to: 0123456789ab is not among the radio's contacts" },
    ]);
  });
});

describe("what cannot be sent", () => {
  test("fails at once with its reason, and never before send has returned", async () => {
    const { time, a } = await pair();
    const large = a.send({ payload: bytes(159) });
    const empty = a.send({ payload: bytes(0) });
    expect([large, empty]).toEqual([[], []]);
    time.advance(0);
    expect(large).toMatchObject([{ state: "failed", reason: "too-large" }]);
    expect(empty).toMatchObject([{ state: "failed", reason: "refused" }]);
    const many = Array.from({ length: 40 }, () => a.send({ payload: bytes(10) }));
    time.advance(0);
    const full = many.filter(([first]) => first?.state === "failed");
    expect(full.length).toBeGreaterThan(10);
    expect(full[0]).toMatchObject([{ reason: "queue-full" }]);
    time.advance(120_000);
    for (const fates of many) expect(["on-air", "failed"]).toContain(fates.at(-1)?.state ?? "");
  });

  test("waits while the radio's own packets are used up, and the urgent goes before the rest", async () => {
    const { time, a, b } = await pair();
    const order: number[] = [];
    b.radio.on("received", ({ payload }) => order.push(payload[0] ?? 0));
    for (let at = 0; at < 8; at++) a.send({ payload: bytes(20, at), priority: "background" });
    a.send({ payload: bytes(20, 99), priority: "sos" });
    time.advance(60_000);
    expect(order).toHaveLength(9);
    expect(order.indexOf(99)).toBeLessThan(5);
  });

  test("fails as gone when the radio is unplugged, once, and the radio says that it closed", async () => {
    const { time, a, b } = await pair();
    const direct = a.send({ payload: bytes(10), to: idOf(b) });
    const waiting = Array.from({ length: 6 }, () => a.send({ payload: bytes(10) }));
    time.advance(100);
    a.port.unplug();
    time.advance(600_000);
    for (const fates of [direct, ...waiting]) {
      expect(fates.at(-1)).toMatchObject({ state: "failed", reason: "radio-gone" });
      expect(fates.filter(({ state }) => state === "failed")).toHaveLength(1);
    }
    expect(a.closed).toEqual(["port gone: unplugged"]);
    const late = a.send({ payload: bytes(3) });
    time.advance(0);
    expect(late).toMatchObject([{ state: "failed", reason: "radio-gone" }]);
  });
});

describe("a MeshCore radio that is open", () => {
  test("knows nodes by their adverts, with place and age", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0);
    const b = await open("bravo", 100, { position: { latitude: 48.1, longitude: 11.5 } });
    let changes = 0;
    a.radio.on("changed", () => changes++);
    b.firmware.advertise("flood");
    time.advance(8_000);
    expect(changes).toBeGreaterThan(0);
    const [node] = a.radio.nodes();
    expect(node).toMatchObject({ id: idOf(b), name: "bravo", position: { latitude: 48.1, longitude: 11.5 } });
    expect(node?.heardSecondsAgo).toBeGreaterThanOrEqual(3);
    expect(node?.heardSecondsAgo).toBeLessThanOrEqual(9);
  });

  test("has its channel set and read back, which others on the old one no longer hear", async () => {
    const { time, a, b } = await pair();
    const settings = {
      frequencyHz: 868_100_000,
      modulation: { spreadingFactor: 10, bandwidthHz: 125_000, codingRate: 5, preambleSymbols: 16 },
      powerDbm: 14,
    };
    const set = a.radio.setChannel(settings);
    time.advance(100);
    await set;
    expect(a.radio.status().channel).toEqual(settings);
    a.send({ payload: bytes(5) });
    time.advance(20_000);
    expect(b.received).toHaveLength(0);
    const setToo = b.radio.setChannel(settings);
    time.advance(100);
    await setToo;
    a.send({ payload: bytes(5) });
    time.advance(20_000);
    expect(b.received).toHaveLength(1);
  });

  test("keeps repeating for others when its channel is set", async () => {
    const { time, open } = world();
    const { radio, firmware } = await open("alpha", 0, { repeats: true });
    const set = radio.setChannel({ ...firmware.settings, powerDbm: 10 });
    time.advance(100);
    await set;
    expect(firmware.repeats).toBe(true);
    expect(firmware.settings.powerDbm).toBe(10);
  });

  test.each([
    [{ frequencyHz: 868_100_500 }, "frequencyHz: 868100500 is not of whole kHz"],
    [{ frequencyHz: 100_000_000 }, "frequencyHz: 100000000 is not one of 150000000 to 2500000000"],
    [{ powerDbm: 27 }, "powerDbm: 27 is not one of -9 to 22"],
  ])("refuses %j with the field named", async (more, detail) => {
    const { a } = await pair();
    const error = await a.radio.setChannel({ ...a.firmware.settings, ...more }).catch((e: unknown) => e);
    expect(error).toMatchObject({ reason: "refused", message: detail });
  });

  test("tells its share of the air, and how busy the channel is", async () => {
    const { time, a, b } = await pair();
    for (let i = 0; i < 10; i++) {
      a.send({ payload: bytes(100) });
      time.advance(12_000);
    }
    time.advance(10_000);
    expect(a.radio.status().airtimeShare).toBeGreaterThan(0.002);
    expect(b.radio.status().airtimeShare).toBeLessThan(0.001);
    expect(b.radio.status().channelUse).toBeGreaterThan(0.05);
  });

  test("notices that the radio was started anew behind its back", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0);
    time.advance(300_000);
    const fresh = await open("other", 9_000);
    a.port.firmware.receive = (command) => fresh.firmware.receive(command);
    fresh.port.on("data", (data) => a.port.inject(data));
    time.advance(70_000);
    expect(a.closed).toEqual(["the radio was started anew"]);
  });

  test("is closed when the firmware falls silent, after two time-outs", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0);
    a.firmware.stop();
    const fates = a.send({ payload: bytes(5) });
    time.advance(9_000);
    expect(a.closed).toEqual([]);
    time.advance(2_000);
    expect(a.closed).toEqual(["ask for the device: no answer within 5000 ms"]);
    expect(fates.at(-1)).toMatchObject({ state: "failed", reason: "radio-gone" });
  });

  test("goes on after noise on the line that swallowed an answer", async () => {
    const { time, a, b } = await pair();
    a.port.inject(Uint8Array.of(0x3e, 100, 0, 16, 1, 2, 3));
    const fates = a.send({ payload: bytes(5) });
    time.advance(15_000);
    expect(fates.at(-1)).toEqual({ state: "on-air" });
    expect(b.received).toHaveLength(1);
  });

  test("does not take a person's texts for packets, on a channel or to it", async () => {
    const { time, a, b } = await pair();
    const text = new TextEncoder().encode("Hallo, hört mich jemand?");
    const contact = b.firmware.node.contactBy(a.firmware.identity.publicKey);
    if (!contact) throw new Error("b does not know a");
    b.firmware.node.sendText(contact, 1, 0, text);
    b.firmware.node.sendGroupText(2, "bravo", text);
    b.firmware.node.sendGroupData(0x0120, text, undefined);
    time.advance(30_000);
    expect(a.received).toEqual([]);
    expect(a.firmware.waitingMessages).toEqual([]);
  });

  test("takes what waited in the radio while no host was there", async () => {
    const { time, plugIn, open } = world();
    const a = await open("alpha", 0);
    const b = plugIn("bravo", 100);
    time.advance(600);
    a.send({ payload: bytes(4) });
    time.advance(10_000);
    expect(b.received).toEqual([]);
    const opened = b.radio.open();
    time.advance(1_000);
    await opened;
    expect(b.received.map(({ payload }) => payload)).toEqual([bytes(4)]);
  });

  test("finds a message within a minute whose announcement was lost on the line", async () => {
    const { time, a, b } = await pair();
    const toHost = b.port.listeners("data");
    b.port.removeAllListeners("data");
    a.send({ payload: bytes(7) });
    time.advance(10_000);
    for (const listener of toHost) b.port.on("data", listener);
    time.advance(61_000);
    expect(b.received.map(({ payload }) => payload)).toEqual([bytes(7)]);
  });

  test("advertises itself when it is told to", async () => {
    const { time, open } = world();
    const a = await open("alpha", 0);
    const b = await open("bravo", 100);
    const done = a.radio.advertise("neighbours");
    time.advance(8_000);
    await done;
    expect(b.radio.nodes()).toMatchObject([{ id: idOf(a) }]);
  });
});

describe("probing for MeshCore", () => {
  const context = { timers: systemTimers, random: Math.random, log: capturedLog().log };

  test("finds it, and leaves the port as it was", async () => {
    const { plugIn, time } = world();
    const { port } = plugIn("alpha", 0);
    time.advance(600);
    const found = meshcore.probe(port, { ...context, timers: time });
    time.advance(50);
    expect(await found).toBe(true);
    expect(port.listenerCount("data") + port.listenerCount("closed")).toBe(0);
    time.advance(5_000);
    expect(port.written).toHaveLength(1);
  });

  test("says no when nobody answers in time", async () => {
    const { plugIn, time } = world();
    const { port, firmware } = plugIn("alpha", 0);
    firmware.stop();
    const found = meshcore.probe(port, { ...context, timers: time });
    time.advance(1_400);
    expect(await found).toBe(false);
  });
});
