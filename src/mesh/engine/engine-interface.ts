import type { Member } from "../../identity/index.ts";

/** libp2p's text form of a peer id (base58btc of the identity multihash of an Ed25519 public key): "12D3KooW…". */
export type PeerId = string;

/** A connection of libp2p, authenticated, encrypted, and to a member whose certificates were checked. */
export interface EngineConnection {
  readonly id: string;
  readonly peer: PeerId;
  readonly member: Member;
  readonly direction: "inbound" | "outbound";
  /** The other end as a multiaddr, without `/p2p/…` of the peer itself. */
  readonly remote: string;
  readonly kind: "tcp" | "ws" | "webrtc" | "circuit";
  /** The relay's peer id where `kind` is "circuit". */
  readonly relay?: PeerId;
  readonly openedMs: number;
}

/** Whole frames both ways over one libp2p stream, each preceded by its length as an unsigned varint. */
export interface FrameStream {
  readonly peer: PeerId;
  /** The connection that carries it. */
  readonly connectionId: string;
  /** Resolves once there is room for the next. @throws when the stream has ended or the frame is too long */
  send(frame: Uint8Array): Promise<void>;
  /** Frames as they come, until the other side closes its end. Throws when the stream was reset. */
  frames(): AsyncIterable<Uint8Array>;
  /** Closes our end; the other may go on sending. */
  close(): Promise<void>;
  /** Ends both at once. */
  abort(reason: Error): void;
}

export interface EngineEvents {
  /** A member is connected that was not. */
  joined(peer: PeerId, member: Member): void;
  /** The last connection to it has ended. */
  left(peer: PeerId): void;
  opened(connection: EngineConnection): void;
  closed(connection: EngineConnection): void;
  /** Somebody was turned away: a stranger, a revoked member, garbage. Rate-limited by the engine. */
  refused(remote: string, why: string): void;
}

/** One network's libp2p node. */
export interface Engine {
  readonly peer: PeerId;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** TCP and WebSocket ports that it listens on; known once started. */
  ports(): { tcp: number; ws: number };
  connections(peer?: PeerId): readonly EngineConnection[];
  /**
   * Opens one more connection, even where there is one, by the first address that answers. They must be addresses of `peer`.
   * @param addresses multiaddrs without `/p2p/…` at the end
   * @param timeoutMs until somebody answers, who then has eight seconds for the handshakes
   * @param answered called once, when somebody answers: what is left are the handshakes
   * @throws when none answers in time, or who answers is not `peer` or no member
   */
  dial(
    peer: PeerId,
    addresses: readonly string[],
    timeoutMs: number,
    answered?: () => void,
  ): Promise<EngineConnection>;
  close(connectionId: string): Promise<void>;
  /** Opens a stream over the best connection, or over the one that is named. */
  open(
    peer: PeerId,
    protocol: string,
    options?: { connectionId?: string; timeoutMs?: number },
  ): Promise<FrameStream>;
  /** Serves a protocol; at most `maxStreams` (default 8) of one peer at a time. */
  handle(
    protocol: string,
    serve: (stream: FrameStream, member: Member) => Promise<void>,
    options?: { maxStreams?: number; maxFrameBytes?: number },
  ): void;
  /** Gossip to every member that subscribes, at most 32 KiB. Resolves once handed to the neighbours there are. */
  publish(topic: string, data: Uint8Array): Promise<void>;
  /** `from` signed it. What `accept` returns decides whether it goes on to others: "ignore" and "reject" stop it, "reject" counts against who passed it. */
  subscribe(
    topic: string,
    accept: (data: Uint8Array, from: PeerId) => "accept" | "ignore" | "reject",
  ): () => void;
  /** Asks a peer to relay circuits to this box. Kept up until called off, and renewed. */
  reserveRelay(peer: PeerId): Promise<() => Promise<void>>;
  /** Closes every connection to members that no longer are (revoked, expired). */
  expelFormerMembers(): void;
  on<K extends keyof EngineEvents>(event: K, listener: EngineEvents[K]): () => void;
}
