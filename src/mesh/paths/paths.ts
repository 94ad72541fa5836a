import type { Timers } from "../../host/timers.ts";
import type { PeerId } from "../engine/engine-interface.ts";
import type { Observation } from "../nat/nat-interface.ts";
import type { Unanswered } from "../nat/nat-kind.ts";
import { type Body, encodeBody, FORWARD_OVERHEAD, isChannel } from "./body.ts";
import { ControlError } from "./control-error.ts";
import { DATAGRAM_OVERHEAD, readHeader } from "./datagram.ts";
import type { Path } from "./path.ts";
import { DEFAULT_POLICY, type PathPolicy } from "./path-choice.ts";
import { costOf, type PathCost } from "./path-cost.ts";
import {
  type Carrier,
  type ControlChannel,
  type ControlHandler,
  MAX_CONTROL_BYTES,
  type PathOffer,
  type PathStatus,
  type PathTarget,
  type SendOptions,
  type SessionKeys,
} from "./paths-interface.ts";
import { type PeerHost, PeerPaths, randomNumber } from "./peer-paths.ts";
import { RelayDesk, type RelayQuotas, type RelayStats } from "./relay-desk.ts";
import { Turns } from "./turns.ts";

export interface PathsEvents {
  /** Control traffic to the peer takes another path now. */
  pathChanged(peer: PeerId, status: PathStatus): void;
  /** No path to it is proven any more; they are tried on. */
  peerLost(peer: PeerId): void;
  peerReachable(peer: PeerId): void;
  /** A peer has told how it sees us. */
  observed(observation: Observation): void;
}

export interface PathsOptions {
  /** Where datagrams leave, by the kind of target; "relay" is made here. They never call back within `send`. */
  carriers: ReadonlyMap<PathTarget["by"], Carrier>;
  timers: Timers;
  /** 0 ≤ x < 1, not to be foreseen by others. */
  random: () => number;
  policy?: PathPolicy;
  /** Channels of the mesh's own upkeep: what goes there is no traffic for which a way is proven more often. Default: none */
  upkeep?: ReadonlySet<string>;
  /** What ways cost that their offers say nothing of. */
  costs?: readonly PathCost[];
  /** What others may send through this box; nothing where it is left out. */
  relay?: RelayQuotas;
  /** What kind of path it is that a peer's datagrams have come by without an offer. Default: by the target alone. */
  classify?: (target: PathTarget, interfaceName: string | undefined) => PathOffer;
  /** A handler of messages, or a listener, has thrown. */
  failed?: (error: unknown) => void;
}

export interface PathsStats {
  /** Datagrams that were not taken, by reason. */
  dropped: Record<"malformed" | "unknown session" | "replayed" | "forged", number>;
  relay: RelayStats;
  peers: number;
  /** Messages that are not acknowledged yet. */
  waiting: number;
}

const DEFAULT_TIMEOUT_MS = 15_000;
const DEFAULT_RELAYED_BYTES = 1_232;
/** What is forwarded counts with the headers of UDP, IPv6 and ours. */
const FORWARD_HEADERS = 48 + DATAGRAM_OVERHEAD + FORWARD_OVERHEAD;

const kindByTarget = { udp: "internet", stream: "stream", relay: "relay", lora: "lora" } as const;

const classifyByTarget = (target: PathTarget, interfaceName: string | undefined): PathOffer => ({
  kind: kindByTarget[target.by],
  target,
  cost: 0,
  metered: false,
  ...(interfaceName === undefined ? {} : { interface: interfaceName }),
});

/** The ways to all peers of one network, and small messages over them that outlive the loss of a way. */
export class Paths implements ControlChannel {
  private readonly peers = new Map<PeerId, PeerPaths>();
  private readonly byIndex = new Map<number, PeerPaths>();
  private readonly byShortId = new Map<string, PeerPaths>();
  private readonly handlers = new Map<string, ControlHandler>();
  private readonly listeners: { [event in keyof PathsEvents]: Set<PathsEvents[event]> } = {
    pathChanged: new Set(),
    peerLost: new Set(),
    peerReachable: new Set(),
    observed: new Set(),
  };
  private readonly turns: Turns;
  private readonly desk: RelayDesk;
  private readonly host: PeerHost;
  private readonly dropped: PathsStats["dropped"] = {
    malformed: 0,
    "unknown session": 0,
    replayed: 0,
    forged: 0,
  };

