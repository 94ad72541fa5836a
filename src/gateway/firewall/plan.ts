import type { Config } from "../../config/index.ts";
import type { GuestNetwork } from "../guest-network.ts";

/** What the firewall is made from. */
export interface RulesetPlan {
  net: GuestNetwork;
  limits: Config["gateway"]["limits"];
  guestRateKbit: number;
  guestToGuest: boolean;
  /** The interfaces by which guests may leave, while there is a way out; none otherwise. */
  uplinks: readonly string[];
  blockPrivate: boolean;
  /** TLS is served to guests (RFC 8908 wants it). */
  tls: boolean;
  /** Stations that have a lease: to them DHCP is open whatever flood there is. */
  known: readonly string[];
  /** TCP ports where guests who have agreed reach services of other boxes; undefined: none. */
  farPorts?: { first: number; last: number };
  services: readonly { port: number; protocol: "tcp" | "udp" }[];
}

/** A guest whom the kernel lets through, with how long still. */
export interface Admitted {
  mac: string;
  /** "" for a guest with IPv6 alone. */
  ipv4: string;
  seconds: number;
}
