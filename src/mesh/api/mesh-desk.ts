import { CertificateError, type Membership, type Memberships, StatementError } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { publicKeyOf } from "../engine/peer-id.ts";
import type { DeskNetwork } from "./desk-network.ts";
import {
  type InviteRequest,
  type MeshControl,
  MeshError,
  type NetworkStatus,
  type PeerStatus,
  type TraceStep,
  type TunnelRequest,
  type TunnelView,
} from "./mesh-control.ts";
import { type Listener, MeshEars } from "./mesh-ears.ts";
import { networkStatus, peersOf, traceOf } from "./mesh-status.ts";

export interface MeshDeskOptions {
  memberships: Memberships;
  boxName: string;
  network: (id: string) => DeskNetwork | undefined;
  troubleOf: (id: string) => string | undefined;
  begin: (membership: Membership) => Promise<void>;
  end: (id: string) => Promise<void>;
  /** Something for the journal. */
  told: (kind: string, subject: string, detail?: Record<string, unknown>) => void;
  monotonicMs: () => number;
}

const MAX_INVITE_PEERS = 3;
const TUNNEL_TIMEOUT_MS = 20_000;

/** Answers what programs, the command line and the operator's page ask of the mesh. */
export class MeshDesk implements MeshControl {
  private readonly ears: MeshEars;

  constructor(private readonly options: MeshDeskOptions) {
    this.ears = new MeshEars(options.network);
  }

  /** A network runs (again): those who listen to it go on listening. */
  began(network: DeskNetwork): void {
    this.ears.began(network);
  }

  networks(): NetworkStatus[] {
    return this.options.memberships.list().map((membership) => this.statusOf(membership));
  }

  peers(name?: string): PeerStatus[] {
    const memberships =
      name === undefined || name === "" ? this.options.memberships.list() : [this.membership(name)];
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
    const membership = this.membership(name);
    await this.options.end(membership.id);
    this.options.memberships.leave(membership.id);
    this.options.told("network-left", membership.name);
  }

  invite(name: string, { role, once, hours }: InviteRequest): { link: string; bootstrap: number } {
    const membership = this.membership(name);
    const peers = this.options.network(membership.id)?.bootstrapPeers(MAX_INVITE_PEERS) ?? [];
    const link = refused(() =>
      // Rounded up: 0 seconds would be for ever.
      membership.invite({ role, uses: once ? 1 : 0, expiresS: Math.ceil(hours * 3_600), peers }),
    );
    this.options.told("invited", membership.name, { role, once, hours });
    return { link, bootstrap: peers.length };
  }

  async revoke(name: string, peer: string, why: string): Promise<{ inviteClosed: boolean }> {
    const membership = this.membership(name);
    const network = this.running(membership);
    const id = this.memberIn(network, peer);
    const chain = network.directory.get(id)?.record.chain;
    const out = refused(() => membership.revoke(publicKeyOf(id), "out", why));
    const closing = chain && unlessUnknown(() => membership.closeInviteOf(chain));
    for (const statement of [out, ...(closing ? [closing] : [])]) network.tellStatement(statement);
    this.options.told("revoked", id, { network: membership.name, why });
    return { inviteClosed: closing !== undefined };
  }

  async rotate(name: string): Promise<void> {
    const membership = this.membership(name);
    const statement = refused(() => membership.rotate());
    this.options.network(membership.id)?.tellStatement(statement);
    this.options.told("shared-key-changed", membership.name);
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
    const network = this.running(this.membership(name));
    const id = this.peerIn(network, peer);
    const startedMs = this.options.monotonicMs();
    try {
      await network.send(id, channel, body, options);
    } catch (error) {
      throw new MeshError(messageOf(error), "failed");
    }
    return { peer: id, tookMs: Math.round((this.options.monotonicMs() - startedMs) * 10) / 10 };
  }

  async publish(name: string, topic: string, body: Uint8Array): Promise<void> {
    await this.running(this.membership(name)).engine.publish(topic, body);
  }

  listen(what: { network: string; channel?: string; topic?: string }, heard: Listener): () => void {
    const { id } = this.membership(what.network);
    const hearing = {
      network: id,
      isTopic: what.topic !== undefined,
      name: what.topic ?? what.channel ?? "",
    };
    return this.ears.listen(hearing, heard);
  }

