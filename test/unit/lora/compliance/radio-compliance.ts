import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Firmware } from "../../../../src/bench/firmware.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import type { RadioDriver } from "../../../../src/lora/driver.ts";
import { type ChannelSettings, PRESETS } from "../../../../src/lora/modulation.ts";
import type { Priority } from "../../../../src/lora/priority.ts";
import { type NodeId, type Outgoing, RadioError } from "../../../../src/lora/radio.ts";
import { Fates } from "./fates.ts";
import { type Board, MemoryWorld, PtyWorld, type Station, type World } from "./world.ts";

/** One driver with the firmware that it is for. */
export interface ComplianceSubject<F extends Firmware> {
  driver: RadioDriver;
  powerOn: (board: Board) => F;
  /** A node that nobody is, where the driver knows nodes by name and needs not have met them. */
  absent?: NodeId;
  /** What must have passed before nodes know each other; default: nothing. */
  meet?: (stations: readonly Station<F>[], world: World) => Promise<void>;
}

/** What a firmware can do by what it is: the suite holds the driver to it. */
export interface ComplianceTraits {
  /** Its nodes have names, and a packet can go to one of them. */
  addresses: boolean;
  /** Packets to one node are acknowledged. */
  acknowledges: boolean;
  /** The host may set the channel. */
  setsChannel: boolean;
}

/** What a test is given. */
interface Bench {
  newWorld: () => World;
  opened: (count: number) => Promise<Opened>;
}

/** Stations on one air; where there are fewer, the last one is the others too. */
interface Opened {
  absent: NodeId | undefined;
  world: World;
  a: Station;
  b: Station;
  c: Station;
}

/** More than any driver takes to open, send or give up a packet. */
const LONG_MS = 120_000;
const HOUR_MS = 3_600_000;

/**
 * What every radio driver must do, whatever its firmware: one suite, in virtual time over lines in memory and again over
 * pseudo-terminals. Each test has an air and radios of its own.
 */
export function radioCompliance<F extends Firmware>(
  name: string,
  traits: ComplianceTraits,
  setup: () => Promise<ComplianceSubject<F>>,
): void {
  // Slow air over real lines, on a machine that may be busy.
  setDefaultTimeout(120_000);
  complianceIn(`${name} in virtual time`, traits, setup, () => new MemoryWorld(), true);
  complianceIn(`${name} over pseudo-terminals`, traits, setup, () => new PtyWorld(), false);
}

