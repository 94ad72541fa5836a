import type { MeshBox } from "./mesh-box.ts";

const EVERY_MS = 50;
/** Long enough for an outage of minutes: what is measured is when it arrives. */
const TIMEOUT_MS = 15_000;

export interface TrafficReport {
  sent: number;
  /** Acknowledged to the sender. */
  acknowledged: number;
  /** Heard by the receiver, and how many of them more than once. */
  heard: number;
  twice: number;
  /** Given up: the sender was told. */
  failed: number;
  /** The longest that a message was on its way, and the longest time in which nothing arrived although something was sent. */
  longestMs: number;
  gapMs: number;
}

/** A message every 50 ms from one box to another, while faults come and go. */
export class SteadyTraffic {
  private readonly sentAtMs = new Map<string, number>();
  private readonly heardAtMs = new Map<string, number>();
  private readonly pending = new Set<Promise<void>>();
  private acknowledged = 0;
  private failed = 0;
  private twice = 0;
  private timer: ReturnType<typeof setInterval> | undefined;
  private end: () => void = () => {};

  private constructor(
    private readonly from: MeshBox,
    private readonly peer: string,
    private readonly heard: { body: string; atMs: number }[],
  ) {}

  static async begin(from: MeshBox, to: MeshBox): Promise<SteadyTraffic> {
    const { heard, end } = await to.listen("steady");
    const traffic = new SteadyTraffic(from, await to.peer(), heard);
    traffic.end = end;
    traffic.timer = setInterval(() => traffic.sendOne(), EVERY_MS);
    return traffic;
  }

  private sendOne(): void {
    const body = `${this.sentAtMs.size}`;
    this.sentAtMs.set(body, performance.now());
    const sending = this.from
      .send(this.peer, body, { channel: "steady", timeoutMs: TIMEOUT_MS })
      .then(
        () => {
          this.acknowledged += 1;
        },
        () => {
          this.failed += 1;
        },
      )
      .finally(() => this.pending.delete(sending));
    this.pending.add(sending);
  }

  /** Stops sending, waits for what is under way, and tells. */
  async stop(): Promise<TrafficReport> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    // The last acknowledged ones may still be on the way to the listener's stream.
    await Bun.sleep(200);
    this.end();
    for (const { body, atMs } of this.heard) {
      if (this.heardAtMs.has(body)) this.twice += 1;
      else this.heardAtMs.set(body, atMs);
    }
    const delays = [...this.heardAtMs].map(([body, atMs]) => atMs - (this.sentAtMs.get(body) ?? atMs));
    const arrivals = [...this.heardAtMs.values()].sort((a, b) => a - b);
    const gaps = arrivals.slice(1).map((atMs, index) => atMs - (arrivals[index] ?? atMs));
    return {
      sent: this.sentAtMs.size,
      acknowledged: this.acknowledged,
      heard: this.heardAtMs.size,
      twice: this.twice,
      failed: this.failed,
      longestMs: Math.round(Math.max(0, ...delays)),
      gapMs: Math.round(Math.max(0, ...gaps)),
    };
  }
}