  constructor(private readonly options: PathsOptions) {
    const { timers, random } = options;
    this.turns = new Turns(timers);
    this.desk = new RelayDesk(options.relay ?? { totalKbit: 0, perPeerKbit: 0 }, timers.monotonicMs());
    this.host = {
      timers,
      random,
      policy: options.policy ?? DEFAULT_POLICY,
      turns: this.turns,
      sendDatagram: (to, target, datagram) => this.sendDatagram(to, target, datagram),
      maxDatagramBytes: (target) => this.maxDatagramBytes(target),
      dependsOn: (path) => this.dependsOn(path),
      classify: (...from) => this.withCost((options.classify ?? classifyByTarget)(...from)),
      isUpkeep: (channel) => options.upkeep?.has(channel) === true,
      deliver: (from, channel, body) => this.deliver(from, channel, body),
      forward: (from, body) => this.forward(from, body),
      forwarded: (by, body) => this.receive({ by: "relay", relay: by.peer }, body.datagram),
      pathChanged: (peer, status) => this.tell("pathChanged", (listener) => listener(peer, status)),
      reachable: (peer, isReachable) =>
        this.tell(isReachable ? "peerReachable" : "peerLost", (listener) => listener(peer)),
      observed: (observation) => this.tell("observed", (listener) => listener(observation)),
    };
  }

  /** An index for a new session of ours that no other has. */
  newIndex(): number {
    for (;;) {
      const index = randomNumber(this.options.random);
      if (!this.byIndex.has(index)) return index;
    }
  }

  /**
   * A session with a peer, or new keys for one that there is. Its paths, messages and what it has sent stay.
   * @param asked this side asked for the keys and the peer answered; who answered uses them once the peer does
   */
  addPeer(peer: PeerId, keys: SessionKeys, { asked }: { asked: boolean } = { asked: true }): void {
    const known = this.peers.get(peer);
    const paths = known ?? new PeerPaths(this.host, peer);
    this.peers.set(peer, paths);
    this.byShortId.set(textOf(paths.shortId), paths);
    this.byIndex.set(keys.localIndex, paths);
    for (const index of paths.addKeys(keys, asked)) this.byIndex.delete(index);
  }

  /** Says goodbye; what was still to be sent fails. */
  removePeer(peer: PeerId): void {
    const paths = this.peers.get(peer);
    if (!paths) return;
    paths.stop(new ControlError("removed", peer));
    this.peers.delete(peer);
    this.byShortId.delete(textOf(paths.shortId));
    for (const index of paths.sessions.indexes) this.byIndex.delete(index);
    this.desk.forget(peer);
  }

  stop(): void {
    for (const peer of [...this.peers.keys()]) this.removePeer(peer);
    this.turns.stop();
  }

  has(peer: PeerId): boolean {
    return this.peers.has(peer);
  }

  /** A way that may lead to a peer with which there is a session. One that is there already is changed and proven anew. */
  offer(peer: PeerId, offer: PathOffer): void {
    this.peers.get(peer)?.ways.offer(this.withCost(offer));
  }

  /** @param id of the path; see {@link pathId} */
  withdraw(peer: PeerId, id: string): void {
    this.peers.get(peer)?.ways.withdraw(id);
  }

  /** The paths that leave by it are dead at once, and tried on. */
  interfaceDown(name: string): void {
    for (const paths of this.peers.values()) paths.ways.die(name);
  }

  interfaceUp(name: string): void {
    for (const paths of this.peers.values()) paths.ways.hint(name);
  }

  /**
   * A datagram that came in.
   * @param from the sender's endpoint, the stream, or the LoRa address
   * @param interfaceName where it came in, as far as it is known
   */
  receive(from: PathTarget, datagram: Uint8Array, interfaceName?: string): void {
    const header = readHeader(datagram);
    if (!header) {
      this.dropped.malformed += 1;
      return;
    }
    const paths = this.byIndex.get(header.receiverIndex);
    const session = paths?.sessions.byIndex(header.receiverIndex);
    if (!paths || !session) {
      this.dropped["unknown session"] += 1;
      return;
    }
    const body = session.open(datagram, this.options.timers.monotonicMs());
    if (typeof body === "string") this.dropped[body] += 1;
    else paths.receive(from, body, datagram.length, interfaceName);
  }

  status(peer: PeerId): PathStatus[] {
    return this.peers.get(peer)?.ways.status() ?? [];
  }

  /** Endpoints of the peer to which proofs went and that have never answered. */
  unanswered(peer: PeerId): Unanswered[] {
    return this.peers.get(peer)?.ways.unanswered() ?? [];
  }

