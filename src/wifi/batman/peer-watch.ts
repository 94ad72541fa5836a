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
  private isListening = false;
  private readonly established = new Map<string, Set<string>>();

  constructor(private readonly options: PeerWatchOptions) {
    this.events = new Supervised({
      name: "peer-events",
      command: ["iw", "event"],
      runFolder: options.runFolder,
      log: options.log,
      onLine: (line) => this.read(line),
    });
  }

  async stop(): Promise<void> {
    if (this.isListening) await this.events.stop();
    this.isListening = false;
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

  /** Looks which peers the radios have; others are forgotten. Listens from the first radio on: without one iw may not even start. */
  async look(radios: readonly string[]): Promise<void> {
    if (radios.length > 0 && !this.isListening) {
      this.isListening = true;
      await this.events.start();
    }
    for (const name of [...this.established.keys()])
      if (!radios.includes(name)) this.established.delete(name);
    for (const name of radios) {
      const { exitCode, stdout } = await tryRun(["iw", "dev", name, "station", "dump"]);
      // Gone meanwhile, or no radio: nothing to be told of.
      if (exitCode === 0) this.take(name, new Set(parseEstablishedPeers(stdout)));
    }
  }

  /** What a look has shown, which may know of a loss before its event is read. */
  private take(name: string, peers: Set<string>): void {
    const before = this.established.get(name) ?? new Set();
    this.established.set(name, peers);
    if ([...before].some((peer) => !peers.has(peer))) this.options.lost(name, peers.size === 0);
  }

  /** A line of `iw event`. Public for tests. */
  read(line: string): void {
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
