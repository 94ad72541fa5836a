import { join } from "node:path";
import { Air } from "../../../../src/bench/air/air.ts";
import { RNodeFirmware } from "../../../../src/bench/firmware/rnode.ts";
import { openPty } from "../../../../src/bench/pty.ts";
import { seededRandom } from "../../../../src/bench/seeded-random.ts";
import type { SubBand } from "../../../../src/lora/airtime/index.ts";
import type { ChannelSettings } from "../../../../src/lora/modulation.ts";
import { type FasterTime, KeptUpTime } from "./faster-time.ts";

/** LoRa's fastest at this width: many frames in little time. */
export const CHANNEL: ChannelSettings = {
  frequencyHz: 869_525_000,
  modulation: { spreadingFactor: 7, bandwidthHz: 250_000, codingRate: 5, preambleSymbols: 16 },
  powerDbm: 14,
};

/** As strict as a duty cycle of an hour, in a window that a test comes to the end of. */
const LIMITS = [{ windowMs: 120_000, airtimeMs: 24_000 }];
export const lawOf = (subBand: SubBand): SubBand => ({ ...subBand, limits: LIMITS });

/** Each hears the next, and nobody else. */
const SPACING_M = 380;
const FRAME_LOSS = 0.03;
const BOOT_MS = 100;

export interface KillAir {
  /** The serial line of each case. */
  readonly ports: readonly string[];
  /** By how much a case was at most on the air in a window, above the law; 0 where the law held. */
  overTheLawMs(port: string): number;
  /** Of all cases. */
  readonly airtimeMs: number;
  close(): void;
}

/** Cases in a row on one air, which stay switched on when their boxes are killed. */
export function killAir(folder: string, names: readonly string[], faster: FasterTime, seed: number): KillAir {
  const time = new KeptUpTime(faster);
  const air = new Air({ timers: time, seed, frameLoss: FRAME_LOSS });
  const random = seededRandom(seed);
  const ptys = names.map((name, index) => {
    const pty = openPty({ link: join(folder, `case-${name}`) });
    const modem = air.modem({ name: pty.path, position: { x: index * SPACING_M, y: 0 } });
    const toHost = (bytes: Uint8Array) => void pty.write(bytes);
    const firmware = new RNodeFirmware({ modem, timers: time, random, toHost, bootMs: BOOT_MS });
    pty.onData((bytes) => {
      // Nothing goes on the air earlier than its box has handed it over.
      time.keepUp();
      firmware.receive(bytes);
    });
    return pty;
  });
  return {
    ports: ptys.map(({ path }) => path),
    overTheLawMs: (port) =>
      Math.max(
        ...LIMITS.map(({ windowMs, airtimeMs }) => air.airtime.mostInWindowMs(port, windowMs) - airtimeMs),
        0,
      ),
    get airtimeMs() {
      return air.stats().airtimeMs;
    },
    close: () => {
      time.close();
      for (const pty of ptys) pty.hangUp();
    },
  };
}
