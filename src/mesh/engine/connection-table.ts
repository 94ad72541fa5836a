import type { Connection } from "@libp2p/interface";
import type { Timers } from "../../host/timers.ts";
import type { Member } from "../../identity/index.ts";
import type { CheckedMembers } from "./checked-members.ts";
import { byPreference, connectionFacts } from "./connection-facts.ts";
import type { EngineEmitter } from "./engine-events.ts";
import type { EngineConnection, PeerId } from "./engine-interface.ts";

export interface Entry {
  connection: Connection;
  facts: EngineConnection;
}

/** The connections that are up, with who is at their other end. Tells when they come and go. */
export class ConnectionTable {
  private readonly entries = new Map<string, Entry>();

  constructor(
    private readonly members: CheckedMembers,
    private readonly events: EngineEmitter,
    private readonly timers: Timers,
  ) {}

  opened(connection: Connection): void {
    const peer = connection.remotePeer.toString();
    const member = this.members.get(peer);
    // The gater lets none in that is no member; one whose membership ended in this instant goes.
    if (member === undefined || connection.status !== "open") {
      connection.abort(new Error("no member"));
      return;
    }
    const isFirst = this.of(peer).length === 0;
    const facts = connectionFacts(connection, member, this.timers.monotonicMs());
    this.entries.set(connection.id, { connection, facts });
    if (isFirst) this.events.emit("joined", peer, member);
    this.events.emit("opened", facts);
  }

  closed(connection: Connection): void {
    const entry = this.entries.get(connection.id);
    if (entry === undefined) return;
    this.entries.delete(connection.id);
    this.events.emit("closed", entry.facts);
    const { peer } = entry.facts;
    if (this.of(peer).length === 0) this.events.emit("left", peer);
  }

  get(id: string): Entry | undefined {
    return this.entries.get(id);
  }

  /** Whether a peer is connected. */
  has(peer: PeerId): boolean {
    for (const { facts } of this.entries.values()) if (facts.peer === peer) return true;
    return false;
  }

  all(): readonly Entry[] {
    return [...this.entries.values()];
  }

  /** A peer's, the best first. */
  of(peer: PeerId): readonly Entry[] {
    return this.all()
      .filter(({ facts }) => facts.peer === peer)
      .sort((a, b) => byPreference(a.facts, b.facts));
  }

  memberAt(connection: Connection): Member | undefined {
    return this.members.get(connection.remotePeer.toString());
  }
}
