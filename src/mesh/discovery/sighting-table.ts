import type { LocalSighting } from "./discovery-interface.ts";

interface Entry {
  network: string;
  sighting: LocalSighting;
  /** The name that it was last published under. */
  instance: string;
  /** Where it was heard from, to hold whoever floods to a few. */
  source: string;
  untilMs: number;
}

/** Most peers that one source may speak for in one network: several boxes on one machine. */
const MAX_PER_SOURCE = 8;
const MAX_ENTRIES = 1_024;

/** Who is on the links, as far as was heard. One entry for each network, peer and interface. */
export class SightingTable {
  private readonly entries = new Map<string, Entry>();

  /** Takes what was heard. @returns whether it is new: another peer, other ways to it, or a box that started anew */
  take(entry: Entry): boolean {
    const key = keyOf(entry.network, entry.sighting.peer, entry.sighting.interface);
    const known = this.entries.get(key);
    if (known === undefined && !this.hasRoomFor(entry)) return false;
    // Re-inserted, so that the order is that of hearing.
    this.entries.delete(key);
    this.entries.set(key, entry);
    return (
      known === undefined ||
      known.instance !== entry.instance ||
      JSON.stringify(known.sighting) !== JSON.stringify(entry.sighting)
    );
  }

  /** A goodbye counts for the name that was heard last alone: an old one that somebody plays again changes nothing. */
  leave(network: string, peer: string, interfaceName: string, instance: string): LocalSighting | undefined {
    const key = keyOf(network, peer, interfaceName);
    const known = this.entries.get(key);
    if (known?.instance !== instance) return undefined;
    this.entries.delete(key);
    return known.sighting;
  }

  /** Takes out those that `matches`, and gives them. */
  remove(matches: (entry: Entry) => boolean): Entry[] {
    const removed = [...this.entries].filter(([, entry]) => matches(entry));
    for (const [key] of removed) this.entries.delete(key);
    return removed.map(([, entry]) => entry);
  }

  of(network: string): LocalSighting[] {
    return [...this.entries.values()]
      .filter((entry) => entry.network === network)
      .map(({ sighting }) => sighting);
  }

  count(network: string, interfaceName: string): number {
    let count = 0;
    for (const entry of this.entries.values())
      if (entry.network === network && entry.sighting.interface === interfaceName) count += 1;
    return count;
  }

  private hasRoomFor({ network, source }: Entry): boolean {
    let ofSource = 0;
    for (const entry of this.entries.values()) {
      if (entry.source === source && entry.network === network) ofSource += 1;
    }
    return ofSource < MAX_PER_SOURCE && this.entries.size < MAX_ENTRIES;
  }
}

const keyOf = (network: string, peer: string, interfaceName: string): string =>
  `${network} ${peer} ${interfaceName}`;
