import { fingerprint, type Membership } from "../../identity/index.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import { endpointText } from "../paths/endpoint.ts";
import type { PathStatus } from "../paths/paths-interface.ts";
import type { DeskNetwork } from "./desk-network.ts";
import type { NetworkStatus, PeerStatus, TraceStep } from "./mesh-control.ts";

/** @param network undefined while it does not run; then `trouble` says why */
export function networkStatus(
  membership: Membership,
  network: DeskNetwork | undefined,
  trouble: string | undefined,
): NetworkStatus {
  const problem = membership.problem ?? trouble;
  const { role, expiresAt } = membership.self;
  const mapped = network?.nat.mapped;
  const relay = network?.paths.stats().relay;
  return {
    id: membership.id,
    name: membership.name,
    words: fingerprint(membership.networkKey),
    self: { peer: network?.peer ?? "", words: fingerprint(membership.publicKey), role, expiresAt },
    ...(network ? { ports: network.ports } : {}),
    ...(problem === undefined ? {} : { trouble: problem }),
    nat: network?.nat.kind ?? "unknown",
    seenAs: mapped ? endpointText(mapped) : "",
    canInvite: membership.invitable.includes("box"),
    canRevoke: membership.canRevoke,
    known: network?.directory.size ?? 0,
    connected: network?.connectedPeers().size ?? 0,
    relayed: {
      boxes: relay?.byPeer.length ?? 0,
      bytes: relay?.forwardedBytes ?? 0,
      dropped: (relay?.overQuota ?? 0) + (relay?.notSent ?? 0),
    },
  };
}

/** The connected first, then by name. */
export function peersOf(network: DeskNetwork, nowMs: number): PeerStatus[] {
  const { membership, directory, engine, paths } = network;
  const connected = network.connectedPeers();
  const known = directory.all().map(
    ({ peer, member, record, heardAtMs }): PeerStatus => ({
      network: membership.id,
      peer,
      name: record.name || member.name,
      role: member.role,
      words: fingerprint(member.publicKey),
      connected: connected.has(peer) || paths.isReachable(peer),
      streams: engine.connections(peer).map(({ kind }) => kind),
      paths: paths.status(peer),
      nat: record.nat,
      relays: record.relays,
      services: record.services,
      ...(record.capability ? { capability: record.capability } : {}),
      load: record.load,
      heardSecondsAgo: Math.round((nowMs - heardAtMs) / 1000),
    }),
  );
  return known.sort(
    (a, b) =>
      Number(b.connected) - Number(a.connected) || a.name.localeCompare(b.name) || (a.peer < b.peer ? -1 : 1),
  );
}

/** Every way to a peer, as it is now. */
export function traceOf({ directory, paths }: DeskNetwork, peer: PeerId): TraceStep[] {
  const nameOf = (one: PeerId) => directory.get(one)?.record.name || one;
  return paths.status(peer).map((path) => ({
    kind: path.kind,
    via: viaText(path, nameOf),
    chosen: path.chosen,
    ...(path.rttMs === undefined ? {} : { rttMs: path.rttMs }),
    result: path.state,
  }));
}

function viaText({ target, interface: name }: PathStatus, nameOf: (peer: PeerId) => string): string {
  const by = name === undefined ? "" : ` by ${name}`;
  if (target.by === "udp") return `${endpointText(target.endpoint)}${by}`;
  if (target.by === "relay") return `through ${nameOf(target.relay)}`;
  return target.by === "lora" ? target.address.toString(16).padStart(6, "0") : "over a stream";
}
