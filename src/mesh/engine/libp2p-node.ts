import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { type GossipSub, gossipsub } from "@libp2p/gossipsub";
import { type Identify, identify } from "@libp2p/identify";
import type { Connection, ConnectionGater } from "@libp2p/interface";
import { type Ping, ping } from "@libp2p/ping";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p, type Libp2pOptions } from "libp2p";
import type { Timers } from "../../host/timers.ts";
import { circuitTransport } from "./circuit-transport.ts";
import type { PeerId } from "./engine-interface.ts";
import type { EngineLimits } from "./engine-options.ts";
import { type MembershipEncrypterOptions, membershipEncrypter } from "./membership-encrypter.ts";
import { mendedYamux } from "./mended-yamux.ts";
import { messageId } from "./message-id.ts";
import type { PrivateNetwork } from "./private-network.ts";
import { quietLogger } from "./quiet-logger.ts";
import { survivingTcp } from "./tcp-dial.ts";
import { webRtcTransport } from "./webrtc-transport.ts";
import { wsTransport } from "./ws-transport.ts";

/** Longest message of gossip, with its topic, signature and key. */
const MAX_GOSSIP_RPC_BYTES = 40_960;
/** Handshakes of a box that is very busy: its key within four times four seconds, certificates within four times eight. */
const SLOWEST_MS = 48_000;

export interface NodeServices extends Record<string, unknown> {
  identify: Identify;
  ping: Ping;
  pubsub: GossipSub;
}

/** What libp2p's parts hand each other; the engine dials and listens through them. */
export type NodeComponents = Parameters<NonNullable<Libp2pOptions["connectionProtector"]>>[0];

export interface NodeOptions {
  /** 32 bytes (RFC 8032). */
  seed: Uint8Array;
  stunServers: () => readonly string[];
  /** Whether this node listens on loopback addresses alone. */
  loopbackOnly: boolean;
  timers: Timers;
  announce: () => readonly string[];
  /** A peer's connections, the best first. */
  connectionsOf(peer: PeerId): readonly Connection[];
  limits: EngineLimits;
  /** What a peer has earned by the gossip that it passed on: 0, or less. */
  gossipScore(peer: PeerId): number;
  privateNetwork: PrivateNetwork;
  membership: MembershipEncrypterOptions;
  gater: ConnectionGater;
}

export interface Node {
  libp2p: Libp2p<NodeServices>;
  components: NodeComponents;
}

/**
 * A libp2p node for members alone, not started and not listening.
 *
 * Off, and why. The connection monitor: the paths prove every link themselves, and close what is dead; a second loop
 * of pings closes healthy connections. Reconnecting by a keep-alive tag: libp2p gives it up for good after some tries;
 * whoever wants a peer dials it. DCUtR and QUIC: the first punches no holes in js-libp2p, the second passes by the
 * private network. What libp2p knows of its own addresses is never told: `announce` alone is.
 */
export async function createNode(options: NodeOptions): Promise<Node> {
  const { limits } = options;
  let captured: NodeComponents | undefined;
  const libp2p = await createLibp2p<NodeServices>({
    start: false,
    privateKey: await generateKeyPairFromSeed("Ed25519", options.seed),
    logger: quietLogger,
    // What identify tells of the software: enough to be told apart, and no version to look up holes for.
    nodeInfo: { name: "omerta-box", version: "1", userAgent: "omerta-box" },
    addresses: { listen: [], announceFilter: () => options.announce().map((address) => multiaddr(address)) },
    connectionGater: options.gater,
    connectionProtector: (components) => {
      captured = components;
      return options.privateNetwork;
    },
    connectionEncrypters: [membershipEncrypter(options.membership)],
    streamMuxers: [
      mendedYamux({
        // A paused stream must be able to keep what its window lets the other send, or it is reset.
        streamOptions: { maxStreamWindowSize: 2_097_152, maxReadBufferLength: 4_194_304 },
      }),
    ],
    transports: [
      survivingTcp(),
      wsTransport(),
      circuitTransport(options.connectionsOf),
      webRtcTransport(options),
    ],
    connectionManager: {
      maxConnections: limits.maxConnections,
      inboundConnectionThreshold: limits.maxInboundPerSecond,
      // The pool of inbound connections bounds them, by what they have shown.
      maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
      // Its own timers go on while a busy box reads nothing; the handshakes are bounded by ours, and members by their number.
      inboundUpgradeTimeout: SLOWEST_MS,
      inboundStreamProtocolNegotiationTimeout: SLOWEST_MS,
      outboundStreamProtocolNegotiationTimeout: SLOWEST_MS,
    },
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      // More than one at a time: several parts may ask at once, and one too many resets the stream.
      ping: ping({ maxInboundStreams: 16, maxOutboundStreams: 16 }),
      pubsub: gossipsub({
        allowPublishToZeroTopicPeers: true,
        // A fact that others have told already is no fault of whoever tells it again.
        ignoreDuplicatePublishError: true,
        msgIdFn: messageId,
        runOnLimitedConnection: true,
        maxInboundDataLength: MAX_GOSSIP_RPC_BYTES,
        maxOutboundBufferSize: 1_048_576,
        scoreParams: {
          appSpecificScore: (peer) => options.gossipScore(peer),
          // Many boxes behind one address are a town behind a NAT, and no attack.
          IPColocationFactorWeight: 0,
        },
      }),
    },
  });
  if (captured === undefined) throw new Error("libp2p has made no connection protector");
  return { libp2p, components: captured };
}
