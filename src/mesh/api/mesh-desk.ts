import type { Membership } from "../../identity/index.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import { DeskMembers } from "./desk-members.ts";
import { DeskNaming } from "./desk-naming.ts";
import type { DeskNetwork, MeshDeskOptions } from "./desk-network.ts";
import { messageOf, refused, refusedLater } from "./desk-refusal.ts";
import { DeskStreams } from "./desk-streams.ts";
import { DeskTunnels } from "./desk-tunnels.ts";
import {
  type MeshControl,
  MeshError,
  type NetworkStatus,
  type PeerStatus,
  type TraceStep,
} from "./mesh-control.ts";
import { type Listener, MeshEars } from "./mesh-ears.ts";
import { networkStatus, peersOf, traceOf } from "./mesh-status.ts";

/** Answers what programs, the command line and the operator's page ask of the mesh. */
export class MeshDesk implements MeshControl {
  private readonly ears: MeshEars;
  private readonly naming: DeskNaming;
  private readonly members: DeskMembers;
  private readonly tunnelDesk: DeskTunnels;
  private readonly streams: DeskStreams;

  constructor(private readonly options: MeshDeskOptions) {
    this.ears = new MeshEars(options.network);
    this.naming = new DeskNaming(options);
    this.members = new DeskMembers(options, this.naming);
    this.tunnelDesk = new DeskTunnels(options, this.naming);
    this.streams = new DeskStreams(this.naming);
  }

  // Each of these is told at the desk that it is of.

  readonly invite: MeshControl["invite"] = (...asked) => this.members.invite(...asked);
  readonly invites: MeshControl["invites"] = (...asked) => this.members.invites(...asked);
  readonly revoke: MeshControl["revoke"] = (...asked) => this.members.revoke(...asked);
  readonly revokeInvite: MeshControl["revokeInvite"] = (...asked) => this.members.revokeInvite(...asked);
  readonly rotate: MeshControl["rotate"] = (...asked) => this.members.rotate(...asked);
  readonly tunnels: MeshControl["tunnels"] = () => this.tunnelDesk.tunnels();
  readonly openTunnel: MeshControl["openTunnel"] = (...asked) => this.tunnelDesk.openTunnel(...asked);
  readonly welcomeTunnel: MeshControl["welcomeTunnel"] = (...asked) =>
    this.tunnelDesk.welcomeTunnel(...asked);
  readonly closeTunnel: MeshControl["closeTunnel"] = (...asked) => this.tunnelDesk.closeTunnel(...asked);

  readonly leadTunnel: MeshControl["leadTunnel"] = (...asked) => this.tunnelDesk.lead(...asked);

  readonly exchange: MeshControl["exchange"] = (...asked) => this.streams.exchange(...asked);

  /** A network runs (again): those who listen to it go on listening. */
  began(network: DeskNetwork): void {
    this.ears.began(network);
  }

  networks(): NetworkStatus[] {
    return this.options.memberships.list().map((membership) => this.statusOf(membership));
  }

  peers(name?: string): PeerStatus[] {
    const memberships =
      name === undefined || name === "" ? this.options.memberships.list() : [this.naming.membership(name)];
    return memberships.flatMap((membership) => {
      const network = this.options.network(membership.id);
      return network ? peersOf(network, this.options.monotonicMs()) : [];
    });
  }

  async found(name: string): Promise<NetworkStatus> {
    const membership = refused(() => this.options.memberships.found(name, this.options.boxName));
    this.options.told("network-founded", name);
    await this.options.begin(membership);
    return this.statusOf(membership);
  }

  async join(link: string): Promise<NetworkStatus> {
    const { membership, outcome } = refused(() => this.options.memberships.join(link, this.options.boxName));
    this.options.told("network-joined", membership.name, { outcome });
    await this.run(membership);
    return this.statusOf(membership);
  }

  async leave(name: string): Promise<void> {
    const membership = this.naming.membership(name);
    await this.options.end(membership.id);
    this.options.memberships.leave(membership.id);
    this.options.told("network-left", membership.name);
  }

  async exportKeys(passphrase: string): Promise<Uint8Array> {
    const file = await refusedLater(this.options.memberships.exportTo(passphrase));
    this.options.told("keys-exported", "");
    return file;
  }

  async importKeys(file: Uint8Array, passphrase: string): Promise<string[]> {
    const { memberships, told } = this.options;
    const report = await refusedLater(memberships.importFrom(file, passphrase));
    told("keys-imported", "", { ...report });
    for (const id of [...report.added, ...report.merged]) {
      const membership = memberships.get(id);
      if (membership) await this.run(membership);
    }
    const [problem] = report.refused;
    if (problem && report.added.length + report.merged.length === 0)
      throw new MeshError(`${problem.network}: ${problem.why}`, "wrong");
    return [...report.added, ...report.merged].map((id) => memberships.get(id)?.name ?? id);
  }

  async send({ network: name, peer, channel, body, options }: Parameters<MeshControl["send"]>[0]) {
    const network = this.naming.running(this.naming.membership(name));
    const id = this.naming.peerIn(network, peer);
    const startedMs = this.options.monotonicMs();
    try {
      await network.send(id, channel, body, options);
    } catch (error) {
      throw new MeshError(messageOf(error), "failed");
    }
    return { peer: id, tookMs: Math.round((this.options.monotonicMs() - startedMs) * 10) / 10 };
  }

  async publish(name: string, topic: string, body: Uint8Array): Promise<void> {
    await this.naming.running(this.naming.membership(name)).engine.publish(topic, body);
  }

  listen(what: { network: string; channel?: string; topic?: string }, heard: Listener): () => void {
    const { id } = this.naming.membership(what.network);
    const hearing = {
      network: id,
      isTopic: what.topic !== undefined,
      name: what.topic ?? what.channel ?? "",
    };
    return this.ears.listen(hearing, heard);
  }

  async trace(name: string, peer: string): Promise<TraceStep[]> {
    const network = this.naming.running(this.naming.membership(name));
    const id = this.naming.peerIn(network, peer);
    await network.reachNow(id);
    return traceOf(network, id);
  }

  /** Begins it where it does not run, or runs with another key: put out and invited anew, this box has a new one. */
  private async run(membership: Membership): Promise<void> {
    const running = this.options.network(membership.id);
    if (running && !isSameKey(publicKeyOf(running.peer), membership.publicKey))
      await this.options.end(membership.id);
    await this.options.begin(membership);
  }

  private statusOf(membership: Membership): NetworkStatus {
    const { network, troubleOf } = this.options;
    return networkStatus(membership, network(membership.id), troubleOf(membership.id));
  }
}

const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);
