import { afterEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Air } from "../../../src/bench/air/air.ts";
import { RNodeFirmware } from "../../../src/bench/firmware/rnode.ts";
import { type PluggedIn, pluggedIn } from "../../../src/bench/pty.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { systemTimers } from "../../../src/host/timers.ts";
import { LoraPart, LoraTexts, systemBootClock } from "../../../src/lora/index.ts";
import type { LineInfo } from "../../../src/lora/serial/index.ts";
import { Journal } from "../../../src/store/index.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A CP2102 as sysfs would list it. */
const adapter = (path: string): LineInfo => ({
  path,
  manufacturer: "Silicon Labs",
  product: "CP2102 USB to UART Bridge Controller",
  serialNumber: "5f3a9c",
  vendorId: "10c4",
  productId: "ea60",
  locationId: "1-1.2:1.0",
  pnpId: undefined,
  driver: "cp210x",
  stablePaths: [],
});

function partWith(config: Record<string, unknown>, listed: () => LineInfo[] = () => []) {
  const folder = scratch();
  const { log, lines } = capturedLog();
  const journal = new Journal(join(folder, "journal.sqlite"), systemClock, 1_000);
  journal.open();
  const part = new LoraPart({
    config: configSchema.parse({ lora: { region: "AU915", preset: "ShortTurbo", ...config } }).lora,
    address: 7,
    stateFolder: folder,
    list: async () => listed(),
    bootClock: systemBootClock(),
    timers: systemTimers,
    random: Math.random,
    journal,
    log,
  });
  ends.push(
    () => journal.close(),
    () => part.stop(),
  );
  return { part, folder, journal, lines };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 30_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited 30 s in vain for ${what}`);
    await Bun.sleep(10);
  }
}

describe("the LoRa part", () => {
  test("knows an adapter again under another name, with its link and what waits in it", async () => {
    const air = new Air({ timers: systemTimers, seed: 3 });
    const modem = air.modem({ name: "case", position: { x: 0, y: 0 } });
    const folder = scratch();
    let case_: PluggedIn<RNodeFirmware> | undefined;
    const plug = (link: string) => {
      case_ = pluggedIn(
        (toHost) =>
          new RNodeFirmware({ modem, timers: systemTimers, random: Math.random, toHost, bootMs: 50 }),
        { link },
      );
    };
    ends.push(() => case_?.unplug());
    // The folder of the second path is watched, as /dev is on a device.
    const [first, second] = [join(folder, "ttyUSB0"), join(folder, "ttyUSB1")];
    let listed = [adapter(first)];
    plug(first);
    const { part, journal } = partWith({ ports: [join(folder, "other")] }, () => listed);
    await part.start();
    const isWorking = () => part.status().cases.some(({ state }) => state === "working");
    await until("the case", isWorking);
    expect(part.status().cases.map(({ key }) => key)).toEqual(["usb:10c4:ea60:5f3a9c"]);
    const [link] = part.links;

    case_?.unplug();
    listed = [];
    await until("the case to be gone", () => part.status().cases.every(({ state }) => state === "gone"));
    expect(part.detail()).toBe("no LoRa case is plugged in");
    const text = {
      payload: new Uint8Array(20),
      priority: "room",
      to: "everyone",
      lifetimeMs: 60_000,
    } as const;
    expect(part.submit(text)).toMatchObject({ accepted: true, etaMs: undefined });
    listed = [adapter(second)];
    plug(second);
    await until("the case to be back", isWorking);
    expect(part.links).toEqual(link ? [link] : []);
    await until("what waited to be sent", () => air.stats().sent === 1);
    const kinds = journal.tail(10).map(({ kind, subject }) => `${kind} ${subject}`);
    expect(kinds).toEqual([
      "lora-case-up usb:10c4:ea60:5f3a9c",
      "lora-case-down usb:10c4:ea60:5f3a9c",
      "lora-case-up usb:10c4:ea60:5f3a9c",
    ]);
  }, 60_000);

  test("can be stopped and started again", async () => {
    const { part } = partWith({});
    for (let round = 0; round < 3; round += 1) {
      await part.start();
      expect(part.detail()).toBe("no LoRa case is plugged in");
      await part.stop();
    }
    await part.start();
  });

  test("does nothing when it is switched off", async () => {
    const { part, folder } = partWith({ enabled: false }, () => {
      throw new Error("nobody should ask");
    });
    await part.start();
    expect([part.detail(), part.trouble()]).toEqual(["switched off", undefined]);
    expect(await Bun.file(join(folder, "airtime.sqlite")).exists()).toBe(false);
  });

  test("names a configured port behind which there is no radio, and refuses what no case could send", async () => {
    const { part } = partWith({ ports: ["tcp://127.0.0.1:9"] });
    await part.start();
    await until("the refusal", () => part.trouble() !== undefined);
    expect(part.trouble()).toStartWith("tcp://127.0.0.1:9: ");
    const other = partWith({});
    await other.part.start();
    const text = { payload: new Uint8Array(1), priority: "sos", to: "everyone", lifetimeMs: 1_000 } as const;
    expect(other.part.submit(text)).toEqual({
      accepted: false,
      reason: "radio-gone",
      detail: "there is no LoRa case",
    });
  });

  test("tells the operator's texts as they were refused", async () => {
    const { part } = partWith({});
    await part.start();
    const texts = new LoraTexts(part, systemClock);
    expect(texts.send({ text: "water", to: "everyone", priority: "sos", lifetimeMs: 1_000 }).accepted).toBe(
      false,
    );
    expect(texts.view()).toEqual({ address: "000007", cases: [], texts: [] });
    texts.close();
  });
});
