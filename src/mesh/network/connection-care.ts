import { addressScope } from "../discovery/address-policy.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { EngineConnection } from "../engine/engine-interface.ts";
import type { PathStatus } from "../paths/paths-interface.ts";

/** A connection counts, be it for others or against itself, once it has lasted this long. */
const SETTLED_MS = 10_000;
/** Two straight ones over different wires, so that streams have where to go when one dies. */
const MOST_STRAIGHT = 2;
const MOST_CIRCUITS = 2;

/** "10.1.2.3", or "fe80::1%eth0", of a multiaddr. */
export function hostOf(multiaddr: string): string | undefined {
  const [, zone, host] = /^(?:\/ip6zone\/([^/]+))?\/ip[46]\/([^/]+)\//.exec(multiaddr) ?? [];
  if (host === undefined) return undefined;
  return zone === undefined ? host : `${host}%${zone}`;
}

const isStraight = ({ kind }: EngineConnection): boolean => kind === "tcp" || kind === "ws";
const hostOfConnection = ({ remote }: EngineConnection): string | undefined => hostOf(`${remote}/`);

/**
 * Connections to a peer that hang in the dark: datagrams to their host got through, and do so no more, while they do
 * elsewhere. Where UDP never got through, as behind a firewall, its silence says nothing of the connection. Pure.
 */
export function overDeadWays(
  connections: readonly EngineConnection[],
  paths: readonly PathStatus[],
): EngineConnection[] {
  const udp = paths.flatMap((path) =>
    path.target.by === "udp" ? [{ ...path, host: path.target.endpoint.address }] : [],
  );
  if (!udp.some(({ state }) => state === "good")) return [];
  return connections.filter((connection) => {
    const host = isStraight(connection) ? hostOfConnection(connection) : undefined;
    const there = udp.filter((path) => path.host === host);
    const hasDied = there.some(({ state, provenAgoMs }) => state === "dead" && provenAgoMs !== undefined);
    return hasDied && there.every(({ state }) => state === "dead");
  });
}

/** An address that an interface of this box had. */
export interface LostAddress {
  interface: string;
  address: string;
}

/**
 * What interfaces have no more, those that have gone among them. Tunnels have nothing that the mesh sends from: a requester's VPN
 * comes and goes with its leases. Pure.
 */
export function lostAddresses(
  before: readonly LocalInterface[],
  now: readonly LocalInterface[],
): LostAddress[] {
  const plain = ({ addresses }: LocalInterface) => addresses.map((text) => text.split("/")[0] ?? "");
  const isUsed = ({ kind, isLine = false }: LocalInterface) => kind !== "tunnel" || isLine;
  return before.filter(isUsed).flatMap((link) => {
    const kept = now.filter(({ name }) => name === link.name).flatMap(plain);
    return plain(link)
      .filter((address) => !kept.includes(address))
      .map((address) => ({ interface: link.name, address }));
  });
}

/**
 * Connections that were made from an address that is lost: what TCP sends from it reaches nobody, and TCP gives up after
 * minutes. By which address one was made is not told, hence all that left by the interface that had it, and those
 * that may have: WebRTC's, and to hosts to which there was no way any more. They are made anew within moments. Pure.
 * @param interfaceTo the name of the interface by which a host was reached until then
 */
export function overLostAddresses(
  connections: readonly EngineConnection[],
  lost: readonly LostAddress[],
  interfaceTo: (host: string) => string | undefined,
): EngineConnection[] {
  const isLinkLocal = (host: string) => addressScope(host) === "link-local";
  return connections.filter((connection) => {
    if (connection.kind === "webrtc") return lost.some(({ address }) => !isLinkLocal(address));
    const host = isStraight(connection) ? hostOfConnection(connection) : undefined;
    if (host === undefined) return false;
    const [address = "", zone] = host.split("%");
    const by = zone ?? interfaceTo(address);
    return lost.some(
      (one) =>
        (by === undefined || by === one.interface) &&
        address.includes(":") === one.address.includes(":") &&
        isLinkLocal(address) === isLinkLocal(one.address),
    );
  });
}

/**
 * Connections to a peer that add nothing to the others: relayed ones once there is another, which only take places at the
 * relay, and all but two straight ones. What is younger than ten seconds stays, and so do streams that just began. Pure.
 * @param preferredHost where datagrams to the peer go now
 * @param wireOf what a way to a host depends on: two addresses on one wire are one way
 */
export function superfluous(
  connections: readonly EngineConnection[],
  preferredHost: string | undefined,
  nowMs: number,
  wireOf: (host: string) => string,
): EngineConnection[] {
  const settled = connections
    .filter(({ openedMs }) => nowMs - openedMs >= SETTLED_MS)
    .sort((a, b) => b.openedMs - a.openedMs);
  const ofKind = (...kinds: EngineConnection["kind"][]) => settled.filter(({ kind }) => kinds.includes(kind));
  const straight = ofKind("tcp", "ws").sort(
    (a, b) =>
      Number(hostOfConnection(b) === preferredHost) - Number(hostOfConnection(a) === preferredHost) ||
      Number(a.kind === "ws") - Number(b.kind === "ws"),
  );
  const wires = new Set<string>();
  const kept = straight.filter((connection) => {
    const wire = wireOf(hostOfConnection(connection) ?? "");
    if (wires.has(wire) || wires.size >= MOST_STRAIGHT) return false;
    wires.add(wire);
    return true;
  });
  const webrtc = ofKind("webrtc");
  const keptWebrtc = kept.length > 0 ? [] : webrtc.slice(0, 1);
  const isDirect = kept.length + keptWebrtc.length > 0;
  const keptCircuits = isDirect ? [] : ofKind("circuit").slice(0, MOST_CIRCUITS);
  const stays = new Set([...kept, ...keptWebrtc, ...keptCircuits]);
  return settled.filter((connection) => !stays.has(connection));
}
