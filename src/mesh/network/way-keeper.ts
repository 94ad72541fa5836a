import { canonicalIp, isInPrefix } from "../../host/ip-address.ts";
import type { Logger } from "../../host/log.ts";
import type { Directory } from "../directory/directory.ts";
import { addressScope } from "../discovery/address-policy.ts";
import { DialBudget } from "../discovery/dial-policy.ts";
import type { LocalInterface, LocalSighting } from "../discovery/discovery-interface.ts";
import type { Engine, PeerId } from "../engine/engine-interface.ts";
import type { NatKind } from "../nat/nat-interface.ts";
import type { Unanswered } from "../nat/nat-kind.ts";
import { type Endpoint, parseEndpoint } from "../paths/endpoint.ts";
import type { Paths } from "../paths/paths.ts";
import {
  type ControlChannel,
  MAX_CONTROL_BYTES,
  type PathOffer,
  type PathStatus,
} from "../paths/paths-interface.ts";
import { isSuperseded } from "../paths/superseded.ts";
import { hostOf } from "./connection-care.ts";
import { straightWays } from "./ways.ts";
import { decodeWays, encodeWays, type WaysMessage } from "./ways-message.ts";

/** Where boxes tell each other of the ways to them. */
export const WAYS_CHANNEL = "ways";
/** By how many others' boxes a peer may be reached at a time. */
const MOST_RELAYS = 2;
/** A box has one port, and behind a NAT it may be seen with another: whoever names more of one address lies. */
const MOST_ENDPOINTS_OF_ADDRESS = 2;
/**
 * Ways to one IP address that are tried without any answer from there, whoever names it: each costs some ten datagrams at
 * first, and without a bound a member that names ever other ports of a victim would make every box send it a hundred a second.
 */
const UNPROVEN_WAYS = { burst: 8, refillMs: 5_000, maxAddresses: 2_048 };

export interface WayKeeperOptions {
  engine: Pick<Engine, "connections">;
  paths: Paths & ControlChannel;
  directory: Directory;
  interfaces: () => readonly LocalInterface[];
  /** Streams that carry datagrams to a peer. */
  streams: (peer: PeerId) => readonly PathOffer[];
  /** What this box tells others of the ways to it. */
  own: () => WaysMessage;
  /** The boxes are on one machine, so loopback addresses are fine. */
  loopback: boolean;
  /** Networks where nobody of the mesh is, with prefix length: the guests'. */
  forbidden: readonly string[];
  /** Whether LoRa is there as the last resort. */
  lora: () => boolean;
  monotonicMs: () => number;
  log: Logger;
}

interface Known {
  ways?: WaysMessage;
  sightings: Map<string, LocalSighting>;
  /** What was last told to it, as JSON. */
  told: string;
  /** A message of it is on its way: the next one waits for it, so that a peer which is away finds one and not a hundred. */
  isTelling: boolean;
  /** What was offered, as JSON by target: one that is offered again is proven at once, which a list that has not changed does not ask for. */
  offered: Map<string, string>;
}

/** Keeps, for every peer, the list of ways that are worth a proof, and tells peers of the ways to this box. */
export class WayKeeper {
  private readonly peers = new Map<PeerId, Known>();
  private readonly sightings = new Map<PeerId, Map<string, LocalSighting>>();
  private readonly budget = new DialBudget(UNPROVEN_WAYS);

  constructor(private readonly options: WayKeeperOptions) {
    options.paths.handle(WAYS_CHANNEL, (from, body) => {
      const known = this.peers.get(from);
      if (!known) return;
      known.ways = decodeWays(body);
      this.refresh(from);
    });
  }

  /** There are keys for its datagrams. @param ways what it said of the ways to it then */
  agreed(peer: PeerId, ways: Pick<WaysMessage, "endpoints" | "relays" | "lora">): void {
    const before = this.peers.get(peer)?.ways ?? { nat: "unknown" as NatKind, addresses: [] };
    const sightings = this.sightings.get(peer) ?? new Map<string, LocalSighting>();
    const known = this.peers.get(peer) ?? { sightings, told: "", isTelling: false, offered: new Map() };
    this.peers.set(peer, Object.assign(known, { ways: { ...before, ...ways }, told: "" }));
    known.offered.clear();
    this.sightings.set(peer, sightings);
    this.refresh(peer);
    this.tell(peer);
  }

