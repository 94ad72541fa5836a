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

/** Keeps a place at two boxes by which others can reach this one when they cannot do so straight. */
export class Relays {
  private readonly held = new Map<PeerId, (() => Promise<void>) | undefined>();

  constructor(private readonly options: RelaysOptions) {}

  /** Where this box has a place now. */
  get peers(): PeerId[] {
    return [...this.held].flatMap(([peer, release]) => (release ? [peer] : []));
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
    const free = [...straight].filter((peer) => isRelay(peer) && !this.held.has(peer)).sort(rank);
    for (const peer of free.slice(0, Math.max(0, WANTED - this.held.size))) void this.reserve(peer);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.held.values()].map((release) => release?.().catch(() => undefined)));
    this.held.clear();
  }

  private async reserve(peer: PeerId): Promise<void> {
    const { engine, log, changed } = this.options;
    this.held.set(peer, undefined);
    try {
      const release = await engine.reserveRelay(peer);
      if (this.held.has(peer)) {
        this.held.set(peer, release);
        changed();
      } else await release();
    } catch (error) {
      // Full, or gone: the next review asks another one.
      this.held.delete(peer);
      log.debug({ peer, error }, "no place at a relay");
    }
  }

  private release(peer: PeerId): void {
    const release = this.held.get(peer);
    this.held.delete(peer);
    release?.().catch((error) =>
      this.options.log.debug({ peer, error }, "a relay was not told that we left"),
    );
    this.options.changed();
  }
}
