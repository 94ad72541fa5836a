import { z } from "zod";
import type { Config } from "../../config/index.ts";
import { askByDevice } from "../../host/device-socket.ts";
import { type HostInterface, readInterfaces } from "../../host/interfaces.ts";
import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import { LinkMonitor } from "../../host/link-monitor.ts";
import type { Logger } from "../../host/log.ts";
import type { Part } from "../../host/part.ts";
import { tryRun } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";
import type { Journal } from "../../store/index.ts";
import { checkAfterMs } from "./check-pace.ts";
import { type CheckRequest, checkUplink } from "./check-uplink.ts";
import { chooseUplinks } from "./choose-uplinks.ts";
import {
  familyOf,
  foundUplinks,
  type KnownUplink,
  knownUplink,
  linkState,
  MOST_UPLINKS,
  namedUplinks,
  resolversOf,
} from "./known-uplinks.ts";
import { type LinkNotes, linkNotes } from "./link-resolvers.ts";
import { type UplinkKind, uplinkKind } from "./uplink-device.ts";
import {
  type CheckResult,
  isInDoubt,
  isWorking,
  lossOf,
  medianMs,
  newHealth,
  stepCheck,
  stepLink,
  type UplinkHealth,
  type UplinkState,
} from "./uplink-health.ts";

const LOOK_EVERY_MS = 2_000;

/** One way to the internet, for the operator. */
export interface UplinkView {
  interface: string;
  kind: UplinkKind | "unknown";
  state: UplinkState;
  /** How long it has been so. */
  seconds: number;
  inUse: boolean;
  metered: boolean;
  priority: number;
  weight: number;
  /** The median of the last checks that reached something. */
  rttMs: number | undefined;
  /** Of the last ten checks. */
  lossPercent: number;
  /** Where the page of a captive uplink is, as it said by itself or by DHCP. */
  portalUrl: string | undefined;
}

/** What the guest network asks of the ways to the internet. */
export interface GuestWays {
  /** The interfaces that guests may leave by, whichever is in use. */
  interfaces: readonly string[];
  /** One that is in use is known to work, as far as it is looked at. */
  works: boolean;
  /** The most for one guest, in kbit/s, where what is in use is metered; undefined: no such limit. */
  rateKbit: number | undefined;
}

/** What the kernel, the network and the machine are asked; each can be replaced in tests. */
export interface UplinkSenses {
  interfaces(): Promise<readonly HostInterface[]>;
  kindOf(name: string): UplinkKind | undefined;
  notesOf(index: number): LinkNotes;
  check(request: CheckRequest): Promise<CheckResult>;
  /** Tells at once of an interface that came, went or changed. */
  monitor(changed: () => void): Pick<LinkMonitor, "start" | "stop">;
}

export interface UplinkWatchOptions {
  config: Config;
  senses: UplinkSenses;
  timers: Timers;
  journal: Pick<Journal, "append">;
  log: Logger;
}

interface Entry {
  known: KnownUplink;
  found: HostInterface | undefined;
  notes: LinkNotes;
  health: UplinkHealth;
  /** Which of the targets is next. */
  turn: number;
  isChecking: boolean;
  callOff: () => void;
}

/**
 * The real senses.
 * @param randomId 16 bits that nobody can guess
 * @param runFolder one that nothing else has, for the id of a process
 */
export function uplinkSenses(
  timers: Timers,
  randomId: () => number,
  runFolder: string,
  log: Logger,
): UplinkSenses {
  const means = { ask: askByDevice, randomId, timers };
  return {
    interfaces: readInterfaces,
    kindOf: (name) => uplinkKind(name),
    notesOf: (index) => linkNotes(index),
    check: (request) => checkUplink(request, means),
    monitor: (changed) => new LinkMonitor(runFolder, log, changed),
  };
}

