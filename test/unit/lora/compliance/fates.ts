import type { Fate, Outgoing, Radio } from "../../../../src/lora/radio.ts";

/** What became of one packet, held to the rules of {@link Radio.send}. */
export class Fates {
  readonly told: Fate[] = [];
  /** What a radio did against the rules. */
  readonly faults: string[] = [];
  private hasReturned = false;

  constructor(private readonly isAcknowledged: boolean) {}

  /** Sends a packet and follows it. */
  static of(radio: Radio, outgoing: Outgoing, onFate: (fate: Fate) => void = () => {}): Fates {
    const fates = new Fates(outgoing.to !== undefined && radio.capabilities.acknowledges);
    radio.send(outgoing, (fate) => {
      fates.take(fate);
      onFate(fate);
    });
    fates.hasReturned = true;
    return fates;
  }

  get states(): string[] {
    return this.told.map(({ state }) => state);
  }

  /** The last fate once there can be no other. */
  get final(): Fate | undefined {
    const last = this.told.at(-1);
    return last && this.isFinal(last) ? last : undefined;
  }

  private take(fate: Fate): void {
    const last = this.told.at(-1);
    if (!this.hasReturned) this.faults.push(`${fate.state} before send returned`);
    if (last && this.isFinal(last)) this.faults.push(`${fate.state} after ${last.state}`);
    if (last && ORDER[fate.state] <= ORDER[last.state]) this.faults.push(`${fate.state} after ${last.state}`);
    this.told.push(fate);
  }

  private isFinal({ state }: Fate): boolean {
    if (state === "on-air") return !this.isAcknowledged;
    return state === "acknowledged" || state === "failed";
  }
}

const ORDER: Readonly<Record<Fate["state"], number>> = {
  queued: 0,
  "on-air": 1,
  acknowledged: 2,
  failed: 2,
};
