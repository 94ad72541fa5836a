import type { Logger } from "../../host/log.ts";
import { tryRun } from "../../host/run.ts";
import { Supervised } from "../../host/supervise.ts";
import { parseEstablishedPeers, parsePeerEvent } from "./peer-events.ts";

export interface PeerWatchOptions {
  runFolder: string;
  log: Logger;
  /** The link to a peer that stood is gone; `isLast` when no other peer of this radio is left. */
  lost(name: string, isLast: boolean): void;
  /** A station that may become a peer was made. */
  came(name: string): void;
}

/** Knows which peers each radio of the mesh has, and tells at once of those whose link has ended (iw(8), event). */
export class PeerWatch {
  private readonly events: Supervised;
  private readonly established = new Map<string, Set<string>>();

  constructor(private readonly options: PeerWatchOptions) {
    this.events = new Supervised({
      name: "peer-events",
      command: ["iw", "event"],
      runFolder: options.runFolder,
      log: options.log,
      onLine: (line) => this.take(line),
    });
  }

  start(): Promise<void> {
    return this.events.start();
  }

  async stop(): Promise<void> {
    await this.events.stop();
    this.established.clear();
  }

  /** Why it does not run as it should. */
  get trouble(): string | undefined {
    return this.events.trouble;
  }

  /** How many peers it had at the last look. */
  peersOf(name: string): number {
    return this.established.get(name)?.size ?? 0;
  }

  /** Looks which peers the radios have; others are forgotten. */
  async look(radios: readonly string[]): Promise<void> {
    for (const name of [...this.established.keys()])
      if (!radios.includes(name)) this.established.delete(name);
    for (const name of radios) {
      const { exitCode, stdout } = await tryRun(["iw", "dev", name, "station", "dump"]);
      // Gone meanwhile, or no radio: nothing to be told of.
      if (exitCode === 0) this.established.set(name, new Set(parseEstablishedPeers(stdout)));
    }
  }

  /** A line of `iw event`. Public for tests. */
  take(line: string): void {
    const event = parsePeerEvent(line);
    if (event === undefined) return;
    if (event.what === "new") {
      this.options.came(event.interface);
      return;
    }
    const peers = this.established.get(event.interface);
    // A station that never became a peer is made and removed again and again.
    if (!peers?.delete(event.peer)) return;
    this.options.lost(event.interface, peers.size === 0);
  }
}
