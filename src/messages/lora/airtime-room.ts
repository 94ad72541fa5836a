import type { AirOutlook, Priority } from "../../lora/index.ts";

/** A forecast of how much is free holds for so long, less what is sent meanwhile. */
const FRESH_MS = 20_000;
/** No law that is known leaves more than this at a time. */
const MOST_MS = 400_000;
const STEPS = 7;
/** What leaves within its own length and this is not held up by the law. */
const SLACK_MS = 20_000;
/** Of the most that was ever free, what is kept for answers: whoever cannot answer makes others send in vain. */
const KEPT_SHARE = 0.15;

/** How much airtime is free, found out by asking when so much would have left. */
export class AirtimeRoom {
  private roomMs = 0;
  private atMs = Number.NEGATIVE_INFINITY;
  private mostMs = 0;

  /** So much was sent. */
  sent(airtimeMs: number): void {
    this.roomMs -= airtimeMs;
  }

  /** Whether a frame of this length leaves enough for answers. */
  allows(airtimeMs: number, outlook: AirOutlook, priority: Priority, nowMs: number): boolean {
    if (nowMs - this.atMs > FRESH_MS) {
      this.roomMs = measured(outlook, priority);
      this.mostMs = Math.max(this.mostMs, this.roomMs);
      this.atMs = nowMs;
    }
    return this.roomMs - airtimeMs >= this.mostMs * KEPT_SHARE || this.roomMs >= MOST_MS / 2;
  }
}

function measured(outlook: AirOutlook, priority: Priority): number {
  const isFree = (airtimeMs: number) => outlook.etaMs(airtimeMs, priority) < airtimeMs * 1.5 + SLACK_MS;
  if (isFree(MOST_MS)) return MOST_MS;
  let [free, taken] = [0, MOST_MS];
  for (let step = 0; step < STEPS; step += 1) {
    const middle = (free + taken) / 2;
    if (isFree(middle)) free = middle;
    else taken = middle;
  }
  return free;
}
