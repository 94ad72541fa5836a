interface Sample {
  atMs: number;
  /** Seconds since the radio was started. */
  sentSeconds: number;
  receivedSeconds: number;
}

const HOUR_MS = 3_600_000;

/** How busy the air is, from counters that the radio has run since it was started. */
export class AirUse {
  private samples: Sample[] = [];

  note(sample: Sample): void {
    this.samples.push(sample);
    while ((this.samples[1]?.atMs ?? Number.POSITIVE_INFINITY) <= sample.atMs - HOUR_MS) this.samples.shift();
  }

  /** This radio's share of the last hour, as far as it was watched. */
  get share(): number | undefined {
    const last = this.samples.at(-1);
    const first = this.samples[0];
    if (!last || !first) return undefined;
    return Math.min(1, ((last.sentSeconds - first.sentSeconds) * 1_000) / HOUR_MS);
  }

  /** What was sent and heard between the last two looks. */
  get channelUse(): number | undefined {
    const last = this.samples.at(-1);
    const before = this.samples.at(-2);
    if (!last || !before || last.atMs <= before.atMs) return undefined;
    const busy = last.sentSeconds - before.sentSeconds + last.receivedSeconds - before.receivedSeconds;
    return Math.min(1, Math.max(0, (busy * 1_000) / (last.atMs - before.atMs)));
  }
}
