import type { PathKind } from "./paths-interface.ts";

/** RFC 6298 section 2.3. */
const RTT_GAIN = 1 / 8;
const DEVIATION_GAIN = 1 / 4;
/** Proofs over which loss is counted. */
const LOSS_WINDOW = 32;
/** An older fate says nothing of now. */
const LOSS_AGE_MS = 120_000;
/** Rates are counted over so long, and the best of the last ten minutes told. */
const RATE_WINDOW_MS = 1_000;
const RATE_AGE_MS = 600_000;
/** Trains are sent every hour. */
const TRAIN_AGE_MS = 2 * 3_600_000;
/** Less in a second is no load: it says nothing of what the path can do. */
const LOAD_BYTES = 4_096;

/**
 * Joules for a megabyte, for ranking alone: orders of magnitude from the power of usual parts at usual rates, not
 * measured here. Ethernet 0.5 W more at some 100 Mbit/s; Wi-Fi 1.5 W at some 20 Mbit/s; LoRa 0.4 W at some 3 kbit/s.
 * What lies behind an uplink is not known.
 */
export const ENERGY_JOULE_PER_MB: { readonly [kind in PathKind]?: number } = {
  ethernet: 0.04,
  radio: 0.6,
  lora: 1_000,
};

/** What is known of one path from the proofs and bytes that went over it. */
export class PathMeasure {
  /** Smoothed round trip and mean deviation, ms (RFC 6298); undefined before the first answer. */
  rttMs: number | undefined;
  jitterMs: number | undefined;
  sentBytes = 0;
  receivedBytes = 0;
  private fates: { answered: boolean; atMs: number }[] = [];
  private windowStartMs = 0;
  private windowBytes = 0;
  private trainKbit: { kbit: number; atMs: number } | undefined;
  private bestKbit: { kbit: number; atMs: number } | undefined;

  /** @param rttMs undefined where it is not known how long the answer took */
  answered(rttMs: number | undefined, nowMs: number): void {
    this.note(true, nowMs);
    if (rttMs === undefined) return;
    const sample = Math.max(0, rttMs);
    if (this.rttMs === undefined || this.jitterMs === undefined) {
      this.rttMs = sample;
      this.jitterMs = sample / 2;
    } else {
      this.jitterMs += DEVIATION_GAIN * (Math.abs(this.rttMs - sample) - this.jitterMs);
      this.rttMs += RTT_GAIN * (sample - this.rttMs);
    }
  }

  missed(nowMs: number): void {
    this.note(false, nowMs);
  }

  /** An answer came to a proof that had been counted as lost. */
  wasLate(rttMs: number, nowMs: number): void {
    const lost = this.fates.findLastIndex(({ answered }) => !answered);
    if (lost >= 0) this.fates.splice(lost, 1);
    this.answered(rttMs, nowMs);
  }

  /** The path was dead: what was lost meanwhile is not loss of a path that works. */
  forgetLoss(): void {
    this.fates = [];
  }

  /** Share of proofs without an answer, 0 to 1. */
  loss(nowMs: number): number {
    return this.counted(nowMs).loss;
  }

  /** The same, and of how many proofs. */
  counted(nowMs: number): { loss: number; lossOf: number } {
    const recent = this.fates.filter(({ atMs }) => nowMs - atMs <= LOSS_AGE_MS);
    const missed = recent.filter(({ answered }) => !answered).length;
    // The first few proofs are no statistics: as if two more had been answered.
    return { loss: missed / (recent.length + 2), lossOf: recent.length };
  }

  sent(bytes: number): void {
    this.sentBytes += bytes;
  }

  received(bytes: number, nowMs: number): void {
    this.receivedBytes += bytes;
    if (nowMs - this.windowStartMs >= RATE_WINDOW_MS) {
      const lastedMs = Math.max(RATE_WINDOW_MS, nowMs - this.windowStartMs);
      if (this.windowBytes >= LOAD_BYTES) this.sawRate((this.windowBytes * 8) / lastedMs, nowMs);
      this.windowStartMs = nowMs;
      this.windowBytes = 0;
    }
    this.windowBytes += bytes;
  }

  /** What a round of trains has told; see {@link TrainSender}. */
  trainsTold(kbit: number, nowMs: number): void {
    this.trainKbit = { kbit, atMs: nowMs };
  }

  private sawRate(kbit: number, nowMs: number): void {
    const isOld = !this.bestKbit || nowMs - this.bestKbit.atMs > RATE_AGE_MS;
    if (isOld || kbit >= (this.bestKbit?.kbit ?? 0)) this.bestKbit = { kbit, atMs: nowMs };
  }

  /**
   * The most that was seen to pass in the last ten minutes, or what trains told, whichever is more: rather too little than
   * too much. Undefined before anything was seen.
   */
  throughputKbit(nowMs: number): number | undefined {
    const isRecent = this.bestKbit && nowMs - this.bestKbit.atMs <= RATE_AGE_MS;
    const known = [isRecent ? this.bestKbit?.kbit : undefined, this.capacityKbit(nowMs)].flatMap(
      (kbit) => kbit ?? [],
    );
    return known.length === 0 ? undefined : Math.round(Math.max(...known));
  }

  /** What trains told; undefined where they did not lately. */
  capacityKbit(nowMs: number): number | undefined {
    return this.trainKbit && nowMs - this.trainKbit.atMs <= TRAIN_AGE_MS ? this.trainKbit.kbit : undefined;
  }

  private note(answered: boolean, atMs: number): void {
    this.fates.push({ answered, atMs });
    if (this.fates.length > LOSS_WINDOW) this.fates.shift();
  }
}
