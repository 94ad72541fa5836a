import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import { run } from "../../host/run.ts";
import { systemTimers, type Timers } from "../../host/timers.ts";
import { inside } from "../egress/index.ts";
import { type CountedEvidence, type LeaseTraffic, parseCounters, parseEvidence } from "./counted.ts";
import { hasRogue, type RogueEvent, rogueEvents } from "./rogue-events.ts";

/** An event is told within a second, and a look costs some ms. */
const LOOK_EVERY_MS = 250;

/** Where a machine's counters are read. */
export interface WatchedLease {
  lease: string;
  namespace: string;
}

/** Reads a namespace's counters and sets; a program's run each. */
export interface CounterSource {
  counters(namespace: string): Promise<string>;
  sets(namespace: string): Promise<string>;
}

export const kernelCounters: CounterSource = {
  counters: (namespace) => run(inside(namespace, "nft", "--json", "list", "counters")),
  sets: (namespace) => run(inside(namespace, "nft", "--json", "list", "sets")),
};

export interface LeaseWatchOptions {
  onRogue(event: RogueEvent): void;
  /** A look failed; the next one comes all the same. The tables are gone when the namespace is. */
  onFailure(lease: string, error: unknown): void;
  wallMs(): number;
  source?: CounterSource;
  timers?: Timers;
}

interface Looked {
  traffic: LeaseTraffic;
  evidence: readonly CountedEvidence[];
}

interface Watching {
  watched: WatchedLease;
  last?: Looked;
  /** Never twice at once: both looks would tell of the same packets. Kept when one that began after the call is over. */
  look(): Promise<void>;
}

/** Looks at what the machines send and try, and tells of what they are not to do. */
export class LeaseWatch {
  private readonly leases = new Map<string, Watching>();
  private readonly source: CounterSource;
  private end: (() => Promise<void>) | undefined;

  constructor(private readonly options: LeaseWatchOptions) {
    this.source = options.source ?? kernelCounters;
  }

  start(): void {
    this.end ??= atIntervals(
      LOOK_EVERY_MS,
      () => this.look(),
      // Each lease's own failure is told by itself.
      () => undefined,
      this.options.timers ?? systemTimers,
    );
  }

  async stop(): Promise<void> {
    await this.end?.();
    this.end = undefined;
  }

  /** From its attachment on; one that is watched already goes on, with what was seen of it. */
  add(watched: WatchedLease): void {
    if (this.leases.has(watched.lease)) return;
    const entry: Watching = { watched, look: onceAtATime(() => this.lookAt(entry)) };
    this.leases.set(watched.lease, entry);
  }

  /** @returns what it did in all, as of a last look where that is possible */
  async remove(lease: string): Promise<LeaseTraffic | undefined> {
    const entry = this.leases.get(lease);
    await entry?.look();
    // Somebody else may have removed it meanwhile, and it be watched anew.
    if (this.leases.get(lease) === entry) this.leases.delete(lease);
    return entry?.last?.traffic;
  }

  /** As of the last look. */
  traffic(lease: string): LeaseTraffic | undefined {
    return this.leases.get(lease)?.last?.traffic;
  }

  /** Looks at all of them, one after the other: the box has other work. */
  async look(): Promise<void> {
    for (const entry of [...this.leases.values()]) await entry.look();
  }

  private async lookAt(entry: Watching): Promise<void> {
    const { lease, namespace } = entry.watched;
    if (this.leases.get(lease) !== entry) return;
    try {
      const traffic = parseCounters(await this.source.counters(namespace));
      const tried = hasRogue(entry.last?.traffic, traffic);
      // Sets are read only when there is something new in them.
      const evidence = tried
        ? parseEvidence(await this.source.sets(namespace))
        : (entry.last?.evidence ?? []);
      const looked = { traffic, evidence };
      const events = tried ? rogueEvents(lease, entry.last, looked, this.options.wallMs()) : [];
      entry.last = looked;
      for (const event of events) this.options.onRogue(event);
    } catch (error) {
      // Removed while it was looked at.
      if (this.leases.get(lease) === entry) this.options.onFailure(lease, error);
    }
  }
}
