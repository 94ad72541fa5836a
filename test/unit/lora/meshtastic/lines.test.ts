import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Air } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import {
  MeshtasticFirmware,
  type MeshtasticFirmwareOptions,
} from "../../../../src/bench/firmware/meshtastic.ts";
import { serveMeshtastic } from "../../../../src/bench/meshtastic/tcp-server.ts";
import { pluggedIn } from "../../../../src/bench/pty.ts";
import { systemTimers } from "../../../../src/host/timers.ts";
import { meshtastic } from "../../../../src/lora/meshtastic/index.ts";
import { ModemPreset, Region } from "../../../../src/lora/meshtastic/proto/meshtastic_pb.ts";
import type { Port } from "../../../../src/lora/port.ts";
import type { Fate, Outgoing, Radio, Received } from "../../../../src/lora/radio.ts";
import { openSerialPort } from "../../../../src/lora/serial/serial-port.ts";
import { openTcpPort } from "../../../../src/lora/tcp-port.ts";
import { capturedLog } from "../../captured-log.ts";
import { scratchFolders } from "../../scratch.ts";
import { states } from "./rig.ts";

const scratch = scratchFolders();
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** Firmware for real time: the fastest preset, started in no time. */
function firmwareOn(air: Air, number: number): Omit<MeshtasticFirmwareOptions, "toHost"> {
  return {
    modem: air.modem({ name: `${number} ${Math.random()}`, position: { x: number * 100, y: 0 } }),
    timers: systemTimers,
    random: Math.random,
    number,
    bootMs: 50,
    lora: { region: Region.US, modemPreset: ModemPreset.SHORT_TURBO },
  };
}

const newAir = () => new Air({ timers: systemTimers, seed: 1, pathLoss: FREE_SPACE });

async function opened(port: Port): Promise<Radio> {
  const radio = meshtastic.create(port, {
    timers: systemTimers,
    random: Math.random,
    log: capturedLog().log,
  });
  endings.push(() => radio.close());
  await radio.open();
  return radio;
}

/** Sends, and waits for the last fate. */
function sent(radio: Radio, outgoing: Partial<Outgoing>): Promise<Fate[]> {
  const fates: Fate[] = [];
  const { promise, resolve } = Promise.withResolvers<Fate[]>();
  radio.send({ payload: Uint8Array.of(1), priority: "direct", ...outgoing }, (fate) => {
    fates.push(fate);
    const isLast = fate.state === "failed" || fate.state === "acknowledged";
    if (isLast || (fate.state === "on-air" && outgoing.to === undefined)) resolve(fates);
  });
  return promise;
}

const nextPacket = (radio: Radio): Promise<Received> =>
  new Promise((resolve) => radio.once("received", resolve));

const closing = (radio: Radio): Promise<string> => new Promise((resolve) => radio.once("closed", resolve));

describe("a Meshtastic case on a pseudo-terminal", () => {
  const plugged = (air: Air, number: number, link?: string) => {
    const pty = pluggedIn(
      (toHost) => new MeshtasticFirmware({ ...firmwareOn(air, number), toHost }),
      link === undefined ? {} : { link },
    );
    endings.push(() => pty.unplug());
    return pty;
  };
  const openedAt = async (path: string) => opened(await openSerialPort(path, { baudRate: 115_200 }));

  test("sends and receives every byte value, and is acknowledged", async () => {
    const air = newAir();
    const anna = await openedAt(plugged(air, 1).path);
    const ben = await openedAt(plugged(air, 2).path);
    const payload = Uint8Array.from({ length: 231 }, (_, i) => (i * 149) & 0xff);
    const arrived = nextPacket(ben);
    expect(states(await sent(anna, { payload, to: "!00000002" }))).toEqual([
      "queued",
      "on-air",
      "acknowledged",
    ]);
    expect(await arrived).toMatchObject({ payload, from: "!00000001", hops: 0 });
  });

  test("that is pulled out closes, and comes back under its name on a new radio", async () => {
    const air = newAir();
    const link = join(scratch(), "case");
    const first = plugged(air, 1, link);
    const ben = await openedAt(plugged(air, 2).path);
    const anna = await openedAt(link);
    const closed = closing(anna);
    const underWay = sent(anna, { to: "!00000009" });
    await Bun.sleep(20);
    first.unplug();
    expect(await closed).toStartWith("port gone");
    expect(states(await underWay).at(-1)).toBe("failed: radio-gone");
    plugged(air, 1, link);
    const again = await openedAt(link);
    const arrived = nextPacket(ben);
    expect(states(await sent(again, { payload: Uint8Array.of(7) }))).toEqual(["queued", "on-air"]);
    expect((await arrived).payload).toEqual(Uint8Array.of(7));
  });

  test("is known by the probe", async () => {
    const port = await openSerialPort(plugged(newAir(), 1).path, { baudRate: 115_200 });
    endings.push(() => port.close());
    await Bun.sleep(100);
    const context = { timers: systemTimers, random: Math.random, log: capturedLog().log };
    expect(await meshtastic.probe(port, context)).toBe(true);
  });
});

describe("a Meshtastic case on the network", () => {
  const served = async (air: Air, number: number) => {
    const firmware = new MeshtasticFirmware(firmwareOn(air, number));
    const server = await serveMeshtastic(firmware);
    endings.push(() => {
      firmware.stop();
      return server.close();
    });
    await Bun.sleep(100);
    return { firmware, server, connect: () => openTcpPort("127.0.0.1", server.port) };
  };

  test("sends and receives as on a line", async () => {
    const air = newAir();
    const anna = await opened(await (await served(air, 1)).connect());
    const ben = await opened(await (await served(air, 2)).connect());
    expect(anna.status().self).toBe("!00000001");
    const arrived = nextPacket(ben);
    expect(states(await sent(anna, { to: "!00000002", payload: Uint8Array.of(5, 6) }))).toEqual([
      "queued",
      "on-air",
      "acknowledged",
    ]);
    expect((await arrived).payload).toEqual(Uint8Array.of(5, 6));
  });

  test("is cut off when it starts anew, and can be connected to again", async () => {
    const air = newAir();
    const { firmware, connect } = await served(air, 1);
    const radio = await opened(await connect());
    const closed = closing(radio);
    firmware.restart();
    expect(await closed).toStartWith("port gone");
    const again = await opened(await connect());
    expect(states(await sent(again, {}))).toEqual(["queued", "on-air"]);
  });

  test("serves the host that came last", async () => {
    const { connect } = await served(newAir(), 1);
    const first = await opened(await connect());
    const closed = closing(first);
    const second = await opened(await connect());
    expect(await closed).toStartWith("port gone");
    expect(states(await sent(second, {}))).toEqual(["queued", "on-air"]);
  });
});
