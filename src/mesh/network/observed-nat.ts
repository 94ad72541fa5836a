import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { NatKind, Observation } from "../nat/nat-interface.ts";
import { mappedEndpoint, natKind, type Unanswered } from "../nat/nat-kind.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";

/** Of as many observers the last word is kept. */
const MOST_OBSERVERS = 64;
/** What time alone changes is looked at so often: it is asked for with every way to every peer. */
const LOOK_AGAIN_MS = 1_000;

interface Picture {
  kind: NatKind;
  mapped: Endpoint | undefined;
  atMs: number;
}

export interface ObservedNatOptions {
  interfaces: () => readonly LocalInterface[];
  /** UDP port of the datagrams. */
  port: () => number;
  /** Who ought to have answered datagrams and never did. */
  unanswered: () => readonly Unanswered[];
  monotonicMs: () => number;
}

/** What peers say of how they see this box, or that none says anything, and what follows from it. */
export class ObservedNat {
  private readonly observations = new Map<string, Observation>();
  private last = textOf({ kind: "unknown", mapped: undefined });
  private seen: Picture | undefined;
  private movedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ObservedNatOptions) {}

  /** @returns whether it changes the picture */
  take(observation: Observation): boolean {
    const key = endpointText(observation.observer);
    const before = this.observations.get(key);
    if (!before || endpointText(before.seen) !== endpointText(observation.seen)) this.seen = undefined;
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
    this.seen = undefined;
    this.movedMs = this.options.monotonicMs();
    return this.changes();
  }

  get kind(): NatKind {
    return this.picture.kind;
  }

  /** Where others may reach this box's UDP port from outside; undefined while unknown, or of no use to them. */
  get mapped(): Endpoint | undefined {
    return this.picture.mapped;
  }

  /** Silence tells something too. @returns whether the picture has changed since it was last asked */
  changes(): boolean {
    const now = textOf(this.picture);
    const isNew = now !== this.last;
    this.last = now;
    return isNew;
  }

  private get picture(): Picture {
    const nowMs = this.options.monotonicMs();
    if (this.seen && nowMs - this.seen.atMs < LOOK_AGAIN_MS) return this.seen;
    const all = [...this.observations.values()];
    const addresses = this.options.interfaces().flatMap((link) => link.addresses);
    const own = { addresses, port: this.options.port() };
    // The silence of another place says nothing of this one.
    const unanswered = this.options.unanswered().map(({ observer, sinceMs }) => ({
      observer,
      sinceMs: Math.max(sinceMs, this.movedMs),
    }));
    this.seen = {
      kind: natKind(all, own, nowMs, unanswered),
      mapped: mappedEndpoint(all, own, nowMs),
      atMs: nowMs,
    };
    return this.seen;
  }
}

const textOf = ({ kind, mapped }: Pick<Picture, "kind" | "mapped">): string =>
  `${kind} ${mapped ? endpointText(mapped) : ""}`;