/** Knows which ways to the internet there are, how each of them is, and which are to be used. Changes nothing by itself. */
export class UplinkWatch implements Part {
  readonly name = "uplink-watch";
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Set<() => void>();
  private interfaces: readonly HostInterface[] = [];
  private chosen: readonly string[] = [];
  private running = false;
  private failure: string | undefined;
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
    this.entries.clear();
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
    const { uplinks } = this.options.config;
    const isOpen = ({ metered }: KnownUplink) => !metered || uplinks.metered_guests !== "refuse";
    const all = [...this.entries.values()];
    const used = all.filter(({ known }) => this.chosen.includes(known.interface) && isOpen(known));
    const isLimited = uplinks.metered_guests === "limit" && used.some(({ known }) => known.metered);
    return {
      interfaces: all.filter(({ known }) => isOpen(known)).map(({ known }) => known.interface),
      // Unchecked, what the kernel has of routes is all that is known, and it is asked by whoever wants to know.
      works: !uplinks.check || used.some(({ health }) => isWorking(health) && health.state !== "no-names"),
      rateKbit: isLimited ? uplinks.metered_guest_kbit : undefined,
    };
  }

  /** Told when which are used, or how one of them is, has changed. @returns a function that ends it */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  view(): UplinkView[] {
    const nowMs = this.nowMs();
    return [...this.entries.values()].map(({ known, health, notes }) => ({
      ...known,
      kind: known.kind ?? "unknown",
      state: health.state,
      seconds: Math.floor((nowMs - health.sinceMs) / 1000),
      inUse: this.chosen.includes(known.interface),
      rttMs: medianMs(health.rtts),
      lossPercent: Math.round(100 * lossOf(health.recent)),
      portalUrl: health.state === "captive" ? (notes.portalUrl ?? health.portalUrl) : undefined,
    }));
  }

  detail(): string {
    const all = this.view();
    if (all.length === 0) return "no way to the internet";
    return all.map((one) => `${one.interface} ${one.state}${one.inUse ? ", in use" : ""}`).join("; ");
  }

  trouble(): string | undefined {
    return this.failure;
  }

  private add(name: string): void {
    if (this.entries.has(name) || this.entries.size >= MOST_UPLINKS) return;
    const { config, senses } = this.options;
    this.entries.set(name, {
      known: knownUplink(name, config, senses.kindOf(name)),
      found: undefined,
      notes: { resolvers: [], isOwn: false },
      health: newHealth(this.nowMs()),
      ...{ turn: 0, isChecking: false, callOff: () => {} },
    });
  }

  private lookAt(entry: Entry): void {
    const { config, senses } = this.options;
    const name = entry.known.interface;
    const before = entry.found;
    entry.found = this.interfaces.find((one) => one.name === name);
    // What is plugged in anew may be something else under the same name.
    if (entry.found?.index !== before?.index) entry.known = knownUplink(name, config, senses.kindOf(name));
    if (entry.found) entry.notes = senses.notesOf(entry.found.index);
    const link = linkState(entry.found);
    this.take(entry, stepLink(entry.health, link, this.nowMs()));
    if (link !== "up") {
      entry.callOff();
      entry.callOff = () => {};
    } else if (!config.uplinks.check) {
      this.take(entry, stepCheck(entry.health, { outcome: "reached" }, this.nowMs()));
    } else if (entry.health.state === "checking" && !entry.isChecking) {
      void this.check(entry);
    }
  }

  private async check(entry: Entry): Promise<void> {
    const { found, known, health } = entry;
    const family = found && familyOf(found);
    if (found === undefined || family === undefined || !this.running || entry.isChecking) return;
    entry.callOff();
    entry.isChecking = true;
    const { config, senses, timers, log } = this.options;
    // One that answers is enough; where the last one did not, the others may.
    const isAll = isInDoubt(health) || (health.fails > 0 && !known.metered);
    const next = this.targets.slice(entry.turn % this.targets.length).slice(0, 1);
    entry.turn += 1;
    const result = await senses
      .check({
        ...{ device: known.interface, family, targets: isAll ? this.targets : next },
        resolvers: entry.notes.isOwn
          ? entry.notes.resolvers
          : resolversOf(entry.notes.resolvers, known.interface, this.interfaces),
        publicResolvers: config.uplinks.resolvers,
        isRouterSilent: () => isRouterSilent(known.interface, found.routers ?? []),
      })
      .catch((error): CheckResult => {
        log.warn({ error }, `uplinks: ${known.interface} could not be checked`);
        return { outcome: "associated" };
      });
    entry.isChecking = false;
    if (!this.running) return;
    // It may have lost its wire meanwhile: then this says nothing.
    if (linkState(entry.found) === "up") {
      this.take(entry, stepCheck(entry.health, result, this.nowMs()));
      this.decide();
    }
    const everyMs = config.uplinks.check_seconds * 1_000;
    const isUsed = this.chosen.includes(known.interface);
    const afterMs = checkAfterMs(entry.health, isUsed, known.metered, everyMs);
    entry.callOff = timers.after(afterMs, () => void this.check(entry));
  }

  private take(entry: Entry, health: UplinkHealth): void {
    const before = entry.health;
    entry.health = health;
    if (before.state === health.state) return;
    const { portalUrl } = health;
    const what = { state: health.state, before: before.state, ...(portalUrl ? { portalUrl } : {}) };
    // What is only being looked at is no news.
    if (health.state !== "checking") this.tell("uplink-state", entry.known.interface, what);
    this.notify();
  }

  private decide(): void {
    const candidates = [...this.entries.values()].map(({ known, health }) => ({ ...known, health }));
    const chosen = chooseUplinks(candidates, this.chosen, this.nowMs());
    if (chosen.join() === this.chosen.join()) return;
    const before = this.chosen.join(", ");
    this.chosen = chosen;
    this.tell("uplinks-in-use", chosen.join(", "), { before });
    this.notify();
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

const neighbours = z.array(z.object({ dst: z.string(), state: z.array(z.string()).default([]) }));

/** What the kernel found out when the check's packets were to be sent there (RFC 4861 section 7.3, ARP alike). */
async function isRouterSilent(device: string, routers: readonly string[]): Promise<boolean> {
  if (routers.length === 0) return false;
  const { stdout } = await tryRun(["ip", "-j", "neigh", "show", "dev", device]);
  const states = neighbours.safeParse(stdout.trim() === "" ? [] : JSON.parse(stdout)).data ?? [];
  const isDead = (router: string) =>
    states.some(({ dst, state }) => dst === router && ["FAILED", "INCOMPLETE"].includes(state[0] ?? ""));
  return routers.every(isDead);
}