  forget(peer: PeerId): void {
    this.peers.delete(peer);
    if (this.sightings.get(peer)?.size === 0) this.sightings.delete(peer);
  }

  sighted(sighting: LocalSighting): void {
    const known = this.sightings.get(sighting.peer) ?? new Map<string, LocalSighting>();
    known.set(sighting.interface, sighting);
    this.sightings.set(sighting.peer, known);
    this.refresh(sighting.peer);
  }

  gone(sighting: LocalSighting): void {
    const known = this.sightings.get(sighting.peer);
    known?.delete(sighting.interface);
    if (known?.size === 0 && !this.peers.has(sighting.peer)) this.sightings.delete(sighting.peer);
  }

  /** Peers that were heard on a link of ours. */
  sightedPeers(): Set<PeerId> {
    return new Set([...this.sightings].flatMap(([peer, links]) => (links.size > 0 ? [peer] : [])));
  }

  /** Multiaddrs at which it was heard on links of ours. */
  sightedAt(peer: PeerId): string[] {
    return [...(this.sightings.get(peer)?.values() ?? [])].flatMap(({ addresses }) => addresses);
  }

  /** Multiaddrs that it has told us itself. */
  told(peer: PeerId): readonly string[] {
    return this.peers.get(peer)?.ways?.addresses ?? [];
  }

  nat(peer: PeerId): NatKind {
    const told = this.peers.get(peer)?.ways?.nat ?? "unknown";
    return told === "unknown" ? (this.options.directory.get(peer)?.record.nat ?? "unknown") : told;
  }

  /**
   * Endpoints that never answered although their boxes are there, by a stream for instance, and would be expected to: for
   * an address inside another network, or a box that gets no datagrams itself, silence is no wonder.
   */
  unanswered(): Unanswered[] {
    const { paths } = this.options;
    return [...this.peers.keys()]
      .filter((peer) => paths.isReachable(peer))
      .flatMap((peer) => {
        const nat = this.nat(peer);
        const isExpected = ({ observer }: Unanswered) =>
          nat === "open" || (nat !== "blocked" && addressScope(observer.address) === "public");
        return paths.unanswered(peer).filter(isExpected);
      });
  }

  /** Something about this box has changed: all ways are looked at anew, and peers are told. */
  refreshAll(): void {
    const own = this.options.own();
    for (const peer of this.peers.keys()) {
      this.refresh(peer, own);
      this.tell(peer, own);
    }
  }

  /** Something about the peer has changed. */
  changed(peer: PeerId): void {
    this.refresh(peer);
  }

  private refresh(peer: PeerId, own = this.options.own()): void {
    const known = this.peers.get(peer);
    if (!known) return;
    const { paths } = this.options;
    const offers = new Map(
      this.offersFor(peer, known, own.nat).map((offer) => [JSON.stringify(offer.target), offer]),
    );
    for (const [target, offer] of offers) {
      const text = JSON.stringify(offer);
      if (known.offered.get(target) === text || !this.isAffordable(peer, offer)) continue;
      known.offered.set(target, text);
      paths.offer(peer, offer);
    }
    for (const target of known.offered.keys()) if (!offers.has(target)) known.offered.delete(target);
    for (const path of paths.status(peer)) {
      if (!offers.has(JSON.stringify(path.target)) && isOver(path)) paths.withdraw(peer, path.id);
    }
  }

  private offersFor(peer: PeerId, { ways, sightings }: Known, ownNat: NatKind): PathOffer[] {
    const { engine, directory, interfaces, lora } = this.options;
    const record = directory.get(peer)?.record;
    const texts = new Set([...(ways?.endpoints ?? []), ...(record?.endpoints ?? [])]);
    const endpoints = fewOfEach(
      [...texts].flatMap((text) => parseEndpoint(text) ?? []).filter(this.isProbable),
    );
    const links = interfaces();
    const straight = straightWays({
      endpoints,
      sighted: [...sightings.values()].flatMap(sightedEndpoints),
      interfaces: links,
      ownNat,
      theirNat: this.nat(peer),
    });
    const status = this.options.paths.status(peer);
    const circuits = new Set(
      engine.connections(peer).flatMap(({ id, kind }) => (kind === "circuit" ? [id] : [])),
    );
    const streams = (isSuperseded("stream", status) ? [] : this.options.streams(peer)).map(
      (offer): PathOffer => {
        const isRelayed = offer.target.by === "stream" && circuits.has(offer.target.connectionId);
        return isRelayed ? { ...offer, kind: "relay" } : offer;
      },
    );
    const relays = (isSuperseded("relay", status) ? [] : this.relaysTo(peer)).map(
      (relay): PathOffer => ({ kind: "relay", target: { by: "relay", relay }, cost: 0, metered: false }),
    );
    const address = ways?.lora ?? record?.lora;
    const byLora: PathOffer[] =
      address !== undefined && lora()
        ? [{ kind: "lora", target: { by: "lora", address }, cost: 0, metered: true }]
        : [];
    return [...straight, ...streams, ...relays, ...byLora];
  }

