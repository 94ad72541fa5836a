import type { Air } from "../../../../src/bench/air/air.ts";
import { Air as VirtualAir } from "../../../../src/bench/air/air.ts";
import { FREE_SPACE } from "../../../../src/bench/air/path-loss.ts";
import {
  MeshtasticFirmware,
  type MeshtasticFirmwareOptions,
} from "../../../../src/bench/firmware/meshtastic.ts";
import { MemoryLine } from "../../../../src/bench/meshtastic/memory-line.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import { VirtualTime } from "../../../../src/bench/virtual-time.ts";
import type { RadioDriver } from "../../../../src/lora/driver.ts";
import { meshtastic } from "../../../../src/lora/meshtastic/index.ts";
import type { Fate, Outgoing, Radio, Received } from "../../../../src/lora/radio.ts";
import { capturedLog } from "../../captured-log.ts";

export const ANNA = 0xa11a0001;
export const BEN = 0xbe110002;
export const CLEO = 0xc1e00003;

/** A case on a memory line, with the radio that the driver makes of it. */
export interface Case {
  radio: Radio;
  line: MemoryLine<MeshtasticFirmware>;
  received: Received[];
  closed: string[];
  changes: () => number;
}

export interface Rig {
  time: VirtualTime;
  air: Air;
  log: ReturnType<typeof capturedLog>;
  /** A case that is plugged in; its radio is not open yet. */
  plug(
    number: number,
    options?: Partial<MeshtasticFirmwareOptions> & { x?: number; driver?: RadioDriver },
  ): Case;
  /** The same, open. */
  opened(number: number, options?: Parameters<Rig["plug"]>[1]): Promise<Case>;
  /** Sends, and collects the fates. */
  send(from: Case, outgoing: Partial<Outgoing>): Fate[];
  settle<T>(promise: Promise<T>, limitMs?: number): Promise<T>;
}

export function rig(seed = 1): Rig {
  const time = new VirtualTime();
  const air = new VirtualAir({ timers: time, seed, pathLoss: FREE_SPACE });
  const log = capturedLog();
  const random = seededRandom(seed);
  const plug: Rig["plug"] = (number, { x = 0, driver = meshtastic, ...options } = {}) => {
    const modem = air.modem({ name: `${number.toString(16)} ${x}`, position: { x, y: number % 97 } });
    const line = new MemoryLine({
      timers: time,
      create: (toHost) => new MeshtasticFirmware({ modem, timers: time, random, number, toHost, ...options }),
    });
    const radio = driver.create(line, { timers: time, random, log: log.log });
    const received: Received[] = [];
    const closed: string[] = [];
    let changes = 0;
    radio.on("received", (packet) => received.push(packet));
    radio.on("closed", (reason) => closed.push(reason));
    radio.on("changed", () => {
      changes += 1;
    });
    return { radio, line, received, closed, changes: () => changes };
  };
  const settle: Rig["settle"] = async (promise, limitMs = 60_000) => {
    let isSettled = false;
    const done = () => {
      isSettled = true;
    };
    promise.then(done, done);
    if (!(await time.runUntilAsync(() => isSettled, limitMs))) throw new Error(`not within ${limitMs} ms`);
    return promise;
  };
  return {
    time,
    air,
    log,
    plug,
    settle,
    opened: async (number, options) => {
      const plugged = plug(number, options);
      await settle(plugged.radio.open());
      return plugged;
    },
    send: ({ radio }, outgoing) => {
      const fates: Fate[] = [];
      radio.send({ payload: Uint8Array.of(1, 2, 3), priority: "direct", ...outgoing }, (fate) =>
        fates.push(fate),
      );
      return fates;
    },
  };
}

export const states = (fates: readonly Fate[]): string[] =>
  fates.map((fate) => (fate.state === "failed" ? `failed: ${fate.reason}` : fate.state));
