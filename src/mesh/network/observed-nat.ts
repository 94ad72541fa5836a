import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { NatKind, Observation } from "../nat/nat-interface.ts";
import { mappedEndpoint, natKind } from "../nat/nat-kind.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";

/** Of as many observers the last word is kept. */
const MOST_OBSERVERS = 64;

export interface ObservedNatOptions {
  interfaces: () => readonly LocalInterface[];
  /** UDP port of the datagrams. */
  port: () => number;
  monotonicMs: () => number;
}

/** What peers say of how they see this box, and what follows from it. */
export class ObservedNat {
  private readonly observations = new Map<string, Observation>();
  private last: { kind: NatKind; mapped: string } = { kind: "unknown", mapped: "" };

  constructor(private readonly options: ObservedNatOptions) {}

  /** @returns whether it changes the picture */
  take(observation: Observation): boolean {
    const key = endpointText(observation.observer);
    this.observations.delete(key);
    this.observations.set(key, observation);
    for (const oldest of this.observations.keys()) {
      if (this.observations.size <= MOST_OBSERVERS) break;
      this.observations.delete(oldest);
    }
    return this.changes();
  }

  /** This box's addresses have changed: what others saw before is of another place. @returns whether that changes the picture */
  moved(): boolean {
    this.observations.clear();
    return this.changes();
  }

  get kind(): NatKind {
    return natKind(this.all, this.own, this.options.monotonicMs());
  }

  /** Where others may reach this box's UDP port from outside; undefined while unknown, or of no use to them. */
  get mapped(): Endpoint | undefined {
    return mappedEndpoint(this.all, this.own, this.options.monotonicMs());
  }

  private changes(): boolean {
    const { mapped } = this;
    const now = { kind: this.kind, mapped: mapped ? endpointText(mapped) : "" };
    const isNew = now.kind !== this.last.kind || now.mapped !== this.last.mapped;
    this.last = now;
    return isNew;
  }

  private get all(): readonly Observation[] {
    return [...this.observations.values()];
  }

  private get own() {
    const addresses = this.options.interfaces().flatMap((link) => link.addresses);
    return { addresses, port: this.options.port() };
  }
}
