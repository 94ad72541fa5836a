import type { Logger } from "./log.ts";
import type { Part, PartStatus } from "./part.ts";

const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 60_000;

interface Entry {
  part: Part;
  state: PartStatus["state"];
  reason: string;
}

const notStarted = (part: Part): Entry => ({ part, state: "stopped", reason: "it has not started yet" });

/**
 * Starts parts in order and stops them in reverse. A part that fails to start does not keep the others from starting;
 * it is tried again, with growing waits, for as long as the box runs.
 */
export class Lifecycle {
  private readonly entries: Entry[];
  private readonly timers = new Set<ReturnType<typeof setTimeout>>();
  private stopping = false;
  /** Tries that are under way. */
  private readonly retries = new Set<Promise<void>>();

  constructor(
    parts: readonly Part[],
    private readonly log: Logger,
  ) {
    this.entries = parts.map(notStarted);
  }

  async start(): Promise<void> {
    await this.startAll(this.entries);
  }

  /** Starts more, behind those that have started. */
  async goOn(parts: readonly Part[]): Promise<void> {
    const more = parts.map(notStarted);
    this.entries.push(...more);
    await this.startAll(more);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const timer of this.timers) clearTimeout(timer);
    await Promise.all(this.retries);
    for (const entry of [...this.entries].reverse()) {
      // One that failed half-way has something to undo as well.
      if (entry.state === "stopped") continue;
      try {
        await entry.part.stop();
      } catch (error) {
        this.log.error({ part: entry.part.name, error }, "did not stop cleanly");
      }
      entry.state = "stopped";
    }
  }

  status(): ({ name: string } & PartStatus)[] {
    return this.entries.map(({ part, state, reason }) => {
      if (state !== "running") return { name: part.name, state, detail: reason };
      const trouble = part.trouble?.();
      const detail = part.detail();
      if (trouble === undefined) return { name: part.name, state, detail };
      return { name: part.name, state: "troubled", detail: `${trouble} (${detail})` };
    });
  }

  private async startAll(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      if (this.stopping) return;
      await this.startPart(entry, FIRST_RETRY_MS);
    }
  }

  private async startPart(entry: Entry, retryMs: number): Promise<void> {
    try {
      await entry.part.start();
      // Stopped meanwhile, when this one was not yet running.
      if (this.stopping) {
        entry.state = "stopped";
        return await entry.part.stop();
      }
      entry.state = "running";
      entry.reason = "";
      this.log.info({ part: entry.part.name }, entry.part.detail());
    } catch (error) {
      entry.state = "failed";
      entry.reason = error instanceof Error ? error.message : String(error);
      this.log.error({ part: entry.part.name, error }, `failed; next try in ${retryMs / 1000} s`);
      if (!this.stopping) this.later(entry, retryMs);
    }
  }

  private later(entry: Entry, retryMs: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      const retry = this.retry(entry, Math.min(retryMs * 2, LONGEST_RETRY_MS)).finally(() =>
        this.retries.delete(retry),
      );
      this.retries.add(retry);
    }, retryMs);
    this.timers.add(timer);
  }

  private async retry(entry: Entry, retryMs: number): Promise<void> {
    await entry.part.stop().catch(() => undefined);
    if (!this.stopping) await this.startPart(entry, retryMs);
  }
}
