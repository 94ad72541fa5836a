import { isIPv4 } from "node:net";
import { isInPrefix } from "../../host/ip-address.ts";
import type { LocalInterface } from "../discovery/discovery-interface.ts";
import type { NatKind } from "../nat/nat-interface.ts";
import { type Endpoint, endpointText } from "../paths/endpoint.ts";
import type { PathKind, PathOffer, PathTarget } from "../paths/paths-interface.ts";

export interface WayFacts {
  /** Where the peer says that it takes datagrams. */
  endpoints: readonly Endpoint[];
  /** Where it was heard on a link of ours. */
  sighted: readonly { endpoint: Endpoint; interface: string }[];
  interfaces: readonly LocalInterface[];
  /** What stands before this box and before the peer. */
  ownNat: NatKind;
  theirNat: NatKind;
}

/**
 * The straight ways to a peer that are worth a proof: on a link of ours by the interface that it leaves by, anywhere
 * else by the default route. Pure.
 */
export function straightWays(facts: WayFacts): PathOffer[] {
  const { endpoints, sighted, interfaces } = facts;
  const usable = interfaces.filter(({ up, kind }) => up && kind !== "tunnel");
  const offers = new Map<string, PathOffer>();
  for (const { endpoint, interface: name } of sighted) {
    // By IPv4, a datagram leaves by the interface that the kernel takes, wherever the peer was heard.
    const taken = isIPv4(endpoint.address) ? linkTo(endpoint.address, usable) : undefined;
    const on = taken ?? usable.find((one) => one.name === name);
    if (on) offers.set(endpointText(endpoint), offer(kindOn(on), endpoint, on));
  }
  for (const endpoint of endpoints) {
    const key = endpointText(endpoint);
    if (offers.has(key)) continue;
    const on = linkTo(endpoint.address, usable);
    // An address that nobody else has, such as loopback's, is only on loopback.
    if (on) offers.set(key, offer(kindOn(on), endpoint, on));
    else {
      const out = usable.find(({ hasWayOut }) => hasWayOut);
      if (out) offers.set(key, offer(kindBeyond(facts), endpoint, out));
    }
  }
  return withoutTwins([...offers.values()], interfaces);
}

/** The interface by which the kernel reaches an address on a link of ours: of the longest prefix, and not shadowed by another's. */
function linkTo(address: string, usable: readonly LocalInterface[]): LocalInterface | undefined {
  const candidates = usable.flatMap((on) =>
    on.addresses
      .filter((own) => isInPrefix(address, own) && !on.shadowed?.includes(own))
      .map((own) => ({ on, length: Number(own.split("/")[1]) })),
  );
  return candidates.sort((a, b) => b.length - a.length)[0]?.on;
}

/**
 * What a way to a host depends on: the interface where the host is on a link of ours, by whichever of its addresses; else
 * the host itself. Pure.
 * @param host "10.1.2.3", or "fe80::1%eth0"
 */
export function wireOf(host: string, interfaces: readonly LocalInterface[]): string {
  const [address = "", zone] = host.split("%");
  const usable = interfaces.filter(({ kind }) => kind !== "tunnel");
  return zone ?? linkTo(address, usable)?.name ?? host;
}

/** The interface by which what goes to an address leaves: the one of its link, else one that leads a default route. Pure. */
export function leavesBy(address: string, interfaces: readonly LocalInterface[]): LocalInterface | undefined {
  const usable = interfaces.filter(({ up, kind }) => up && kind !== "tunnel");
  const onLink = usable.find(({ addresses }) => addresses.some((own) => isInPrefix(address, own)));
  return onLink ?? usable.find(({ hasWayOut }) => hasWayOut);
}

/**
 * A box has three addresses and more on a wire, and each way costs its proofs: one by the link-local address, which
 * needs no configuration, and one by IPv4 are enough, since what kills the wire kills them all.
 */
function withoutTwins(offers: readonly PathOffer[], interfaces: readonly LocalInterface[]): PathOffer[] {
  const kept = new Map<string, PathOffer>();
  for (const offered of offers) {
    if (offered.target.by !== "udp") continue;
    const { address, port } = offered.target.endpoint;
    const on = interfaces.find(({ name }) => name === offered.interface);
    const isHere = on?.addresses.some((own) => isInPrefix(address.split("%")[0] ?? "", own));
    // Beyond the link, each address may be another way.
    const key = isHere ? `${offered.interface} ${isIPv4(address) ? 4 : 6}` : `${address} ${port}`;
    if (!kept.has(key)) kept.set(key, offered);
  }
  return [...kept.values()];
}

/**
 * What kind of way it is that a peer's datagrams have come by, without that it was offered. Pure.
 * @param interfaceName where they came in, as far as it is known
 * @param isCircuit whether a connection is one that another box relays
 */
export function learnedWay(
  target: PathTarget,
  interfaceName: string | undefined,
  { interfaces, ownNat }: Pick<WayFacts, "interfaces" | "ownNat">,
  isCircuit: (connectionId: string) => boolean,
): PathOffer {
  const plain = (kind: PathKind): PathOffer => ({ kind, target, cost: 0, metered: false });
  switch (target.by) {
    case "udp": {
      const { endpoint } = target;
      const sighted = interfaceName === undefined ? [] : [{ endpoint, interface: interfaceName }];
      const facts = { endpoints: [endpoint], sighted, interfaces, ownNat, theirNat: "unknown" as const };
      return straightWays(facts)[0] ?? plain("internet");
    }
    case "stream":
      return plain(isCircuit(target.connectionId) ? "relay" : "stream");
    case "relay":
      return plain("relay");
    case "lora":
      return { ...plain("lora"), metered: true };
  }
}

const kindOn = ({ kind }: LocalInterface): PathKind => (kind === "radio" ? "radio" : "ethernet");

/** "open" on either side needs no hole: the other's first datagram opens the way back. */
const kindBeyond = ({ ownNat, theirNat }: WayFacts): PathKind =>
  ownNat === "open" || theirNat === "open" ? "internet" : "punched";

const offer = (kind: PathKind, endpoint: Endpoint, on: LocalInterface): PathOffer => ({
  kind,
  target: { by: "udp", endpoint },
  interface: on.name,
  cost: 0,
  metered: on.metered,
});
