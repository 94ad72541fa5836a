import { join } from "node:path";
import { Air } from "../../../src/bench/air/air.ts";
import { RNodeFirmware } from "../../../src/bench/firmware/rnode.ts";
import { type PluggedIn, pluggedIn } from "../../../src/bench/pty.ts";
import { seededRandom } from "../../../src/bench/seeded-random.ts";
import { configSchema } from "../../../src/config/schema.ts";
import { systemClock } from "../../../src/host/clock.ts";
import { systemTimers } from "../../../src/host/timers.ts";
import { LoraPart, systemBootClock } from "../../../src/lora/index.ts";
import { Journal } from "../../../src/store/index.ts";
import { capturedLog } from "../captured-log.ts";

/** A box's LoRa part with an emulated case on a real serial line, in real time. */
export interface RealBox {
  readonly part: LoraPart;
  readonly address: number;
  plug(): void;
  unplug(): void;
  stop(): Promise<void>;
}

export interface TwoBoxesOptions {
  folder: string;
  /** From the case's power to its listening, in ms. */
  bootMs: number;
  /** Of a region without a duty cycle, so that the law is not what a test waits for; default AU915. */
  region?: "AU915" | "EU868";
  preset?: "LongFast" | "ShortTurbo";
}

/** Two boxes, 50 m apart, whose cases have RNode firmware and share one virtual air. */
export async function twoBoxes(options: TwoBoxesOptions): Promise<[RealBox, RealBox]> {
  const { folder, bootMs, region = "AU915", preset = "ShortTurbo" } = options;
  const random = seededRandom(4);
  const air = new Air({ timers: systemTimers, seed: 4 });
  const box = async (address: number): Promise<RealBox> => {
    const modem = air.modem({ name: `case ${address}`, position: { x: 50 * address, y: 0 } });
    const link = join(folder, `case-${address}`);
    let plugged: PluggedIn<RNodeFirmware> | undefined;
    const plug = () => {
      plugged = pluggedIn(
        (toHost) => new RNodeFirmware({ modem, timers: systemTimers, random, toHost, bootMs }),
        { link },
      );
    };
    const unplug = () => {
      plugged?.unplug();
      plugged = undefined;
    };
    plug();
    const journal = new Journal(join(folder, `journal-${address}.sqlite`), systemClock, 1_000);
    journal.open();
    const { lora: config } = configSchema.parse({ lora: { region, preset, ports: [link] } });
    const part = new LoraPart({
      config,
      address,
      stateFolder: join(folder, `state-${address}`),
      list: async () => [],
      bootClock: systemBootClock(),
      timers: systemTimers,
      random,
      journal,
      log: capturedLog().log,
    });
    await part.start();
    return {
      part,
      address,
      plug,
      unplug,
      stop: async () => {
        await part.stop();
        unplug();
        journal.close();
      },
    };
  };
  return [await box(1), await box(2)];
}

/** Until the case of a box is at work. @returns how long it took, in ms */
export async function untilWorking({ part }: RealBox): Promise<number> {
  const startedMs = performance.now();
  while (!part.status().cases.some(({ state }) => state === "working")) await Bun.sleep(5);
  return performance.now() - startedMs;
}
