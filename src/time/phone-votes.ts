import { agreement } from "./agreement.ts";
import { isCredible, type Reading } from "./time-source.ts";

/** A phone's clock is a few seconds off at most, and minutes where its owner has set it: who is farther off does not agree. */
const WITHIN_MS = 60_000;
/** What the phones that agree may be off by together: the same network may have told all of them. */
const LEAST_UNCERTAINTY_MS = 5_000;
/** Votes of longer ago say little of the time now. */
const KEPT_MS = 12 * 3_600_000;
/** A station may say it anew so seldom. */
const LEAST_BETWEEN_MS = 60_000;
/** As many as a box has guests on a busy day. Who comes when it is full is not heard until others are forgotten. */
const MAX_STATIONS = 256;

interface Vote {
  epochMs: number;
  heardMs: number;
}

export interface PhoneVotesOptions {
  /** So many stations must agree; 0: phones are not asked. */
  least: number;
  /** No vote is from before the program was built, in ms since 1970. */
  builtMs: number;
}

/**
 * What phones say of the time, one vote a station. Whoever takes on many addresses has many votes: that is why phones are heard
 * last, and never trusted.
 */
export class PhoneVotes {
  private readonly votes = new Map<string, Vote>();

  constructor(private readonly options: PhoneVotesOptions) {}

  /** @param wallMs what its clock says @param nowMs on the monotonic clock @returns whether it counts */
  note(station: string, wallMs: number, nowMs: number): boolean {
    const { least, builtMs } = this.options;
    // A clock that was never set is no lie, and no vote.
    if (least === 0 || !Number.isFinite(wallMs) || !isCredible("phones", wallMs, builtMs)) return false;
    this.forget(nowMs);
    const before = this.votes.get(station);
    if (before ? nowMs - before.heardMs < LEAST_BETWEEN_MS : this.votes.size >= MAX_STATIONS) return false;
    this.votes.set(station, { epochMs: wallMs - nowMs, heardMs: nowMs });
    return true;
  }

  /** What most of them say; undefined while too few agree. */
  reading(nowMs: number): Reading | undefined {
    if (this.options.least === 0) return undefined;
    this.forget(nowMs);
    const said = [...this.votes.values()].map(({ epochMs }) => epochMs);
    const agreed = agreement(said, { least: this.options.least, withinMs: WITHIN_MS });
    if (!agreed) return undefined;
    return {
      source: "phones",
      epochMs: agreed.middleMs,
      heardMs: nowMs,
      uncertaintyMs: LEAST_UNCERTAINTY_MS + agreed.spreadMs,
      voices: agreed.voices,
    };
  }

  /** How many stations have said something that counts. */
  count(nowMs: number): number {
    this.forget(nowMs);
    return this.votes.size;
  }

  private forget(nowMs: number): void {
    for (const [station, { heardMs }] of this.votes)
      if (nowMs - heardMs > KEPT_MS) this.votes.delete(station);
  }
}
