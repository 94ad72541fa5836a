import type { RadioClock } from "../lora/index.ts";
import type { Reading } from "./time-source.ts";

/** Whole seconds, and what lies between the receiver of satellites and this. */
const SATELLITES_UNCERTAINTY_MS = 2_000;
/** Its owner's phone has told it once, or any node in reach. */
const RADIO_UNCERTAINTY_MS = 60_000;

/** What the clocks of LoRa cases say. */
export const radioReadings = (clocks: readonly RadioClock[]): Reading[] =>
  clocks.map(({ epochMs, heardMs, bySatellites }) => ({
    source: bySatellites ? "satellites" : "radio",
    epochMs,
    heardMs,
    uncertaintyMs: bySatellites ? SATELLITES_UNCERTAINTY_MS : RADIO_UNCERTAINTY_MS,
  }));