  /** Whether an address that a peer names may be sent to: none that means this box, a link of ours alone, or many. */
  private readonly isProbable = ({ address }: Endpoint): boolean => {
    const scope = addressScope(address);
    const ip = canonicalIp(address) ?? "";
    if (this.options.forbidden.some((prefix) => isInPrefix(ip, prefix))) return false;
    return scope === "public" || scope === "private" || (scope === "loopback" && this.options.loopback);
  };

  /** Whether a way may be offered now; later it may be. One that the peer has answered by costs nothing. */
  private isAffordable(peer: PeerId, { target }: PathOffer): boolean {
    // Many boxes of one machine share its loopback address, which is nobody else's.
    if (target.by !== "udp" || addressScope(target.endpoint.address) === "loopback") return true;
    const text = JSON.stringify(target);
    const isProven = this.options.paths
      .status(peer)
      .some((path) => path.provenAgoMs !== undefined && JSON.stringify(path.target) === text);
    return isProven || this.budget.takes(target.endpoint.address, this.options.monotonicMs());
  }

  /** Boxes that forward, have a session with us, and say or are said to be in touch with the peer. */
  private relaysTo(peer: PeerId): PeerId[] {
    const { directory } = this.options;
    const near = new Set(directory.get(peer)?.record.reachedBy.map(keyText) ?? []);
    return [...this.peers]
      .filter(
        ([relay, { ways }]) =>
          relay !== peer && ways?.relays && near.has(keyText(directory.get(relay)?.record.publicKey)),
      )
      .map(([relay]) => relay)
      .slice(0, MOST_RELAYS);
  }

  private tell(peer: PeerId, ways = this.options.own()): void {
    const known = this.peers.get(peer);
    if (!known) return;
    const text = JSON.stringify(ways);
    if (text === known.told || known.isTelling) return;
    known.told = text;
    known.isTelling = true;
    this.options.paths
      .send(peer, WAYS_CHANNEL, encodeWays(ways, MAX_CONTROL_BYTES), {
        urgency: "control",
        timeoutMs: 30_000,
      })
      .then(
        () => {
          known.isTelling = false;
          // They may have changed meanwhile.
          this.tell(peer);
        },
        (error) => {
          known.isTelling = false;
          known.told = "";
          this.options.log.debug({ peer, error }, "a peer could not be told the ways to this box");
        },
      );
  }
}

/** Of a way that there is no more reason to keep: what the peer found by itself is kept as long as it works. */
function isOver({ target, chosen, state }: PathStatus): boolean {
  if (target.by === "stream") return true;
  return target.by === "relay" ? !chosen : target.by === "udp" && state === "dead";
}

/** The first of each address. */
function fewOfEach(endpoints: readonly Endpoint[]): Endpoint[] {
  const counts = new Map<string, number>();
  return endpoints.filter(({ address }) => {
    const ip = canonicalIp(address) ?? address;
    const count = (counts.get(ip) ?? 0) + 1;
    counts.set(ip, count);
    return count <= MOST_ENDPOINTS_OF_ADDRESS;
  });
}

const keyText = (key: Uint8Array | undefined): string => (key ? Buffer.from(key).toString("hex") : "");

/** UDP on the very addresses that its announcement named. */
function sightedEndpoints({ addresses, udpPort, interface: name }: LocalSighting) {
  if (udpPort === 0) return [];
  const hosts = new Set(addresses.flatMap((address) => hostOf(address) ?? []));
  return [...hosts].map((address): { endpoint: Endpoint; interface: string } => ({
    endpoint: { address, port: udpPort },
    interface: name,
  }));
}
