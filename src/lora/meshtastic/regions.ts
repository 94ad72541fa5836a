import { Region } from "./proto/meshtastic_pb.ts";

/** What the firmware keeps to in one region. These are its own limits; the law's are in `../airtime/regions.ts`. */
export interface RegionBand {
  /** By the names that `../airtime/regions.ts` has where it has one, else the firmware's. */
  name: string;
  fromMHz: number;
  toMHz: number;
  maxDbm: number;
  /** Percent of an hour, of all that the firmware sends; 100: no limit. */
  dutyCyclePercent: number;
}

const band = (
  name: string,
  fromMHz: number,
  toMHz: number,
  maxDbm: number,
  dutyCyclePercent = 100,
): RegionBand => ({ name, fromMHz, toMHz, maxDbm, dutyCyclePercent });

/** Source: meshtastic.org/docs/configuration/radio/lora, and RadioInterface.cpp for the limits. */
export const REGION_BANDS: Readonly<Partial<Record<Region, RegionBand>>> = {
  [Region.US]: band("US915", 902, 928, 30),
  [Region.EU_433]: band("EU433", 433, 434, 10, 10),
  [Region.EU_868]: band("EU868", 869.4, 869.65, 27, 10),
  [Region.CN]: band("CN470", 470, 510, 19),
  [Region.JP]: band("JP920", 920.5, 923.5, 13),
  [Region.ANZ]: band("AU915", 915, 928, 30),
  [Region.KR]: band("KR920", 920, 923, 23),
  [Region.TW]: band("TW", 920, 925, 27),
  [Region.RU]: band("RU864", 868.7, 869.2, 20),
  [Region.IN]: band("IN865", 865, 867, 30),
  [Region.NZ_865]: band("NZ865", 864, 868, 36),
  [Region.TH]: band("TH", 920, 925, 27, 10),
  [Region.UA_433]: band("UA_433", 433, 434.7, 10, 10),
  [Region.UA_868]: band("UA_868", 868, 868.6, 14, 1),
  [Region.MY_433]: band("MY_433", 433, 435, 20),
  [Region.MY_919]: band("MY_919", 919, 924, 27),
  [Region.SG_923]: band("SG_923", 917, 925, 20),
  [Region.PH_433]: band("PH_433", 433, 434.7, 10),
  [Region.PH_868]: band("PH_868", 868, 869.4, 14),
  [Region.PH_915]: band("PH_915", 915, 918, 24),
  [Region.ANZ_433]: band("ANZ_433", 433.05, 434.79, 14),
  [Region.KZ_433]: band("KZ_433", 433.075, 434.775, 10),
  [Region.KZ_863]: band("KZ_863", 863, 868, 30),
  [Region.NP_865]: band("NP_865", 865, 868, 30),
  [Region.BR_902]: band("BR902", 902, 907.5, 30),
};

/** @throws RangeError for a name that no region has */
export function regionNamed(name: string): Region {
  const found = Object.entries(REGION_BANDS).find(([, known]) => known.name === name);
  if (!found) throw new RangeError(`region: the firmware has none that is called ${name}`);
  return Number(found[0]);
}
