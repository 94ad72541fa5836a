import type { BootstrapPeer, Membership } from "../../identity/index.ts";
import type { Directory } from "../directory/directory.ts";
import { dialableAddresses } from "../discovery/dial-policy.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { Engine, PeerId } from "../engine/engine-interface.ts";
import { peerIdOf } from "../engine/peer-id.ts";
import type { Paths } from "../paths/paths.ts";
import { bootstrapOf } from "./bootstrap.ts";
import { hostOf } from "./connection-care.ts";
import { relayOrder } from "./relay-order.ts";
import type { WayKeeper } from "./way-keeper.ts";

export interface WhereaboutsOptions {
  engine: Pick<Engine, "connections">;
  paths: Pick<Paths, "status" | "isReachable">;
  directory: Directory;
  ways: Pick<WayKeeper, "nat" | "told" | "sightedAt">;
  membership: Pick<Membership, "peers">;
  interfaces: () => readonly LocalInterface[];
  ports: () => { tcp: number; ws: number };
  /** Networks where nobody of the mesh is, with prefix length. */
  forbidden: readonly string[];
  loopback: boolean;
}

const STUN_SERVERS = 3;

/** Where the members of a network are, as far as this box knows: by whom and by which addresses each is reached. */
export class Whereabouts {
  constructor(private readonly options: WhereaboutsOptions) {}

  /** Members with a connection. */
  connected(): Set<PeerId> {
    return new Set(this.options.engine.connections().map(({ peer }) => peer));
  }

  /** Members with which datagrams pass. */
  reachable(): PeerId[] {
    const { directory, paths } = this.options;
    const peers = new Set([...directory.all().map(({ peer }) => peer), ...this.connected()]);
    return [...peers].filter((peer) => paths.isReachable(peer));
  }

  /** Multiaddrs to dial, the way that datagrams take now first. */
  addressesOf(peer: PeerId): string[] {
    const { ways, directory, membership, interfaces, forbidden, ports, loopback } = this.options;
    const host = this.chosenHost(peer);
    const { tcp, ws } = ports();
    // What members say of themselves is not to make this box attack somebody; what an invite says is the operator's.
    const told = dialableAddresses([...ways.told(peer), ...(directory.get(peer)?.record.addresses ?? [])], {
      interfaces: interfaces(),
      forbidden,
      ownPorts: [tcp, ws],
      loopback,
    });
    const invited = bootstrapOf(membership.peers()).get(peer) ?? [];
    const all = new Set([...ways.sightedAt(peer), ...told, ...invited]);
    return [...all].sort((a, b) => Number(hostOf(b) === host) - Number(hostOf(a) === host));
  }

  /** Where datagrams to the peer go now, if they go straight. */
  chosenHost(peer: PeerId): string | undefined {
    const chosen = this.options.paths.status(peer).find((path) => path.chosen && path.target.by === "udp");
    return chosen?.target.by === "udp" ? chosen.target.endpoint.address : undefined;
  }

  /** By which relays a peer may be reached, the likeliest first. */
  relaysTo(peer: PeerId): PeerId[] {
    const { engine, directory } = this.options;
    const straight = engine.connections().filter(({ kind }) => kind !== "circuit");
    return relayOrder({
      reachedBy: directory.get(peer)?.record.reachedBy.map(peerIdOf) ?? [],
      relays: new Set(directory.all().flatMap((entry) => (entry.record.relays ? [entry.peer] : []))),
      straight: new Set(straight.map((connection) => connection.peer)),
      rank: this.byRank,
    });
  }

  /** Members that relay and with which datagrams pass, the best reached first. */
  relays(): PeerId[] {
    const { directory } = this.options;
    return this.reachable()
      .filter((peer) => directory.get(peer)?.record.relays === true)
      .sort(this.byRank);
  }

  /** Better reached by others, and so the better relay, first. */
  readonly byRank = (a: PeerId, b: PeerId): number => this.rank(b) - this.rank(a);

  /** Members to begin with, for an invite, the best reached first. */
  wellReached(): BootstrapPeer[] {
    return this.options.directory
      .all()
      .filter(({ record }) => record.nat === "open" && record.addresses.length > 0)
      .sort((a, b) => this.byRank(a.peer, b.peer))
      .map(({ record }) => ({ publicKey: record.publicKey, addresses: record.addresses.slice(0, 2) }));
  }

  /** Connected members with their addresses, to be remembered for after a restart. */
  met(): BootstrapPeer[] {
    return [...this.connected()].flatMap((peer) => {
      const record = this.options.directory.get(peer)?.record;
      if (!record || record.addresses.length === 0) return [];
      return [{ publicKey: record.publicKey, addresses: record.addresses }];
    });
  }

  /** Peers whose UDP port answers STUN, for WebRTC: "stun:host:port". */
  stunServers(): string[] {
    const { ways, paths } = this.options;
    const servers = [...this.connected()].flatMap((peer) => {
      if (ways.nat(peer) !== "open") return [];
      const path = paths.status(peer).find(({ state, target }) => state === "good" && target.by === "udp");
      if (path?.target.by !== "udp" || path.target.endpoint.address.includes("%")) return [];
      const { address, port } = path.target.endpoint;
      return [`stun:${address.includes(":") ? `[${address}]` : address}:${port}`];
    });
    return servers.slice(0, STUN_SERVERS);
  }

  private rank(peer: PeerId): number {
    const record = this.options.directory.get(peer)?.record;
    const isPublic = record?.nat === "open" ? 2 : 0;
    return isPublic + Math.min(1, (record?.addresses.length ?? 0) / 16);
  }
}
