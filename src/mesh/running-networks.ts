import type { Timers } from "../host/timers.ts";
import type { Membership, Memberships } from "../identity/index.ts";
import type { MeshState } from "./mesh-state.ts";
import type { Network } from "./network/network.ts";

export interface RunningNetworksOptions {
  /** The first of the ports that networks may have. */
  firstPort: number;
  memberships: Memberships;
  state: MeshState;
  /** Makes one that has not started. @param slot which of the box's it is, by its port: 0 for the first */
  make: (membership: Membership, port: number, slot: number) => Promise<Network>;
  began: (network: Network) => void;
  /** Before it stops. */
  ended: (id: string) => void;
  /** There are others than before. */
  changed: () => void;
  timers: Timers;
}

/** Each network takes a port for TCP and UDP, and the next for WebSockets. */
const PORTS_A_NETWORK = 2;
const PORTS_TRIED = 40;
const RETRY_MS = 10_000;

/** The networks that run, each at ports of its own. What cannot begin is tried again. */
export class RunningNetworks {
  private readonly running = new Map<string, Network>();
  private readonly troubles = new Map<string, string>();
  private readonly retries = new Map<string, () => void>();
  /** Networks begin and end one after the other: their ports are given out so, and none begins twice. */
  private turn: Promise<void> = Promise.resolve();
  private isOpen = false;

  constructor(private readonly options: RunningNetworksOptions) {}

  /** From now on they may begin. */
  open(): void {
    this.isOpen = true;
  }

  /** Ends all, and what is beginning just now; none begins any more. */
  async close(): Promise<void> {
    this.isOpen = false;
    for (const callOff of this.retries.values()) callOff();
    this.retries.clear();
    await this.inTurn(async () => {
      await Promise.all([...this.running.keys()].map((id) => this.endNow(id)));
    });
  }

  get(id: string): Network | undefined {
    return this.running.get(id);
  }

  all(): Network[] {
    return [...this.running.values()];
  }

  /** Why a network does not run, in words. */
  troubleOf(id: string): string | undefined {
    return this.troubles.get(id);
  }

  /** What is wrong with the first that does not run. */
  trouble(): string | undefined {
    const [first] = this.troubles.values();
    return first;
  }

  /** Runs a network that the box belongs to. */
  begin(membership: Membership): Promise<void> {
    return this.inTurn(() => this.beginNow(membership));
  }

  end(id: string): Promise<void> {
    return this.inTurn(() => this.endNow(id));
  }

  private inTurn(task: () => Promise<void>): Promise<void> {
    const done = this.turn.then(task);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private async beginNow(membership: Membership): Promise<void> {
    const { firstPort, memberships, state, make, began, changed } = this.options;
    const { id } = membership;
    // It may have been left while it waited for the next try, or the box may stop.
    const isWanted = () => this.isOpen && memberships.get(id) === membership;
    if (!isWanted() || this.running.has(id)) return;
    let problem = "";
    for (const port of this.portsFor(id)) {
      if (!isWanted()) return;
      const network = await make(membership, port, Math.floor((port - firstPort) / PORTS_A_NETWORK));
      try {
        await network.start();
        this.running.set(id, network);
        const all = memberships.list().map((one) => one.id);
        state.remember(id, port, all);
        this.troubles.delete(id);
        began(network);
        changed();
        return;
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        await network.stop().catch(() => undefined);
      }
    }
    this.troubles.set(id, `${membership.name} does not run: ${problem}`);
    this.tryLater(membership);
  }

  private async endNow(id: string): Promise<void> {
    const { ended, changed } = this.options;
    const network = this.running.get(id);
    if (network) ended(id);
    this.running.delete(id);
    this.troubles.delete(id);
    changed();
    await network?.stop();
    changed();
  }

  private tryLater(membership: Membership): void {
    this.retries.get(membership.id)?.();
    const callOff = this.options.timers.after(RETRY_MS, () => {
      this.retries.delete(membership.id);
      void this.begin(membership);
    });
    this.retries.set(membership.id, callOff);
  }

  /** The configured ones that no other network of this box has: first the one that it had, last those that others had. */
  private portsFor(id: string): number[] {
    const { firstPort, memberships, state } = this.options;
    const taken = new Set(this.all().map(({ ports }) => ports.udp));
    const free = Array.from(
      { length: PORTS_TRIED },
      (_, index) => firstPort + index * PORTS_A_NETWORK,
    ).filter((port) => port < 65_535 && !taken.has(port));
    const had = state.ports;
    const others = new Set(
      memberships.list().flatMap((one) => (one.id === id ? [] : (had.get(one.id) ?? []))),
    );
    const rank = (port: number) => (port === had.get(id) ? 0 : others.has(port) ? 2 : 1);
    return free.sort((a, b) => rank(a) - rank(b) || a - b);
  }
}
