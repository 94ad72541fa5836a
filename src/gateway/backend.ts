import type { Admitted } from "./firewall/index.ts";
import type { Lease, LeaseEvent } from "./leases.ts";

/** A station as the network knows it. */
export interface Station {
  mac: string;
  /** "" for a station that has no IPv4 address. */
  ipv4: string;
}

/** What a backend tells the gateway. */
export interface BackendEvents {
  lease(event: LeaseEvent): void;
  /** The way to the internet came or went. */
  uplink(up: boolean): void;
}

/**
 * The guest network beneath the sessions: the kernel's on a device and in the lab, none in bench mode.
 * Whatever it is asked, it makes so in the end, in order, also when parts of it are restarted.
 */
export interface GuestBackend {
  /** @param admitted the guests that are to be let through from the start */
  start(events: BackendEvents, admitted: () => readonly Admitted[]): Promise<void>;
  stop(): Promise<void>;
  /** The addresses at which the portal listens: `host:port`. */
  readonly portalListens: readonly { address: string; port: number }[];
  /** The portal's URL for guests, without a slash at the end. */
  readonly portalUrl: string;
  /** Host names and addresses by which guests may call the portal. */
  readonly portalHosts: readonly string[];
  /** There is a way to the internet that guests may use. */
  readonly uplinkUsable: boolean;
  admit(guests: readonly Admitted[]): Promise<void>;
  expel(guests: readonly Station[]): Promise<void>;
  leases(): readonly Lease[];
  /** The station that has an address now; undefined when nobody has. */
  stationAt(address: string): Promise<Station | undefined>;
  /** Whether a station asked for its address as one that has just joined, rather than renewing it in mid-stay. */
  hasJustJoined(mac: string): Promise<boolean>;
  /** One line for the operator. */
  detail(): string;
  /** What keeps it from serving guests now; undefined while nothing does. */
  trouble(): string | undefined;
}
