import type { VirtualBox, VirtualNetwork } from "./virtual-network.ts";

interface Sent {
  sentMs: number;
  arrivals: number[];
  outcome: "waiting" | "acknowledged" | "failed";
}

/** A message every so often from one box to another, and what became of each. */
export class SteadyMessages {
  readonly sent: Sent[] = [];
  private isOn = true;

  /** @param channel one of its own, so that several may run at a time */
  constructor(
    private readonly network: VirtualNetwork,
    private readonly from: VirtualBox,
    private readonly to: VirtualBox,
    private readonly channel: string,
    private readonly everyMs = 50,
    private readonly timeoutMs = 15_000,
  ) {
    to.paths.handle(channel, (_from, body) => {
      const number = new DataView(body.buffer, body.byteOffset).getUint32(0);
      this.sent[number]?.arrivals.push(network.time.monotonicMs());
    });
    this.send();
  }

  stop(): void {
    this.isOn = false;
  }

  /** Of those sent from `sinceMs` on, how long the slowest took, or has taken until now. */
  longestMs(sinceMs = 0): number {
    const nowMs = this.network.time.monotonicMs();
    return Math.max(...this.since(sinceMs).map(({ sentMs, arrivals: [first] }) => (first ?? nowMs) - sentMs));
  }

  since(sinceMs: number): Sent[] {
    return this.sent.filter(({ sentMs }) => sentMs >= sinceMs);
  }

  /** Messages that broke the promise: there twice, or never and their sender not told. */
  get broken(): Sent[] {
    return this.sent.filter(
      ({ arrivals, outcome }) =>
        arrivals.length > 1 || outcome === "waiting" || (outcome === "acknowledged" && arrivals.length !== 1),
    );
  }

  private send(): void {
    if (!this.isOn) return;
    const { time } = this.network;
    const message: Sent = { sentMs: time.monotonicMs(), arrivals: [], outcome: "waiting" };
    const body = new Uint8Array(40);
    new DataView(body.buffer).setUint32(0, this.sent.length);
    this.sent.push(message);
    const options = { urgency: "control", timeoutMs: this.timeoutMs } as const;
    this.from.paths.submit(this.to.name, this.channel, body, options, (error) => {
      message.outcome = error ? "failed" : "acknowledged";
    });
    time.after(this.everyMs, () => this.send());
  }
}
