import type { Endpoint } from "../paths/endpoint.ts";

/**
 * What is in front of a box, in the words of RFC 4787 as far as they decide whether a hole can be punched.
 * `open`: no translation; `cone`: endpoint-independent mapping; `symmetric`: a mapping for each destination;
 * `blocked`: no UDP comes back; `unknown`: fewer than two peers have said what they see.
 */
export const NAT_KINDS = ["unknown", "open", "cone", "symmetric", "blocked"] as const;
export type NatKind = (typeof NAT_KINDS)[number];

/** What a peer told about where our datagrams come from. */
export interface Observation {
  /** Who says so: two observers at one address are one witness. */
  observer: Endpoint;
  seen: Endpoint;
  atMs: number;
}
