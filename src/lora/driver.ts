import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { Port } from "./port.ts";
import type { Radio } from "./radio.ts";

export interface DriverContext {
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Logger;
}

/** One firmware. Each is a folder of its own, `src/lora/<firmware>`, which exports one of these from its `index.ts`. */
export interface RadioDriver {
  readonly firmware: "meshtastic" | "meshcore" | "rnode" | "rylr998" | "e22";
  /** Line speeds to try, the likeliest first; 8N1. */
  readonly baudRates: readonly number[];
  /** What must pass after opening the line before the firmware listens, in ms. */
  readonly settleMs: number;
  /**
   * Whether this firmware is at the other end. It harms no other firmware and leaves the port open; it listens no more
   * when it has answered.
   */
  probe(port: Port, context: DriverContext): Promise<boolean>;
  /** A radio on a port; nothing is written before its `open`. */
  create(port: Port, context: DriverContext): Radio;
}
