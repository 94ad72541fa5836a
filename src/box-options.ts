import type { Mode } from "./host/box-places.ts";
import type { Logger } from "./host/log.ts";
import type { Part } from "./host/part.ts";
import type { LoraPart } from "./lora/index.ts";

export interface BoxOptions {
  mode: Mode;
  configFile: string | undefined;
  /** What survives a restart. */
  stateFolder: string;
  /** Sockets, process ids and generated files, gone after a restart. */
  runFolder: string;
  log: Logger;
  /** Ends the process, as one that failed. */
  giveUp: () => void;
  /** Bench mode: no root, no radios. */
  bench?: BenchOptions;
  /** Goes before what the configuration calls the box. */
  name?: string;
  /** Invites to join by, beside those of the configuration. */
  invites?: readonly string[];
}

export interface BenchOptions {
  address: string;
  /** Where the portal and the operator's page listen. */
  portalPort: number;
  consolePort: number;
  /** The serial line of a virtual LoRa case on Europe's usual channel; undefined: the box has none. */
  loraPort: string | undefined;
  /** Boxes that LoRa alone connects: this one has no mesh. It belongs to the networks of its invites all the same. */
  isByLoraAlone?: boolean;
  /** What runs beside the box's own parts: before them, and after them. */
  before?: readonly Part[];
  after?: (lora: LoraPart) => readonly Part[];
}
