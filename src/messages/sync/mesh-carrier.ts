import { isMetered, type MeshNetwork, type MeshNetworks, messagesNetwork } from "./mesh-streams.ts";
import { MeshSync, type MeshSyncOptions, type NeighbourStatus } from "./mesh-sync.ts";

export interface MeshCarrierOptions<N extends MeshNetwork>
  extends Omit<MeshSyncOptions, "engine" | "isMetered"> {
  networks: MeshNetworks<N>;
  /** The networks that this box belongs to, the one that it joined first at the beginning. */
  memberships: () => readonly { id: string; name: string }[];
  /** `messages.network` of the configuration. */
  wanted: string;
  /** Another network carries now, or none. */
  changed?: () => void;
}

/** Carries bundles over the mesh: in the one network that the operator has named for it, whenever that runs. */
export class MeshCarrier<N extends MeshNetwork = MeshNetwork> {
  private readonly running = new Map<string, { network: N; sync: MeshSync }>();
  /** The id of the network that carries. */
  private carrying: string | undefined;
  private turn: Promise<void> = Promise.resolve();
  private end: () => void = () => {};

  constructor(private readonly options: MeshCarrierOptions<N>) {}

  start(): void {
    this.end = this.options.networks.onNetworks({
      began: (network) => {
        const { networks: _, memberships: __, wanted: ___, changed: ____, ...options } = this.options;
        const { engine, membership } = network;
        const sync = new MeshSync({ ...options, engine, isMetered: (peer) => isMetered(network, peer) });
        this.running.set(membership.id, { network, sync });
        this.choose();
      },
      ended: (id) => {
        const ended = this.running.get(id);
        this.running.delete(id);
        if (this.carrying === id) this.carrying = undefined;
        this.inTurn(async () => ended?.sync.stop());
        this.choose();
      },
    });
  }

  async stop(): Promise<void> {
    this.end();
    const all = [...this.running.values()];
    this.running.clear();
    this.carrying = undefined;
    this.inTurn(async () => void (await Promise.all(all.map(({ sync }) => sync.stop()))));
    await this.turn;
  }

  /** The network that carries; undefined while none does. */
  get network(): N | undefined {
    return this.current?.network;
  }

  /** The id of the network that is to carry, whether it runs or not. */
  get wantedId(): string | undefined {
    return messagesNetwork(this.options.memberships(), this.options.wanted);
  }

  neighbours(): NeighbourStatus[] {
    return this.current?.sync.neighbours() ?? [];
  }

  private get current() {
    return this.carrying === undefined ? undefined : this.running.get(this.carrying);
  }

  private choose(): void {
    const id = this.wantedId;
    if (id === this.carrying) return;
    const [before, next] = [this.current, id === undefined ? undefined : this.running.get(id)];
    this.carrying = next && id;
    this.inTurn(async () => {
      await before?.sync.stop();
      // It may have ended while the other was stopping.
      if (next && this.current === next) next.sync.start();
      this.options.changed?.();
    });
  }

  private inTurn(task: () => Promise<void>): void {
    this.turn = this.turn
      .then(task)
      .catch((error) => this.options.log.error({ error }, "the carrying of bundles did not end cleanly"));
  }
}
