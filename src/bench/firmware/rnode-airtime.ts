const BIN_MS = 7_500;
const BINS = 480;
/** The real firmware looks 2,500 times in 7.5 s; a tenth of that tells nearly as much and lets simulations run fast. */
const SAMPLES = 250;
export const SAMPLE_MS = BIN_MS / SAMPLES;

/** Shares from 0 to 1, as the firmware works them out (RNode_Firmware, update_airtime and check_modem_status). */
export interface AirtimeShares {
  ownShort: number;
  ownLong: number;
  useShort: number;
  useLong: number;
}

/** The firmware's book of its own airtime and of how busy the channel is: bins of 7.5 s that go round in an hour. */
export class RnodeAirtime {
  private readonly own = new Float64Array(BINS);
  private readonly use = new Float64Array(BINS);
  private readonly busy = new Uint8Array(SAMPLES);
  private sample = 0;

  /** A frame of this length has been sent. */
  add(airtimeMs: number, nowMs: number): void {
    const bin = binAt(nowMs);
    this.own[bin] = Math.floor((this.own[bin] ?? 0) + airtimeMs);
    this.own[next(bin)] = 0;
  }

  /** Whether a signal is on the channel; called every {@link SAMPLE_MS} while the firmware listens. */
  look(isBusy: boolean, nowMs: number): void {
    this.busy[this.sample] = isBusy ? 1 : 0;
    this.sample = (this.sample + 1) % SAMPLES;
    const bin = binAt(nowMs);
    this.use[bin] = Math.max(this.use[bin] ?? 0, this.useShort(nowMs));
    this.use[next(bin)] = 0;
  }

  shares(nowMs: number): AirtimeShares {
    return {
      ownShort: this.ownShort(nowMs),
      ownLong: sum(this.own) / (BINS * BIN_MS),
      useShort: this.useShort(nowMs),
      useLong: sum(this.use) / BINS,
    };
  }

  private useShort(nowMs: number): number {
    return Math.min(1, sum(this.busy) / SAMPLES + this.ownShort(nowMs));
  }

  private ownShort(nowMs: number): number {
    const bin = binAt(nowMs);
    const before = (bin + BINS - 1) % BINS;
    return ((this.own[bin] ?? 0) + (this.own[before] ?? 0)) / (2 * BIN_MS);
  }
}

const binAt = (nowMs: number): number => Math.floor(nowMs / BIN_MS) % BINS;
const next = (bin: number): number => (bin + 1) % BINS;
const sum = (values: Iterable<number>): number => {
  let total = 0;
  for (const value of values) total += value;
  return total;
};