function complianceIn<F extends Firmware>(
  title: string,
  traits: ComplianceTraits,
  setup: () => Promise<ComplianceSubject<F>>,
  create: () => World,
  isVirtual: boolean,
): void {
  /** One test with worlds of its own, which end with it. Those on real lines mostly wait: they run side by side. */
  const check = (name: string, body: (bench: Bench) => Promise<void>) =>
    (isVirtual ? test : test.concurrent)(name, async () => {
      const worlds: World[] = [];
      const newWorld = () => {
        const world = create();
        worlds.push(world);
        return world;
      };
      try {
        await body({ newWorld, opened: (count) => opened(newWorld(), count) });
      } finally {
        for (const world of worlds) await world.end();
      }
    });

  /** Radios that are open and know each other. */
  async function opened(world: World, count: number): Promise<Opened> {
    const subject = await setup();
    const stations: Station<F>[] = [];
    for (let i = 0; i < count; i++) stations.push(await world.station(subject));
    await world.settled(Promise.all(stations.map(({ radio }) => radio.open())), LONG_MS);
    await subject.meet?.(stations, world);
    for (const { received } of stations) received.length = 0;
    const [a, b = a, c = b] = stations;
    if (!a || !b || !c) throw new Error("no stations");
    return { absent: subject.absent, world, a, b, c };
  }

  /** Sends one packet and waits for what becomes of it. */
  async function sent(world: World, { radio }: Station, outgoing: Outgoing): Promise<Fates> {
    const fates = Fates.of(radio, outgoing);
    if (!(await world.until(() => fates.final !== undefined, LONG_MS)))
      throw new Error(`no final fate, only: ${fates.states.join(", ")}`);
    return fates;
  }

  /**
   * Waits until firmware that repeats for others has done so. One that repeats hears nothing meanwhile, and no driver
   * can help that.
   */
  async function quiet(world: World, station: Station): Promise<void> {
    if (!station.radio.capabilities.routes) return;
    const { sent } = world.air.stats();
    await world.until(() => false, 3_000);
    if (world.air.stats().sent !== sent) await quiet(world, station);
  }

  /**
   * Sends a packet to everyone, and sees it arrive. Firmware that has things of its own to say may do so just then, and
   * hears nothing: there it is sent again.
   */
  async function delivered(world: World, from: Station, to: Station, payload: Uint8Array): Promise<void> {
    to.received.length = 0;
    for (let tries = from.radio.capabilities.routes ? 4 : 1; tries > 0; tries--) {
      const fates = await sent(world, from, { payload, priority: "direct" });
      expect(fates.states).toEqual(["queued", "on-air"]);
      expect(fates.faults).toEqual([]);
      const hasArrived = await world.until(() => to.received.length > 0, LONG_MS / 10);
      await quiet(world, from);
      if (hasArrived) break;
    }
    expect(to.received.map((packet) => packet.payload)).toEqual([payload]);
  }

  describe(title, () => {
    check("opens, with capabilities and a status that can be", async ({ opened }) => {
      const { a } = await opened(1);
      const { capabilities } = a.radio;
      expect(capabilities.maxPayloadBytes).toBeGreaterThanOrEqual(30);
      expect(capabilities.maxPayloadBytes).toBeLessThanOrEqual(512);
      expect(capabilities.overheadBytes).toBeGreaterThanOrEqual(0);
      if (capabilities.bitRate !== undefined) expect(capabilities.bitRate).toBeGreaterThan(0);
      const status = a.radio.status();
      expect(status.firmware).not.toBe("");
      for (const share of [status.airtimeShare, status.channelUse]) {
        if (share === undefined) continue;
        expect(share).toBeGreaterThanOrEqual(0);
        expect(share).toBeLessThanOrEqual(1);
      }
      if (status.batteryPercent !== undefined) {
        expect(status.batteryPercent).toBeGreaterThanOrEqual(0);
        expect(status.batteryPercent).toBeLessThanOrEqual(100);
      }
      if (status.channel.frequencyHz !== undefined) expect(status.channel.frequencyHz).toBeGreaterThan(1e8);
      expect(capabilities.acknowledges).toBe(traits.acknowledges);
      if (traits.addresses) expect(status.self).toBeString();
      for (const node of a.radio.nodes()) expect(node.id).not.toBe("");
    });

    check("says that there is no answer where nothing is at the other end", async ({ newWorld }) => {
      const { driver } = await setup();
      const world = newWorld();
      const { radio, port, closed } = await world.station({ driver, powerOn: undefined });
      const opening = world.settled(radio.open(), LONG_MS);
      await expect(opening).rejects.toBeInstanceOf(RadioError);
      await expect(opening).rejects.toMatchObject({ reason: "no-answer" });
      await world.settled(radio.close(), LONG_MS);
      await expect(port.write(Uint8Array.of(0))).rejects.toThrow();
      expect(closed.length).toBeLessThanOrEqual(1);
    });

    check(
      "finds its firmware by a probe, finds none on a silent line, and leaves the line usable",
      async ({ newWorld }) => {
        const { driver, powerOn } = await setup();
        const world = newWorld();
        const context = { timers: world.timers, random: seededRandom(1), log: world.log };
        const alive = await world.station({ driver, powerOn });
        await world.until(() => false, driver.settleMs);
        expect(await world.settled(driver.probe(alive.port, context), LONG_MS)).toBe(true);
        expect(alive.port.listenerCount("data")).toBe(0);
        await world.settled(alive.radio.open(), LONG_MS);
        const silent = await world.station({ driver, powerOn: undefined });
        expect(await world.settled(driver.probe(silent.port, context), LONG_MS)).toBe(false);
        expect(silent.port.listenerCount("data")).toBe(0);
        await silent.port.write(Uint8Array.of(0));
      },
    );

    check("brings payloads of any size and any bytes through unchanged", async ({ opened }) => {
      const { world, a, b } = await opened(2);
      const { maxPayloadBytes } = a.radio.capabilities;
      const random = seededRandom(3);
      const all = Array.from({ length: maxPayloadBytes }, (_, index) => index + 1);
      const some = [1, 2, 17, maxPayloadBytes >> 1, maxPayloadBytes - 1, maxPayloadBytes];
      for (const size of isVirtual ? all : some) {
        const payload = Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
        await delivered(world, a, b, payload);
        const [packet] = b.received;
        if (packet?.rssiDbm !== undefined) expect(packet.rssiDbm).toBeWithin(-140, 0);
        if (packet?.snrDb !== undefined) expect(packet.snrDb).toBeWithin(-25, 80);
        if (packet?.hops !== undefined) expect(packet.hops).toBe(0);
      }
    });

    check("brings the bytes that its own protocol is made of through unchanged", async ({ opened }) => {
      const { world, a, b } = await opened(2);
      const { maxPayloadBytes } = a.radio.capabilities;
      const payloads = [
        [0xc0, 0xdb, 0xdc, 0xdd, 0xc0, 0xc0, 0x00],
        [0x94, 0xc3, 0x00, 0x04, 0x94, 0xc3],
        [0x3e, 0x05, 0x00, 0x3c, 0x3e],
        [...new TextEncoder().encode("+RCV=1,2,hi,-9,9\r\nAT\r\n+OK\r\n")],
        [0, 0, 0, 0],
        [0xff, 0xff, 0xff, 0xff],
      ].map((bytes) => Uint8Array.from(bytes.slice(0, maxPayloadBytes)));
      for (const payload of payloads) await delivered(world, a, b, payload);
    });

    check("refuses what is too large at once, and takes no harm from what is empty", async ({ opened }) => {
      const { world, a } = await opened(1);
      const { maxPayloadBytes } = a.radio.capabilities;
      const tooLarge = Fates.of(a.radio, { payload: new Uint8Array(maxPayloadBytes + 1), priority: "sos" });
      const empty = Fates.of(a.radio, { payload: new Uint8Array(), priority: "sos" });
      await world.until(() => tooLarge.final !== undefined, isVirtual ? 1 : 100);
      expect(tooLarge.told).toMatchObject([{ state: "failed", reason: "too-large" }]);
      expect(await world.until(() => empty.final !== undefined, LONG_MS)).toBe(true);
      expect([...tooLarge.faults, ...empty.faults]).toEqual([]);
    });

    check("says of what goes to everyone that it is queued, then on air, and no more", async ({ opened }) => {
      const { world, a, b, c } = await opened(3);
      const payload = Uint8Array.of(1, 2, 3);
      const fates = await sent(world, a, { payload, priority: "direct" });
      expect(await world.until(() => b.received.length > 0 && c.received.length > 0, LONG_MS)).toBe(true);
      await world.until(() => false, isVirtual ? 60_000 : 5_000);
      expect(fates.states).toEqual(["queued", "on-air"]);
      expect(fates.faults).toEqual([]);
      expect([b, c].map(({ received }) => received.map((packet) => packet.payload))).toEqual([
        [payload],
        [payload],
      ]);
      const { self } = a.radio.status();
      for (const { received } of [b, c]) {
        const from = received[0]?.from;
        if (from !== undefined && self !== undefined) expect(from).toBe(self);
      }
    });

    if (traits.addresses)
      check("brings what goes to one node to that node, acknowledged where it can be", async ({ opened }) => {
        const { world, a, b } = await opened(3);
        const { self } = b.radio.status();
        if (self === undefined) throw new Error("status: self is not known");
        const payload = Uint8Array.of(4, 5, 6);
        const fates = await sent(world, a, { payload, priority: "direct", to: self });
        expect(fates.final?.state).toBe(a.radio.capabilities.acknowledges ? "acknowledged" : "on-air");
        expect(fates.faults).toEqual([]);
        expect(await world.until(() => b.received.length > 0, LONG_MS)).toBe(true);
        expect(b.received).toMatchObject([{ payload, to: self }]);
      });

    if (traits.acknowledges)
      check("says when the peer does not acknowledge", async ({ opened }) => {
        const { absent, world, a, b } = await opened(2);
        const to = absent ?? b.radio.status().self;
        if (to === undefined) throw new Error("nobody to send to");
        b.unplug();
        const fates = await sent(world, a, { payload: Uint8Array.of(1), priority: "direct", to });
        expect(fates.final).toMatchObject({ state: "failed", reason: "no-acknowledgement" });
        expect(fates.faults).toEqual([]);
      });

    check(
      "gives each of many packets one final fate, and brings all of them that it says were on air",
      async ({ opened }) => {
        const { world, a, b } = await opened(2);
        const count = isVirtual ? 30 : 12;
        const all = Array.from({ length: count }, (_, index) =>
          Fates.of(a.radio, { payload: Uint8Array.of(index, 9, 9), priority: "room" }),
        );
        expect(await world.until(() => all.every(({ final }) => final), isVirtual ? HOUR_MS : 600_000)).toBe(
          true,
        );
        await world.until(() => b.received.length === count, LONG_MS);
        expect(all.flatMap(({ faults }) => faults)).toEqual([]);
        const onAir = all.flatMap(({ final }, index) => (final?.state === "on-air" ? [index] : []));
        const failed = all.flatMap(({ final }) => (final?.state === "failed" ? [final.reason] : []));
        expect(onAir.length).toBeGreaterThanOrEqual(count / 2);
        expect(failed.every((reason) => reason === "queue-full" || reason === "airtime")).toBe(true);
        const arrived = b.received.map(({ payload }) => payload[0]);
        if (a.radio.capabilities.routes) {
          // Who repeats one packet misses the next now and then.
          expect(arrived).toEqual(onAir.filter((index) => arrived.includes(index)));
          expect(arrived.length).toBeGreaterThanOrEqual(onAir.length * 0.8);
        } else expect(arrived).toEqual(onAir);
      },
    );

    check("lets what is urgent overtake", async ({ opened }) => {
      const { world, a } = await opened(2);
      const order: string[] = [];
      const send = (label: string, priority: Priority) =>
        Fates.of(a.radio, { payload: Uint8Array.of(1, 2, 3), priority }, ({ state }) => {
          if (state === "on-air") order.push(label);
        });
      const all = [
        ...Array.from({ length: 12 }, (_, index) => send(`background ${index}`, "background")),
        send("sos", "sos"),
      ];
      expect(await world.until(() => all.every(({ final }) => final), isVirtual ? HOUR_MS : 600_000)).toBe(
        true,
      );
      expect(order).toHaveLength(13);
      expect(order.filter((label) => label !== "sos")).toEqual(
        Array.from({ length: 12 }, (_, index) => `background ${index}`),
      );
      expect(order.indexOf("sos")).toBeLessThanOrEqual(6);
    });

    check("loses nothing to noise between what the firmware says", async ({ opened }) => {
      const { world, a, b } = await opened(2);
      const random = seededRandom(11);
      const noises = [
        (length: number) => Uint8Array.from({ length }, () => Math.floor(random() * 256)),
        (length: number) => new Uint8Array(length).fill(0x94),
        (length: number) => new Uint8Array(length).fill(0xc0),
        () => new TextEncoder().encode("I (312) boot: ESP-IDF v4.4 <2nd stage> \r\nE (1) +RCV=\r\n"),
        () => Uint8Array.of(0x94, 0xc3, 0xff, 0xff),
        () => Uint8Array.of(0x3e, 0xff, 0xff),
      ];
      const payloads = Array.from({ length: isVirtual ? 36 : noises.length }, (_, index) =>
        Uint8Array.of(index, 0x55, 0xaa),
      );
      for (const [index, payload] of payloads.entries()) {
        const noise = noises[index % noises.length]?.(1 + Math.floor(random() * 300));
        if (noise) b.noise(noise);
        if (noise && index % 2) a.noise(noise);
        await delivered(world, a, b, payload);
      }
      expect([...a.closed, ...b.closed]).toEqual([]);
    });

    check("gives back all that is under way when the line goes, and says so once", async ({ opened }) => {
      const { world, a } = await opened(2);
      const all = Array.from({ length: 8 }, () =>
        Fates.of(a.radio, { payload: new Uint8Array(20).fill(1), priority: "direct" }),
      );
      await world.until(() => all.some(({ final }) => final), LONG_MS);
      a.unplug();
      expect(await world.until(() => all.every(({ final }) => final), 5_000)).toBe(true);
      expect(await world.until(() => a.closed.length > 0, 5_000)).toBe(true);
      const late = Fates.of(a.radio, { payload: Uint8Array.of(1), priority: "sos" });
      await world.settled(a.radio.close(), LONG_MS);
      await world.until(() => false, 3_000);
      expect(a.closed).toHaveLength(1);
      expect([...all, late].flatMap(({ faults }) => faults)).toEqual([]);
      const failures = all.map(({ final }) => final).filter((fate) => fate?.state === "failed");
      expect(failures.length).toBeGreaterThanOrEqual(1);
      for (const fate of [...failures, late.final])
        expect(fate).toMatchObject({ state: "failed", reason: "radio-gone" });
    });

    check(
      "can be closed twice, and sends nothing before it is open or after it is closed",
      async ({ newWorld }) => {
        const subject = await setup();
        const world = newWorld();
        const { radio, closed } = await world.station(subject);
        const packet: Outgoing = { payload: Uint8Array.of(1), priority: "direct" };
        const early = Fates.of(radio, packet);
        expect(await world.until(() => early.final !== undefined, 100)).toBe(true);
        await world.settled(radio.open(), LONG_MS);
        const pending = Fates.of(radio, packet);
        await world.settled(Promise.all([radio.close(), radio.close()]), LONG_MS);
        await world.settled(radio.close(), LONG_MS);
        const late = Fates.of(radio, packet);
        expect(await world.until(() => pending.final !== undefined && late.final !== undefined, 1_000)).toBe(
          true,
        );
        await world.until(() => false, 1_000);
        for (const { final } of [early, late])
          expect(final).toMatchObject({ state: "failed", reason: "radio-gone" });
        // What it was faster than the goodbye may have reached the air.
        if (pending.final?.state === "failed") expect(pending.final.reason).toBe("radio-gone");
        expect([early, pending, late].flatMap(({ faults }) => faults)).toEqual([]);
        expect(closed).toHaveLength(1);
        await expect(radio.open()).rejects.toThrow();
      },
    );

    check("sets the channel, or says that it cannot", async ({ opened }) => {
      const { world, a, b } = await opened(2);
      const channel: ChannelSettings = {
        frequencyHz: 869_525_000,
        modulation: PRESETS.MediumFast,
        powerDbm: 10,
      };
      const change = async ({ radio }: Station) => {
        try {
          await world.settled(radio.setChannel(channel), LONG_MS);
          return "set";
        } catch (error) {
          if (!(error instanceof RadioError)) throw error;
          return error.reason;
        }
      };
      const expected = traits.setsChannel ? "set" : "unsupported";
      expect([await change(a), await change(b)]).toEqual([expected, expected]);
      if (traits.setsChannel) {
        const { spreadingFactor, bandwidthHz } = a.radio.status().channel.modulation ?? {};
        expect([spreadingFactor, bandwidthHz]).toEqual([9, 250_000]);
        expect(a.radio.status().channel.frequencyHz).toBeWithin(869_524_000, 869_526_000);
        await expect(
          world.settled(a.radio.setChannel({ ...channel, frequencyHz: 1_000 }), LONG_MS),
        ).rejects.toMatchObject({ reason: "refused", message: expect.stringMatching(/frequencyHz/) });
      }
      await delivered(world, a, b, Uint8Array.of(8));
    });

    check("may be told to leave in the middle of a transfer, again and again", async ({ newWorld }) => {
      const subject = await setup();
      const world = newWorld();
      const listener = await world.station(subject);
      await world.settled(listener.radio.open(), LONG_MS);
      for (let round = 0; round < (isVirtual ? 10 : 3); round++) {
        const station = await world.station(subject);
        await world.settled(station.radio.open(), LONG_MS);
        const all = Array.from({ length: 3 }, () =>
          Fates.of(station.radio, { payload: new Uint8Array(10).fill(round), priority: "direct" }),
        );
        await world.until(() => false, 300 * round);
        await world.settled(station.radio.close(), LONG_MS);
        station.unplug();
        expect(await world.until(() => all.every(({ final }) => final), 5_000)).toBe(true);
        expect(all.flatMap(({ faults }) => faults)).toEqual([]);
        expect(station.closed).toHaveLength(1);
      }
      expect(listener.closed).toEqual([]);
    });
  });
}
