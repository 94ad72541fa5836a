import type { PeerId } from "../engine/engine-interface.ts";
import type { Endpoint } from "./endpoint.ts";

/** Ways to a neighbour, in the order in which they are usually preferred. */
export const PATH_KINDS = ["ethernet", "radio", "internet", "punched", "stream", "relay", "lora"] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** Where a path leads: straight to an endpoint, over a libp2p stream (TCP, WebSocket, WebRTC, circuit), by another box, by LoRa. */
export type PathTarget =
  | { by: "udp"; endpoint: Endpoint }
  | { by: "stream"; connectionId: string }
  | { by: "relay"; relay: PeerId }
  | { by: "lora"; address: number };

/** A way that may lead to a peer, before anything is known of it. */
export interface PathOffer {
  kind: PathKind;
  target: PathTarget;
  /** The interface that it leaves by, where that is known. */
  interface?: string;
  /** What a megabyte costs, in the operator's own unit; 0: nothing. */
  cost: number;
  /** Volume is paid for or scarce: proofs are fewer, bulk stays away. */
  metered: boolean;
}

export interface PathStatus extends PathOffer {
  /** Stable within a peer. */
  id: string;
  state: "untried" | "good" | "doubtful" | "dead";
  /** What control traffic takes now. */
  chosen: boolean;
  /** Smoothed round trip, and its mean deviation (RFC 6298); undefined before the first answer. */
  rttMs?: number;
  jitterMs?: number;
  /** Share of proofs that stayed unanswered lately, 0 to 1. */
  loss: number;
  /** Kilobits a second that lately passed at most, an estimate from below; undefined while unknown. */
  throughputKbit?: number;
  /** Joules a megabyte, an estimate by kind; undefined where unknown. */
  energyJoulePerMb?: number;
  /** Since the last proof. */
  provenAgoMs?: number;
  /** How the peer sees us on this path, behind whatever NAT. */
  observed?: Endpoint;
  sentBytes: number;
  receivedBytes: number;
}

/** One place where datagrams leave and come in. */
export interface Carrier {
  /** Hands a datagram over, or throws at once when it cannot leave: no route, interface down, queue full. */
  send(target: PathTarget, datagram: Uint8Array): void;
  /** Largest datagram for this target, in bytes. */
  maxBytes(target: PathTarget): number;
}

/** Keys of a pair, agreed over an authenticated libp2p stream. 32 bytes each. */
export interface SessionKeys {
  /** What the other puts in front of datagrams to us, and we in front of ours: unsigned 32 bit, ours unique among our sessions. */
  localIndex: number;
  remoteIndex: number;
  sendKey: Uint8Array;
  receiveKey: Uint8Array;
}

export interface SendOptions {
  /** sos and control go first. */
  urgency: "sos" | "control" | "message";
  /** Given up after this. Default 15,000. */
  timeoutMs?: number;
}

export type ControlHandler = (from: PeerId, body: Uint8Array) => void;

/**
 * Small messages between members that are known to each other: each arrives once, or its sender is told. What other parts
 * of the mesh use. What has arrived is remembered in memory: a message whose acknowledgment was lost may arrive a second
 * time when its receiver has restarted, or forgotten the sender, in between.
 */
export interface ControlChannel {
  /**
   * Resolves once the peer has acknowledged it.
   * @param channel at most 16 ASCII characters
   * @param body at most {@link MAX_CONTROL_BYTES}
   * @throws {ControlError} "unknown peer", "timeout", "too long", "bad channel", "busy" (too much waits for the peer),
   * "removed" (the peer was forgotten meanwhile), "unserved" (for two seconds nobody there has handled the channel)
   */
  send(peer: PeerId, channel: string, body: Uint8Array, options: SendOptions): Promise<void>;
  handle(channel: string, handler: ControlHandler): void;
}

export const MAX_CONTROL_BYTES = 1_000;
