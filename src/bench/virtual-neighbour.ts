import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { defaultConfig } from "../config/index.ts";
import type { Clock } from "../host/clock.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import {
  addressText,
  type BootClock,
  type LinkAddress,
  LoraPart,
  linkAddressOf,
  textCode,
} from "../lora/index.ts";
import { Journal } from "../store/index.ts";
import { Air } from "./air/air.ts";
import type { Modem } from "./air/modem.ts";
import { MeshtasticFirmware } from "./firmware/meshtastic.ts";
import { RNodeFirmware } from "./firmware/rnode.ts";
import type { Firmware, ToHost } from "./firmware.ts";
import { type PluggedIn, pluggedIn } from "./pty.ts";

/** What runs on the two virtual cases. */
export type VirtualFirmware = "rnode" | "meshtastic";

export interface VirtualNeighbourOptions {
  firmware: VirtualFirmware;
  /** For the links to the cases' serial lines. */
  runFolder: string;
  /** What the neighbour keeps. */
  stateFolder: string;
  clock: Clock;
  timers: Timers;
  bootClock: BootClock;
  /** 0 ≤ x < 1. */
  random: () => number;
  log: Logger;
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
const GREETING = "I am safe, at the other end of the square. Write to me, and I answer.";
const GREET_AFTER_MS = 4_000;
const LIFETIME_MS = 600_000;

/**
 * Two virtual LoRa cases on one virtual air: one for this box, and one with another box behind it, which is as real as
 * this one but for its radio. It says that it is safe, and answers who writes to it.
 */
export class VirtualNeighbour implements Part {
  readonly name = "virtual air";
  /** Where this box finds its case. */
  readonly port: string;
  readonly address: LinkAddress;
  private cases: PluggedIn<Firmware>[] = [];
  private journal: Journal | undefined;
  private lora: LoraPart | undefined;
  private cancelGreeting = () => {};

  constructor(private readonly options: VirtualNeighbourOptions) {
    this.port = join(options.runFolder, "lora-case-1");
    const random = Uint8Array.from({ length: 3 }, () => options.random() * 256);
    this.address = linkAddressOf(random);
  }

  async start(): Promise<void> {
    const { runFolder, stateFolder, clock, timers, bootClock, random, log } = this.options;
    const air = new Air({
      timers,
      seed: Math.floor(random() * 2 ** 32),
      airtimeMemoryMs: AIRTIME_MEMORY_MS,
    });
    const plug = (link: string, x: number) => {
      const modem = air.modem({ name: link, position: { x, y: 0 } });
      return pluggedIn((toHost) => this.newFirmware({ modem, timers, random, toHost }), { link });
    };
    const port = join(runFolder, "lora-case-2");
    this.cases = [plug(this.port, 0), plug(port, DISTANCE_M)];
    mkdirSync(stateFolder, { recursive: true });
    this.journal = new Journal(join(stateFolder, "journal.sqlite"), clock, 1_000);
    this.journal.open();
    const config = { ...defaultConfig().lora, region: "EU868" as const, ports: [port] };
    const lora = new LoraPart({
      config,
      address: this.address,
      stateFolder,
      list: async () => [],
      bootClock,
      timers,
      random,
      journal: this.journal,
      log: log.child({}, { level: "error" }),
      code: textCode,
    });
    lora.on("message", ({ payload, from, isToEveryone }) => {
      if (isToEveryone) return;
      const text = new TextDecoder().decode(payload);
      this.say(`I have read: ${text}`, from);
    });
    this.lora = lora;
    await lora.start();
    this.cancelGreeting = timers.after(GREET_AFTER_MS, () => this.say(GREETING, "everyone"));
  }

  async stop(): Promise<void> {
    this.cancelGreeting();
    await this.lora?.stop();
    this.lora = undefined;
    this.journal?.close();
    this.journal = undefined;
    for (const one of this.cases.splice(0)) one.unplug();
  }

  detail(): string {
    return `two virtual LoRa cases, ${DISTANCE_M} m apart; behind the other one is box ${addressText(this.address)}`;
  }

  private newFirmware(parts: FirmwareParts): Firmware {
    if (this.options.firmware === "rnode") return new RNodeFirmware(parts);
    const number = 1 + Math.floor(parts.random() * 0xffff_fffd);
    return new MeshtasticFirmware({ ...parts, number });
  }

  private say(text: string, to: LinkAddress | "everyone"): void {
    const payload = new TextEncoder().encode(text);
    const admission = this.lora?.submit({ payload, to, priority: "direct", lifetimeMs: LIFETIME_MS });
    if (admission && !admission.accepted)
      this.options.log.warn(`the neighbour is silent: ${admission.detail}`);
  }
}
