import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { BundleId } from "./bundle/bundle.ts";
import type { Custody } from "./custody/custody.ts";
import type { OtherBox } from "./custody/handed-over.ts";
import { isMetered, type MeshNetwork, type MeshNetworks, messagesNetwork } from "./sync/mesh-streams.ts";
import { MeshSync } from "./sync/mesh-sync.ts";

/** What is known of a member by its own record. */
export interface MetMember {
  record: { name: string; chain: Uint8Array };
}

/** A network with the records of its members. */
export interface CarryingNetwork extends MeshNetwork {
  readonly directory: { get(peer: string): MetMember | undefined };
}

export interface MeshCarrierOptions {
  networks: MeshNetworks<CarryingNetwork>;
  /** The box's networks, the first that it joined first. */
  memberships: () => readonly { id: string; name: string }[];
  /** Which of them carries messages, by name or id; "": the first. */
  wanted: string;
  custody: Custody;
  handedOver: (id: BundleId, to: OtherBox) => void;
  /** Another network carries messages now, or none. */
  changed: () => void;
  timers: Timers;
  random: () => number;
  log: Logger;
}

export interface MeshNeighbour {
  peer: string;
  name: string;
  waiting: number;
}

/** Bundles by the mesh: with the neighbours in the one network that carries this box's messages. */
export class MeshCarrier {
  private readonly running = new Map<string, CarryingNetwork>();
  private carrying: { network: CarryingNetwork; sync: MeshSync } | undefined;
  private end: () => void = () => {};
  /** One change after the other. */
  private turn: Promise<void> = Promise.resolve();

  constructor(private readonly options: MeshCarrierOptions) {}

  /** The network that carries messages, where it runs. */
  get network(): CarryingNetwork | undefined {
    return this.carrying?.network;
  }

  /** The id of the network that carries messages, whether it runs or not. */
  get networkId(): string | undefined {
    return messagesNetwork(this.options.memberships(), this.options.wanted);
  }

  start(): void {
    this.end = this.options.networks.onNetworks({
      began: (network) => {
        this.running.set(network.membership.id, network);
        this.choose();
      },
      ended: (id) => {
        this.running.delete(id);
        this.choose();
      },
    });
  }

  async stop(): Promise<void> {
    this.end();
    this.running.clear();
    this.choose();
    await this.turn;
  }

  neighbours(): MeshNeighbour[] {
    const { carrying } = this;
    if (carrying === undefined) return [];
    return carrying.sync.neighbours().map(({ peer, toHandOver, toCome }) => ({
      peer,
      name: carrying.network.directory.get(peer)?.record.name ?? peer,
      waiting: toHandOver + toCome,
    }));
  }

  private choose(): void {
    this.turn = this.turn
      .then(() => this.chooseNow())
      .catch((error) => this.options.log.error({ error }, "messages by the mesh"));
  }

  private async chooseNow(): Promise<void> {
    const id = this.networkId;
    const network = id === undefined ? undefined : this.running.get(id);
    if (network === this.carrying?.network) return;
    const before = this.carrying;
    this.carrying = undefined;
    await before?.sync.stop();
    if (network !== undefined) {
      const { custody, handedOver, timers, random, log } = this.options;
      const sync = new MeshSync({
        engine: network.engine,
        custody,
        isMetered: (peer) => isMetered(network, peer),
        handedOver,
        timers,
        random,
        log,
      });
      sync.start();
      this.carrying = { network, sync };
    }
    this.options.changed();
  }
}
