import type { Standing } from "./standing.ts";

/** What statements amount to, and from when until when nothing changes by time alone: seconds since 1970. */
export interface TimedStanding {
  standing: Standing;
  fromS: number;
  untilS: number;
}

/** Time that it may take at each time that is asked; statements of a small network take less. */
const QUICK_MS = 2;
/** Between two times it is left alone for so many times as long as the last one took. */
const REST = 20;

/**
 * What all statements amount to, worked out when it is asked for and not already known. With thousands of statements that
 * takes long, and whoever may sign admissions could have everybody do nothing else: so it takes at most a twentieth of the
 * time, and what members have seen may count a moment later. What puts somebody out counts at once.
 */
export class LatestStanding {
  private found: TimedStanding | undefined;
  private isOutdated = false;
  private restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly workOut: (wallS: number) => TimedStanding,
    private readonly monotonicMs: () => number,
  ) {}

  /** There are other statements than before. */
  changed(isUrgent: boolean): void {
    if (isUrgent) this.found = undefined;
    this.isOutdated = true;
  }

  /** @param wallS what the wall clock says, in seconds since 1970 */
  at(wallS: number): Standing {
    const { found } = this;
    const beganMs = this.monotonicMs();
    if (found !== undefined) {
      const nowS = Math.max(found.standing.floorS, wallS);
      const holds = !this.isOutdated && nowS >= found.fromS && nowS < found.untilS;
      if (holds || beganMs < this.restsUntilMs) return found.standing;
    }
    this.found = this.workOut(wallS);
    this.isOutdated = false;
    const endedMs = this.monotonicMs();
    const tookMs = endedMs - beganMs;
    this.restsUntilMs = tookMs <= QUICK_MS ? endedMs : endedMs + REST * tookMs;
    return this.found.standing;
  }
}