  isReachable(peer: PeerId): boolean {
    return this.peers.get(peer)?.ways.isReachable ?? false;
  }

  stats(): PathsStats {
    let waiting = 0;
    for (const { courier } of this.peers.values()) waiting += courier.waiting;
    return { dropped: { ...this.dropped }, relay: this.desk.stats(), peers: this.peers.size, waiting };
  }

  send(peer: PeerId, channel: string, body: Uint8Array, options: SendOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.submit(peer, channel, body, options, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** As {@link send}, called back once. */
  submit(
    peer: PeerId,
    channel: string,
    body: Uint8Array,
    { urgency, timeoutMs = DEFAULT_TIMEOUT_MS }: SendOptions,
    done: (error?: ControlError) => void,
  ): void {
    const paths = this.peers.get(peer);
    const refusal = refusalOf(channel, body);
    if (!paths || refusal) {
      done(refusal ?? new ControlError("unknown peer", peer));
      return;
    }
    paths.submit(channel, body.slice(), urgency, timeoutMs, done);
  }

  handle(channel: string, handler: ControlHandler): void {
    this.handlers.set(channel, handler);
  }

  /** Messages on it are not taken any more: who sends one is told so, as if nobody had ever handled it. */
  unhandle(channel: string): void {
    this.handlers.delete(channel);
  }

  on<K extends keyof PathsEvents>(event: K, listener: PathsEvents[K]): () => void {
    this.listeners[event].add(listener);
    return () => this.listeners[event].delete(listener);
  }

  private withCost(offer: PathOffer): PathOffer {
    return offer.cost > 0 ? offer : { ...offer, cost: costOf(offer, this.options.costs ?? []) };
  }

  private sendDatagram(to: PeerPaths, target: PathTarget, datagram: Uint8Array): void {
    if (target.by === "relay") {
      const relay = this.peers.get(target.relay);
      if (!relay) throw new Error(`${target.relay}: no session with the relay`);
      relay.carryOnce(encodeBody({ kind: "forward", to: to.shortId, datagram }));
      return;
    }
    const carrier = this.options.carriers.get(target.by);
    if (!carrier) throw new Error(`${target.by}: no carrier`);
    carrier.send(target, datagram);
  }

  private maxDatagramBytes(target: PathTarget): number {
    if (target.by !== "relay") return this.options.carriers.get(target.by)?.maxBytes(target) ?? 0;
    const room = this.peers.get(target.relay)?.maxBodyBytes() ?? 0;
    // What the relay's own way to the other takes is not known here.
    return Math.min(room, DEFAULT_RELAYED_BYTES - DATAGRAM_OVERHEAD) - FORWARD_OVERHEAD;
  }

  private dependsOn(path: Path): string | undefined {
    const { target } = path.offer;
    if (target.by !== "relay") return path.interface;
    return this.peers.get(target.relay)?.ways.chosen?.interface ?? target.relay;
  }

  private deliver(from: PeerId, channel: string, body: Uint8Array): boolean {
    const handler = this.handlers.get(channel);
    if (!handler) return false;
    try {
      handler(from, body);
    } catch (error) {
      this.options.failed?.(error);
    }
    return true;
  }

  private forward(from: PeerPaths, { to, datagram }: Body & { kind: "forward" }): void {
    const other = this.byShortId.get(textOf(to));
    const nowMs = this.options.timers.monotonicMs();
    const send =
      other && other !== from
        ? () => other.carryOnce(encodeBody({ kind: "forwarded", from: from.shortId, datagram }))
        : undefined;
    this.desk.serve(from.peer, datagram.length + FORWARD_HEADERS, nowMs, send);
  }

  private tell<K extends keyof PathsEvents>(event: K, call: (listener: PathsEvents[K]) => void): void {
    for (const listener of this.listeners[event]) {
      try {
        call(listener);
      } catch (error) {
        this.options.failed?.(error);
      }
    }
  }
}

function refusalOf(channel: string, body: Uint8Array): ControlError | undefined {
  if (body.length > MAX_CONTROL_BYTES)
    return new ControlError("too long", `${body.length} bytes, ${MAX_CONTROL_BYTES} at most`);
  if (!isChannel(channel)) return new ControlError("bad channel", JSON.stringify(channel));
  return undefined;
}

const textOf = (shortId: Uint8Array): string => Buffer.from(shortId).toString("hex");
