import { z } from "zod";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import { HashPolicy } from "./hash-policy.ts";
import { parsedJson } from "./parsed-json.ts";
import type { Runner } from "./queue-applier.ts";
import { UplinkApplier } from "./uplink-applier.ts";
import { planUplinks, type Uplink, type UplinkPins } from "./uplink-plan.ts";

const CONVERGE_EVERY_MS = 10_000;
export interface UplinksOptions {
  pins: UplinkPins;
  timers: Timers;
  log: Logger;
  /** How programs are run: `tryRun` of src/host/run.ts. */
  run: Runner;
  /** Of files that are gone after a restart of the machine. */
  runFolder: string;
  /** The ways to the internet as they are now ({@link uplinkLook}); asked every ten seconds, and when pins are set. */
  look: () => Promise<readonly Uplink[]>;
  /** Tells that another look is worth it now. @returns a function that ends it */
  onChange?: (listener: () => void) => () => void;
}

/**
 * Keeps the box's ways to the internet in use together. It has rules and tables of its own; the main table and its
 * default route, which others look after, are not touched. Needs root.
 */
export class Uplinks implements Part {
  readonly name = "uplinks";
  private uplinks: readonly Uplink[] = [];
  private pins: UplinkPins;
  private running = false;
  private failure: string | undefined;
  /** Interfaces that have a carrier. */
  private up = new Set<string>();
  private readonly applier: UplinkApplier;
  private readonly hashPolicy: HashPolicy;
  private endRounds: () => Promise<void> = async () => {};
  private endChanges: () => void = () => {};

  constructor(private readonly options: UplinksOptions) {
    this.applier = new UplinkApplier(options.run);
    this.hashPolicy = new HashPolicy(options.run, options.runFolder);
    this.pins = options.pins;
  }

  async start(): Promise<void> {
    this.running = true;
    await this.hashPolicy.set();
    await this.converge();
    const failed = (error: unknown) => this.options.log.error({ error }, "uplinks");
    this.endRounds = atIntervals(CONVERGE_EVERY_MS, () => this.converge(), failed, this.options.timers);
    this.endChanges = this.options.onChange?.(() => void this.converge()) ?? (() => {});
  }

  async stop(): Promise<void> {
    this.endChanges();
    const endRounds = this.endRounds();
    this.running = false;
    await endRounds;
    await this.converge();
    await this.applier.clear();
    await this.hashPolicy.putBack();
  }

  /** Looks anew at once as well: called when an interface or a route has changed. */
  setPins(pins: UplinkPins): Promise<void> {
    this.pins = pins;
    return this.converge();
  }

  detail(): string {
    const inUse = this.uplinks.filter((uplink) => uplink.healthy && this.up.has(uplink.interface));
    const free = inUse.filter((uplink) => !uplink.metered);
    if (inUse.length === 0) return "no way to the internet";
    if (free.length === 0) return `${named(inUse)}, metered: nothing in bulk`;
    return named(free);
  }

  trouble(): string | undefined {
    return this.failure;
  }

  private readonly converge = onceAtATime(async () => {
    if (!this.running) return;
    try {
      await this.applyAll();
      this.failure = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.failure) this.options.log.warn({ error }, "uplinks");
      this.failure = text;
    }
  });

  private async applyAll(): Promise<void> {
    this.uplinks = await this.options.look();
    this.up = await this.interfacesUp();
    // Its place in the list is an uplink's identity, so one without an interface keeps it.
    const present = this.uplinks.map((uplink): Uplink => {
      const { ipv4: _, ipv6: __, ...absent } = uplink;
      return this.up.has(uplink.interface) ? uplink : { ...absent, healthy: false };
    });
    await this.applier.apply(planUplinks(present, this.pins));
  }

  private async interfacesUp(): Promise<Set<string>> {
    const { stdout } = await this.options.run(["ip", "-j", "link", "show", "up"]);
    // For each interface that is down it prints an empty object (iproute2 6.1).
    const up = z.array(z.unknown()).safeParse(parsedJson(stdout)).data ?? [];
    return new Set(
      up.flatMap((one) => {
        const link = linkUp.safeParse(one).data;
        return link?.flags.includes("LOWER_UP") ? [link.ifname] : [];
      }),
    );
  }
}

const linkUp = z.object({ ifname: z.string(), flags: z.array(z.string()) });

const named = (uplinks: readonly Uplink[]): string =>
  uplinks.map(({ interface: name, weight }) => `${name} (${weight})`).join(", ");
