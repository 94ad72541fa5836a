import type { Config } from "../../config/index.ts";
import type { HostInterface } from "../../host/interfaces.ts";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { LinkMonitor } from "../../host/link-monitor.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import type { Timers } from "../../host/timers.ts";
import type { Journal } from "../../store/index.ts";
import { checkAfterMs } from "./check-pace.ts";
import type { CheckRequest } from "./check-uplink.ts";
import { chooseUplinks } from "./choose-uplinks.ts";
import { type GuestWays, guestWays } from "./guest-ways.ts";
import {
  familyOf,
  foundUplinks,
  type KnownUplink,
  knownUplink,
  linkState,
  namedUplinks,
  resolversOf,
} from "./known-uplinks.ts";
import { NewsRate } from "./news-rate.ts";
import { TargetTurns } from "./target-turns.ts";
import { newEntry, type UplinkEntry, withEntry } from "./uplink-entry.ts";
import { type CheckResult, isInDoubt, stepCheck, stepLink, type UplinkHealth } from "./uplink-health.ts";
import type { UplinkSenses } from "./uplink-senses.ts";
import { type UplinkView, uplinkView } from "./uplink-view.ts";

const LOOK_EVERY_MS = 2_000;

export interface UplinkWatchOptions {
  config: Config;
  senses: UplinkSenses;
  timers: Timers;
  journal: Pick<Journal, "append">;
  log: Logger;
}

/** Knows which ways to the internet there are, how each of them is, and which are to be used. Changes nothing by itself. */
export class UplinkWatch implements Part {
  readonly name = "uplink-watch";
  private entries: ReadonlyMap<string, UplinkEntry> = new Map();
  private readonly listeners = new Set<() => void>();
  private interfaces: readonly HostInterface[] = [];
  private chosen: readonly string[] = [];
  private running = false;
  private failure: string | undefined;
  /** Why this machine cannot check. */
  private checkFailure: string | undefined;
  private toldInUse = "";
  private readonly newsInUse = new NewsRate();
  private readonly targets: readonly URL[];
  private readonly monitor: Pick<LinkMonitor, "start" | "stop">;
  private endLooks: () => Promise<void> = async () => {};

  constructor(private readonly options: UplinkWatchOptions) {
    this.monitor = options.senses.monitor(() => void this.look());
    this.targets = options.config.uplinks.targets.map((text) => new URL(text));
  }

  async start(): Promise<void> {
    const { timers, log, config } = this.options;
    this.running = true;
    for (const name of namedUplinks(config)) this.add(name);
    await this.look();
    await this.monitor.start();
    const failed = (error: unknown) => log.error({ error }, "uplinks");
    this.endLooks = atIntervals(LOOK_EVERY_MS, () => this.look(), failed, timers);
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.monitor.stop();
    await this.endLooks();
    for (const entry of this.entries.values()) entry.callOff();
    this.entries = new Map();
    this.chosen = [];
  }

  /** Looks at the interfaces now rather than within two seconds: called when one has changed. */
  readonly look = onceAtATime(async () => {
    if (!this.running) return;
    try {
      this.interfaces = await this.options.senses.interfaces();
      this.failure = undefined;
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (text !== this.failure) this.options.log.warn({ error }, "uplinks: the interfaces cannot be read");
      this.failure = text;
      return;
    }
    const { config, senses } = this.options;
    for (const name of foundUplinks(this.interfaces, config, senses.kindOf)) this.add(name);
    for (const entry of this.entries.values()) this.lookAt(entry);
    this.decide();
  });

  /** All that are known, in an order that stays the same while the box runs. */
  known(): KnownUplink[] {
    return [...this.entries.values()].map(({ known }) => known);
  }

  /** Those that are to be used now, together. */
  inUse(): readonly string[] {
    return this.chosen;
  }

  /** Whether the volume of an interface is paid for, also of one that is no uplink yet. */
  isMetered(name: string): boolean {
    const known = this.entries.get(name)?.known;
    return (known ?? knownUplink(name, this.options.config, this.options.senses.kindOf(name))).metered;
  }

  forGuests(): GuestWays {
    return guestWays([...this.entries.values()], this.chosen, this.options.config.uplinks);
  }

