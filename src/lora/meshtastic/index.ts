import type { RadioDriver } from "../driver.ts";
import { probeMeshtastic } from "./probe.ts";
import { Region } from "./proto/meshtastic_pb.ts";
import { MeshtasticRadio } from "./radio.ts";
import { regionNamed } from "./regions.ts";

export interface MeshtasticOptions {
  /**
   * What a radio is set to that has no region yet, as {@link RadioStatus.channel} names it: `EU868`. A new one sends
   * nothing before; one that has a region keeps it.
   */
  region?: string;
}

/**
 * A driver for cases with Meshtastic's firmware.
 *
 * @example
 * const driver = meshtasticDriver({ region: "EU868" });
 */
export function meshtasticDriver({ region }: MeshtasticOptions = {}): RadioDriver {
  const regionCode = region === undefined ? Region.UNSET : regionNamed(region);
  return {
    firmware: "meshtastic",
    baudRates: [115_200],
    // A board that was just plugged in starts; opening the line of some does the same.
    settleMs: 2_000,
    probe: probeMeshtastic,
    create: (port, context) => new MeshtasticRadio(port, context, { region: regionCode }),
  };
}

/** Leaves the region to what the radio is set to. */
export const meshtastic: RadioDriver = meshtasticDriver();
