import type { Timers } from "../../host/timers.ts";
import { AFTER_LOSS, ogmIntervalMs, SHORTEST_OGM_INTERVAL_MS } from "./ogm-interval.ts";

/** A link that comes and goes makes this box send more often only so often. */
const NEXT_BOOST_AFTER_MS = 10_000;

/** How often this node sends its originator messages: by the mesh's size, and faster for a while after a loss. */
export class OgmPace {
  private steadyMs = SHORTEST_OGM_INTERVAL_MS;
  private boostedAtMs: number | undefined;
  private endBoost: (() => void) | undefined;

  /** @param set called whenever {@link current} has changed */
  constructor(
    private readonly timers: Timers,
    private readonly set: (intervalMs: number) => void,
  ) {}

  /** What batman-adv is to have now. */
  get current(): number {
    return this.endBoost === undefined ? this.steadyMs : AFTER_LOSS.intervalMs;
  }

  /** @param nodes in the mesh, this one included */
  follow(nodes: number): void {
    const steadyMs = ogmIntervalMs(nodes, this.steadyMs);
    if (steadyMs === this.steadyMs) return;
    this.steadyMs = steadyMs;
    if (this.endBoost === undefined) this.set(steadyMs);
  }

  /** A link of this node was lost. */
  hurry(): void {
    const nowMs = this.timers.monotonicMs();
    if (this.boostedAtMs !== undefined && nowMs - this.boostedAtMs < NEXT_BOOST_AFTER_MS) return;
    this.boostedAtMs = nowMs;
    this.endBoost = this.timers.after(AFTER_LOSS.forMs, () => {
      this.endBoost = undefined;
      this.set(this.steadyMs);
    });
    this.set(AFTER_LOSS.intervalMs);
  }

  stop(): void {
    this.endBoost?.();
    this.endBoost = undefined;
  }
}
