import type { Band } from "../radio-inventory.ts";

export interface PlannedChannel {
  /** The primary channel. */
  number: number;
  frequencyMhz: number;
  band: Band;
  widthMhz: 20 | 40 | 80;
  /** With 40 MHz or more: where the second channel of 20 MHz is. */
  ht40: "+" | "-" | undefined;
  /** The middle of the whole width. */
  centerMhz: number;
}

/** One interface that a phy is to carry. Names are the same after a reboot, as long as the radios are. */
export type PlannedInterface =
  | { role: "open"; name: string; ssid: string; maxStations: number | undefined; isolation: boolean }
  /** The encrypted twin of the open access point on the same phy (OWE transition). */
  | { role: "owe"; name: string; ssid: string; maxStations: number | undefined; isolation: boolean }
  | { role: "mesh"; name: string; meshId: string }
  /** A station in one of these networks, the best first. */
  | { role: "uplink"; name: string; ssids: readonly string[] };

export type Role = PlannedInterface["role"];

export interface PlannedRadio {
  phy: string;
  path: string;
  driver: string;
  /** Undefined: that of whatever network the uplink finds. */
  channel: PlannedChannel | undefined;
  /** Without the gain of an antenna. Undefined where the channel is not known before. */
  powerDbm: number | undefined;
  /** One for all interfaces of the phy, in units of 1024 µs. */
  beaconIntervalTu: number;
  /** In the order in which they are to be started: the open access point first. */
  interfaces: readonly PlannedInterface[];
}

/** Why the plan is as it is, in a sentence for an operator. */
export interface PlanNote {
  /** `refused`: what was wanted and is not to be had. `cost`: what sharing costs. `limit`: what a radio cannot do. */
  kind: "chosen" | "cost" | "limit" | "refused";
  /** The radio that it is about; undefined: the box. */
  phy: string | undefined;
  text: string;
}

export interface RadioPlan {
  /** Whose rules hold. */
  country: string;
  /** Every radio of the inventory, in its order; those with nothing to do have no interfaces. */
  radios: readonly PlannedRadio[];
  notes: readonly PlanNote[];
}
