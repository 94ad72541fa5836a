import { type HostInterface, isCarrying, readInterfaces } from "./interfaces.ts";
import type { Logger } from "./log.ts";
import { Supervised } from "./supervise.ts";
import type { Timers } from "./timers.ts";

/** One line of `ip -o monitor link address route`, as far as it is of use. */
export type MonitorLine =
  | { about: "link"; name: string; carrier: boolean }
  | { about: "address" | "route"; name: string | undefined };

/**
 * Reads a line of ip-monitor(8) in its one-line form. Undefined: nothing that concerns interfaces or their addresses
 * (local, broadcast and multicast routes, which come with each address anyway, and lines that are not understood).
 */
export function parseMonitorLine(line: string): MonitorLine | undefined {
  const isDeleted = line.startsWith("Deleted ");
  const text = isDeleted ? line.slice("Deleted ".length) : line;
  const link = /^\d+: ([^\s:@]+)(?:@\S+)?: <([^>]*)>.* state (\S+)/.exec(text);
  if (link) {
    const [, name = "", flagText = "", state = ""] = link;
    const flags = flagText.split(",");
    return {
      about: "link",
      name,
      carrier: !isDeleted && flags.includes("UP") && isCarrying(flags, state),
    };
  }
  const address = /^\d+: (\S+)\s+inet6? /.exec(text);
  if (address) return { about: "address", name: address[1] };
  if (/^default\s/.test(text)) return { about: "route", name: / dev (\S+)/.exec(text)?.[1] };
  return undefined;
}

/** What changed between two looks, by name. */
export interface InterfaceChanges {
  came: readonly string[];
  /** No longer there, down, or without its wire. */
  lost: readonly string[];
  /** Other addresses, other way out, another router, another number, or another master. */
  changed: readonly string[];
}

const usable = (all: readonly HostInterface[]) =>
  new Map(all.filter(({ up, carrier }) => up && carrier).map((entry) => [entry.name, entry]));

const rest = ({ index, kind, master, addresses, hasWayOut, routers, shadowed }: HostInterface): string =>
  JSON.stringify([index, kind, master, sorted(addresses), hasWayOut, sorted(routers), sorted(shadowed)]);
const sorted = (texts: readonly string[] = []): string[] => [...texts].sort();

/** Interfaces count as there while they are up and have a wire. */
export function interfaceChanges(
  before: readonly HostInterface[],
  after: readonly HostInterface[],
): InterfaceChanges {
  const [old, now] = [usable(before), usable(after)];
  return {
    came: [...now.keys()].filter((name) => !old.has(name)),
    lost: [...old.keys()].filter((name) => !now.has(name)),
    changed: [...now].flatMap(([name, entry]) => {
      const earlier = old.get(name);
      return earlier !== undefined && rest(earlier) !== rest(entry) ? [name] : [];
    }),
  };
}

export interface InterfaceMonitorOptions {
  runFolder: string;
  log: Logger;
  timers: Timers;
  /** An interface that was usable has lost its wire, was taken down or is gone: said from the kernel's own line, before anything else is read. */
  lost(name: string): void;
  /** After every change, once for a burst of them. What `lost` has said is among the changes once more. */
  changed(interfaces: readonly HostInterface[], changes: InterfaceChanges): void;
  /** For tests. Default {@link readInterfaces}. */
  read?: () => Promise<HostInterface[]>;
}

/** A burst of lines is waited out this long, but not for longer than this after its first. */
const SETTLE_MS = 20;
/** netlink(7) drops messages when a queue is full, and lines that come before the monitor listens are missed: looked anew this often. */
const LOOK_ANYWAY_MS = 30_000;
/** The monitor listens by then. */
const FIRST_LOOK_ANYWAY_MS = 1_000;

/** Keeps the list of the host's interfaces, and tells of changes within tens of milliseconds (ip-monitor(8)). */
export class InterfaceMonitor {
  private readonly monitor: Supervised;
  private interfaces: readonly HostInterface[] = [];
  /** What `lost` was called for since the last look. */
  private readonly told = new Set<string>();
  private cancelSettle: (() => void) | undefined;
  private cancelAnyway: (() => void) | undefined;
  private reading: Promise<void> | undefined;
  private readAgain = false;
  private running = false;

  constructor(private readonly options: InterfaceMonitorOptions) {
    this.monitor = new Supervised({
      name: "interface-monitor",
      command: ["ip", "-o", "monitor", "link", "address", "route"],
      runFolder: options.runFolder,
      log: options.log,
      onLine: (line) => this.take(line),
    });
  }

  /** As of the last look. */
  current(): readonly HostInterface[] {
    return this.interfaces;
  }

  /** Resolves once the interfaces have been read. They are no changes, so `changed` is not called for them. */
  async start(): Promise<void> {
    this.running = true;
    await this.monitor.start();
    this.interfaces = await (this.options.read ?? readInterfaces)();
    this.lookAnyway(FIRST_LOOK_ANYWAY_MS);
  }

  async stop(): Promise<void> {
    this.running = false;
    this.cancelSettle?.();
    this.cancelSettle = undefined;
    this.cancelAnyway?.();
    await this.monitor.stop();
    await this.reading;
  }

  /** Takes a line of the monitor. Public for tests. */
  take(line: string): void {
    const told = parseMonitorLine(line);
    if (told === undefined || !this.running) return;
    if (told.about === "link" && !told.carrier) this.tellLoss(told.name);
    this.cancelSettle ??= this.options.timers.after(SETTLE_MS, () => {
      this.cancelSettle = undefined;
      this.look();
    });
  }

  private tellLoss(name: string): void {
    const known = this.interfaces.find((entry) => entry.name === name);
    if (!known?.up || !known.carrier || this.told.has(name)) return;
    this.told.add(name);
    this.options.lost(name);
  }

  private lookAnyway(delayMs: number): void {
    this.cancelAnyway = this.options.timers.after(delayMs, () => {
      this.look();
      this.lookAnyway(LOOK_ANYWAY_MS);
    });
  }

  /** Reads once more afterwards when something changed while it was reading. */
  private look(): void {
    if (this.reading !== undefined) {
      this.readAgain = true;
      return;
    }
    this.reading = this.readOnce().finally(() => {
      this.reading = undefined;
      if (!this.readAgain || !this.running) return;
      this.readAgain = false;
      this.look();
    });
  }

  private async readOnce(): Promise<void> {
    let now: HostInterface[];
    try {
      now = await (this.options.read ?? readInterfaces)();
    } catch (error) {
      this.options.log.warn({ error }, "the interfaces cannot be read; looked for again later");
      return;
    }
    if (!this.running) return;
    const changes = interfaceChanges(this.interfaces, now);
    this.interfaces = now;
    // A wire that came back within the settling time was lost all the same: whoever was told hears that it is back.
    const back = [...this.told].filter(
      (name) => !changes.lost.includes(name) && !changes.came.includes(name),
    );
    const isThere = (name: string) => now.some((entry) => entry.name === name && entry.up && entry.carrier);
    this.told.clear();
    const came = [...changes.came, ...back.filter(isThere)];
    const changed = changes.changed.filter((name) => !came.includes(name));
    if (came.length + changes.lost.length + changed.length > 0) {
      this.options.changed(now, { came, lost: changes.lost, changed });
    }
  }
}