  async trace(name: string, peer: string): Promise<TraceStep[]> {
    const network = this.running(this.membership(name));
    const id = this.peerIn(network, peer);
    await network.reachNow(id);
    return traceOf(network, id);
  }

  tunnels(): TunnelView[] {
    return this.options.memberships
      .list()
      .flatMap(({ id }) =>
        (this.options.network(id)?.tunnels?.status() ?? []).map((tunnel) => ({ ...tunnel, network: id })),
      );
  }

  async openTunnel({ network: name, peer, purpose, device, lifetimeMs }: TunnelRequest): Promise<TunnelView> {
    const { network, tunnels } = this.tunnelsOf(name);
    const id = this.peerIn(network, peer);
    const options = { purpose, device, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
    try {
      // Introduced over the control channel, which has to be there first.
      await network.reachNow(id);
      const status = await tunnels.open(id, options, TUNNEL_TIMEOUT_MS);
      this.options.told("tunnel-opened", id, { network: network.membership.name, purpose });
      return { ...status, network: network.membership.id };
    } catch (error) {
      throw new MeshError(messageOf(error), "failed");
    }
  }

  welcomeTunnel({ network: name, peer, ...rest }: Omit<TunnelRequest, "peer"> & { peer?: string }): string {
    const { network, tunnels } = this.tunnelsOf(name);
    const { purpose, device, lifetimeMs } = rest;
    return refused(() =>
      tunnels.welcome({
        purpose,
        device,
        ...(peer === undefined ? {} : { peer: this.peerIn(network, peer) }),
        ...(lifetimeMs === undefined ? {} : { lifetimeMs }),
      }),
    );
  }

  async closeTunnel(name: string, id: string): Promise<void> {
    await this.tunnelsOf(name).tunnels.close(id);
  }

  private tunnelsOf(name: string) {
    const network = this.running(this.membership(name));
    const { tunnels } = network;
    if (!tunnels) throw new MeshError("this box runs without the rights that tunnels need", "failed");
    return { network, tunnels };
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

  /** By id or name; "" or "-" where there is one alone. */
  private membership(name: string): Membership {
    const all = this.options.memberships.list();
    if (name === "" || name === "-") {
      const [only, ...others] = all;
      if (!only) throw new MeshError("this box belongs to no network", "unknown");
      if (others.length === 0) return only;
      throw new MeshError(`network: this box is in several: ${all.map((one) => one.name).join(", ")}`);
    }
    const matching = all.filter((one) => one.id === name || one.name === name);
    const [first, ...others] = matching;
    if (!first) throw new MeshError(`network: ${name} is none of this box's`, "unknown");
    if (others.length > 0) throw new MeshError(`network: several are called ${name}; use an id`);
    return first;
  }

  private running(membership: Membership): DeskNetwork {
    const network = this.options.network(membership.id);
    if (network) return network;
    throw new MeshError(this.options.troubleOf(membership.id) ?? `${membership.name} does not run`, "failed");
  }

  private peerIn(network: DeskNetwork, text: string): PeerId {
    const found = network.directory.find(text)?.peer;
    if (found !== undefined) return found;
    if (network.connectedPeers().has(text)) return text;
    throw new MeshError(`peer: no member, or several, are called ${text}`, "unknown");
  }

  /** Also one that nobody has heard of for long, by its whole peer id; not this box itself. */
  private memberIn(network: DeskNetwork, text: string): PeerId {
    const id = isPeerId(text) ? text : this.peerIn(network, text);
    if (id === network.peer) throw new MeshError("peer: that is this box itself; leave the network instead");
    return id;
  }
}

function isPeerId(text: string): boolean {
  try {
    publicKeyOf(text);
    return true;
  } catch {
    return false;
  }
}

const isSameKey = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What identity refuses is what whoever asked did wrong. */
function refused<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new MeshError(messageOf(error), "wrong");
  }
}

/** Whoever is put out is out and the others are told, also where the invite that it came by cannot be closed. */
function unlessUnknown<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof CertificateError || error instanceof StatementError) return undefined;
    throw new MeshError(messageOf(error), "wrong");
  }
}

async function refusedLater<T>(action: Promise<T>): Promise<T> {
  try {
    return await action;
  } catch (error) {
    throw new MeshError(messageOf(error), "wrong");
  }
}
