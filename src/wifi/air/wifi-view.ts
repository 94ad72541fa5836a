import type { Role } from "../plan/index.ts";
import type { Band } from "../radio-inventory.ts";

/** What an operator sees of the radios. */
export interface WifiView {
  /** false: left alone, as the configuration says. */
  enabled: boolean;
  /** ISO 3166-1 alpha-2; "00": none is set. */
  country: string;
  /** Those with something to do. */
  radios: RadioView[];
  /** Radios that are there in all. */
  present: number;
  /** What was wanted and is not to be had, what sharing costs, what a radio cannot do. */
  notes: string[];
}

export interface RadioView {
  phy: string;
  path: string;
  /** "" where that of whatever network is found. */
  channel: string;
  band: Band | "";
  interfaces: InterfaceView[];
}

export interface InterfaceView {
  name: string;
  role: Role;
  /** The network's name. */
  network: string;
  state: "up" | "starting" | "down";
  /** Of an access point with its twin. */
  stations: number;
  /** Why it is not up; "" if it is. */
  why: string;
}
