/** How much the newest counts. */
const WEIGHT = 0.1;
/** What is older was carried by foot, or is a part of what a box lacked for long: it says nothing of the air. */
const MOST_MS = 300_000;
/** Where nothing comes any more nothing is known of the air either. */
const HALVED_AFTER_MS = 600_000;

/** How old what is for everyone was lately when it came: the busier the air, the older, and the longer it is worth to wait for others. */
export class Pace {
  private lastMs = 0;
  private atMs = 0;

  constructor(private readonly nowMs: () => number) {}

  get ms(): number {
    return this.lastMs * 0.5 ** ((this.nowMs() - this.atMs) / HALVED_AFTER_MS);
  }

  note(ageMs: number): void {
    if (ageMs > MOST_MS) return;
    const { ms } = this;
    this.lastMs = ms + WEIGHT * (ageMs - ms);
    this.atMs = this.nowMs();
  }
}
