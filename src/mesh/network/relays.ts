import type { Logger } from "../../host/log.ts";
import type { Engine, PeerId } from "../engine/engine-interface.ts";

/** Two, so that one may go. */
const WANTED = 2;

export interface RelaysOptions {
  engine: Pick<Engine, "connections" | "reserveRelay">;
  /** Whether a member says that it relays. */
  isRelay: (peer: PeerId) => boolean;
  /** The better one first: whoever is reached by most others. */
  rank: (a: PeerId, b: PeerId) => number;
  log: Logger;
  changed: () => void;
}

interface Place {
  /** Gives it back; undefined while it is being asked for. */
  release: (() => Promise<void>) | undefined;
}

/** Keeps a place at two boxes by which others can reach this one when they cannot do so straight. */
export class Relays {
  private readonly held = new Map<PeerId, Place>();
  /** How often each that is connected had no place, lately: others are asked first. */
  private readonly refusals = new Map<PeerId, number>();

  constructor(private readonly options: RelaysOptions) {}

  /** Where this box has a place now. */
  get peers(): PeerId[] {
    return [...this.held].flatMap(([peer, { release }]) => (release ? [peer] : []));
  }

  /** Connections or records have changed. */
  review(): void {
    const { engine, isRelay, rank } = this.options;
    const straight = new Set(
      engine
        .connections()
        .filter(({ kind }) => kind !== "circuit")
        .map(({ peer }) => peer),
    );
    for (const peer of this.held.keys()) if (!straight.has(peer)) this.release(peer);
    for (const peer of this.refusals.keys()) if (!straight.has(peer)) this.refusals.delete(peer);
    const refused = (peer: PeerId) => this.refusals.get(peer) ?? 0;
    const free = [...straight]
      .filter((peer) => isRelay(peer) && !this.held.has(peer))
      .sort((a, b) => refused(a) - refused(b) || rank(a, b));
    for (const peer of free.slice(0, Math.max(0, WANTED - this.held.size))) void this.reserve(peer);
  }

  async stop(): Promise<void> {
    const places = [...this.held.values()];
    this.held.clear();
    await Promise.all(places.map(({ release }) => release?.().catch(() => undefined)));
  }

  private async reserve(peer: PeerId): Promise<void> {
    const { engine, log, changed } = this.options;
    const place: Place = { release: undefined };
    this.held.set(peer, place);
    try {
      const release = await engine.reserveRelay(peer);
      // It may have gone meanwhile, and have come back and been asked again.
      if (this.held.get(peer) !== place) await release();
      else {
        place.release = release;
        this.refusals.delete(peer);
        changed();
      }
    } catch (error) {
      // Full, or gone: the next review asks another one.
      if (this.held.get(peer) === place) this.held.delete(peer);
      this.refusals.set(peer, (this.refusals.get(peer) ?? 0) + 1);
      log.debug({ peer, error }, "no place at a relay");
    }
  }

  private release(peer: PeerId): void {
    const place = this.held.get(peer);
    this.held.delete(peer);
    place
      ?.release?.()
      .catch((error) => this.options.log.debug({ peer, error }, "a relay was not told that we left"));
    this.options.changed();
  }
}