  /** Told when which are used, or how one of them is, has changed. @returns a function that ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  view(): UplinkView[] {
    const nowMs = this.nowMs();
    return [...this.entries.values()].map((entry) =>
      uplinkView(entry, this.chosen.includes(entry.known.interface), nowMs),
    );
  }

  detail(): string {
    const all = this.view();
    if (all.length === 0) return "no way to the internet";
    return all.map((one) => `${one.interface} ${one.state}${one.inUse ? ", in use" : ""}`).join("; ");
  }

  trouble(): string | undefined {
    return this.failure ?? this.checkFailure;
  }

  private add(name: string): void {
    if (this.entries.has(name)) return;
    const { config, senses } = this.options;
    const known = knownUplink(name, config, senses.kindOf(name));
    const entry = newEntry(known, new TargetTurns(this.targets), this.nowMs());
    this.entries = withEntry(this.entries, entry, namedUplinks(config), this.nowMs());
  }

  private lookAt(entry: UplinkEntry): void {
    const { config, senses } = this.options;
    const name = entry.known.interface;
    const before = entry.found;
    entry.found = this.interfaces.find((one) => one.name === name);
    // What is plugged in anew may be something else under the same name; what has gone is still what it was.
    if (entry.found !== undefined && entry.found.index !== before?.index) {
      entry.known = knownUplink(name, config, senses.kindOf(name));
      this.take(entry, stepLink(entry.health, "absent", this.nowMs()));
    }
    if (entry.found) entry.notes = senses.notesOf(entry.found.index);
    const link = linkState(entry.found);
    this.take(entry, stepLink(entry.health, link, this.nowMs()));
    if (link !== "up") {
      entry.callOff();
      entry.callOff = () => {};
    } else if (!config.uplinks.check) {
      this.take(entry, stepCheck(entry.health, { outcome: "reached" }, this.nowMs()));
    } else if (entry.health.state === "checking" || wayOf(before) !== wayOf(entry.found)) {
      void this.check(entry);
    }
  }

  private async check(entry: UplinkEntry): Promise<void> {
    const { found, known, health } = entry;
    const family = found && familyOf(found);
    if (found === undefined || family === undefined || !this.running || entry.isChecking) return;
    entry.callOff();
    entry.isChecking = true;
    const { config, senses, timers } = this.options;
    // One that answers is enough; where the last one did not, the others may.
    const isAll = isInDoubt(health) || (health.fails > 0 && !known.metered);
    const targets = entry.turns.next(isAll, this.nowMs());
    const { resolvers, isOwn } = entry.notes;
    const result = await this.resultOf({
      ...{ device: known.interface, family, targets },
      resolvers: isOwn ? resolvers : resolversOf(resolvers, known.interface, this.interfaces),
      publicResolvers: config.uplinks.resolvers,
      isRouterSilent: () => senses.isRouterSilent(known.interface, found.routers ?? []),
    });
    entry.isChecking = false;
    // It may have lost its wire meanwhile, or be another by now: then this says nothing.
    if (!this.running || linkState(entry.found) !== "up") return;
    if (entry.found?.index === found.index) {
      entry.turns.answered(targets, result.outcome === "reached", this.nowMs());
      this.take(entry, stepCheck(entry.health, result, this.nowMs()));
      this.decide();
    }
    const everyMs = config.uplinks.check_seconds * 1_000;
    const isUsed = this.chosen.includes(known.interface);
    const afterMs = checkAfterMs(entry.health, isUsed, known.metered, everyMs);
    entry.callOff = timers.after(afterMs, () => void this.check(entry));
  }

  /** Where this machine cannot look, routes are taken at their word, as without any check. */
  private async resultOf(request: CheckRequest): Promise<CheckResult> {
    try {
      const result = await this.options.senses.check(request);
      this.checkFailure = undefined;
      return result;
    } catch (error) {
      const text = `uplinks are not checked: ${error instanceof Error ? error.message : String(error)}`;
      if (text !== this.checkFailure) this.options.log.error({ error }, "uplinks are not checked");
      this.checkFailure = text;
      return { outcome: "reached" };
    }
  }

  private take(entry: UplinkEntry, health: UplinkHealth): void {
    const before = entry.health;
    entry.health = health;
    if (before.state !== health.state) this.notify();
    // What is only being looked at is no news.
    if (health.state === "checking" || health.state === entry.told || !entry.news.passes(this.nowMs()))
      return;
    const { state, portalUrl } = health;
    this.tell("uplink-state", entry.known.interface, {
      ...{ state, before: entry.told },
      ...(portalUrl ? { portalUrl } : {}),
    });
    entry.told = state;
  }

  private decide(): void {
    const candidates = [...this.entries.values()].map(({ known, health }) => ({ ...known, health }));
    const chosen = chooseUplinks(candidates, this.chosen, this.nowMs());
    const isChanged = chosen.join() !== this.chosen.join();
    this.chosen = chosen;
    const inUse = chosen.join(", ");
    if (inUse !== this.toldInUse && this.newsInUse.passes(this.nowMs())) {
      this.tell("uplinks-in-use", inUse, { before: this.toldInUse });
      this.toldInUse = inUse;
    }
    if (isChanged) this.notify();
  }

  private notify(): void {
    for (const listener of this.listeners) listener();
  }

  private tell(kind: string, subject: string, detail: Record<string, unknown>): void {
    const { log, journal } = this.options;
    log.info(detail, `${kind}: ${subject}`);
    journal.append(this.name, kind, subject, detail).catch((error) => log.error({ error }, "journal"));
  }

  private nowMs(): number {
    return this.options.timers.monotonicMs();
  }
}

/** What changes when the box is given another address, or another router, on an interface. */
const wayOf = (found: HostInterface | undefined): string =>
  JSON.stringify([found?.index, found?.addresses, found?.routers]);
