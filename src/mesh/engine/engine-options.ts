import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Passport } from "../../identity/index.ts";
import type { Lookup } from "./resolve-names.ts";

export interface ListenOptions {
  /** IPv4 and IPv6 addresses to listen on, without zones: "0.0.0.0", "::". */
  hosts: readonly string[];
  /** 0: any that is free, the same on all hosts. */
  tcpPort: number;
  wsPort: number;
}

/** What this box relays for others over its libp2p connections. */
export interface RelayOptions {
  serve: boolean;
  /** Members that may be reached through this box at a time. */
  maxReservations: number;
  /** Kilobits a second of one circuit, both ways together; and of all circuits together. */
  maxCircuitKbit: number;
  maxTotalKbit: number;
}

/** Bounds that fit a box; tests that come from one address in numbers raise them. */
export interface EngineLimits {
  /** Connections of all peers together; more are refused. */
  maxConnections: number;
  /** Of one address in a second. */
  maxInboundPerSecond: number;
  /** Connections of one address, and of all, that have shown the shared key and are not through the handshakes yet. */
  maxPendingOfAddress: number;
  maxPending: number;
}

export const DEFAULT_LIMITS: EngineLimits = {
  maxConnections: 300,
  maxInboundPerSecond: 5,
  // Whoever is in them knows the shared key; a handshake takes tens of milliseconds of a small box.
  maxPending: 16,
  maxPendingOfAddress: 4,
};

export interface Libp2pEngineOptions {
  passport: Passport;
  listen: ListenOptions;
  /** "stun:host:port" of STUN servers that WebRTC may ask; asked for each connection anew. Never anyone else's. */
  stunServers: () => readonly string[];
  /** Multiaddrs of this box that may be told to members. Nothing else ever is. */
  announce?: () => readonly string[];
  relay: RelayOptions;
  limits?: Partial<EngineLimits>;
  /** How names in addresses are looked up; the system's way when left out. */
  lookup?: Lookup;
  timers: Timers;
  /** Milliseconds since 1970, for what is told to others; the system's when left out. */
  wallMs?: () => number;
  log: Logger;
}
