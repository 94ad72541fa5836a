import { join } from "node:path";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import { Air } from "./air/air.ts";
import { type AirStats, noStats } from "./air/air-stats.ts";
import type { Modem } from "./air/modem.ts";
import { MeshtasticFirmware } from "./firmware/meshtastic.ts";
import { RNodeFirmware } from "./firmware/rnode.ts";
import type { Firmware, ToHost } from "./firmware.ts";
import { type PluggedIn, pluggedIn } from "./pty.ts";

/** What runs on the two virtual cases. */
export type VirtualFirmware = "rnode" | "meshtastic";

export interface VirtualAirOptions {
  firmware: VirtualFirmware;
  /** For the links to the cases' serial lines. */
  runFolder: string;
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
}

interface FirmwareParts {
  modem: Modem;
  timers: Timers;
  random: () => number;
  toHost: ToHost;
}

/** The two cases stand so far from each other, in metres. */
const DISTANCE_M = 400;
/** What was sent is remembered so long, in ms: the law's hour. */
const AIRTIME_MEMORY_MS = 3_600_000;

/** Two virtual LoRa cases on one virtual air, each to be plugged into a box. */
export class VirtualAir implements Part {
  readonly name = "virtual air";
  /** Where the two boxes find their cases. */
  readonly ports: readonly [string, string];
  private cases: PluggedIn<Firmware>[] = [];
  private air: Air | undefined;

  constructor(private readonly options: VirtualAirOptions) {
    this.ports = [join(options.runFolder, "lora-case-1"), join(options.runFolder, "lora-case-2")];
  }

  async start(): Promise<void> {
    const { timers, random } = this.options;
    const air = new Air({
      timers,
      seed: Math.floor(random() * 2 ** 32),
      airtimeMemoryMs: AIRTIME_MEMORY_MS,
    });
    this.air = air;
    this.cases = this.ports.map((link, index) => {
      const modem = air.modem({ name: link, position: { x: index * DISTANCE_M, y: 0 } });
      return pluggedIn((toHost) => this.newFirmware({ modem, timers, random, toHost }), { link });
    });
  }

  async stop(): Promise<void> {
    for (const one of this.cases.splice(0)) one.unplug();
  }

  /** What both cases have sent so far. */
  stats(): AirStats {
    return this.air?.stats() ?? noStats();
  }

  detail(): string {
    return `two virtual LoRa cases, ${DISTANCE_M} m apart; at the other one is the neighbour's box`;
  }

  private newFirmware(parts: FirmwareParts): Firmware {
    if (this.options.firmware === "rnode") return new RNodeFirmware(parts);
    const number = 1 + Math.floor(parts.random() * 0xffff_fffd);
    return new MeshtasticFirmware({ ...parts, number });
  }
}
