/**
 * What a bundle is for. The word and the ideas are those of the Bundle Protocol (RFC 9171): a message that is kept by every
 * box on its way until its lifetime is over.
 */
export const KINDS = [
  "sos",
  "check-in",
  "direct",
  "post",
  "notice",
  "receipt",
  "lookup",
  /** A person's name and prekeys, for whoever wants to write to them. */
  "card",
  /** Its sender takes a bundle back, or an operator takes a public one away. */
  "removal",
  /** A picture that belongs to another bundle; too large for LoRa. */
  "photo",
  /** The certificates by which a box or a person belongs to the network, for boxes that have no other way to get them. */
  "credentials",
] as const;
export type Kind = (typeof KINDS)[number];

/** What goes first everywhere, the most urgent first. LoRa has the same. */
export const PRIORITIES = ["sos", "check-in", "direct", "room", "background"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** The priority that a kind has, and the highest that it may have. A receipt may be as urgent as what it answers. */
export const PRIORITY_OF: Readonly<Record<Kind, { usual: Priority; highest: Priority }>> = {
  sos: { usual: "sos", highest: "sos" },
  "check-in": { usual: "check-in", highest: "check-in" },
  direct: { usual: "direct", highest: "direct" },
  post: { usual: "room", highest: "room" },
  notice: { usual: "check-in", highest: "sos" },
  receipt: { usual: "direct", highest: "sos" },
  lookup: { usual: "direct", highest: "direct" },
  card: { usual: "room", highest: "direct" },
  removal: { usual: "room", highest: "check-in" },
  photo: { usual: "background", highest: "background" },
  credentials: { usual: "direct", highest: "check-in" },
};

/** Who a bundle is from. */
export interface Sender {
  /** `person`: a person's own key. `guest`: the box signs for somebody who has no key. `box`: the box or its operator. */
  as: "person" | "guest" | "box";
  /** Ed25519 public key that the signature is by, 32 bytes: the person's, or the box's in its network. */
  key: Uint8Array;
}

/** Whom it is for. */
export type Destination =
  | { kind: "everyone" }
  /** A person, or a box, by public key. */
  | { kind: "person"; key: Uint8Array }
  /** A room by its name, see {@link MAX_ROOM_CHARS}; the town square is {@link SQUARE}. */
  | { kind: "room"; room: string }
  /** A service that any box may offer: `directory`. */
  | { kind: "service"; service: string }
  /** Somebody who has no box: `mailto:…` (RFC 6068) or `tel:…` (RFC 3966), by the bridge of a box that has an uplink. */
  | { kind: "outside"; uri: string };

/** What its sender signs: it never changes on the way. */
export interface Unsigned {
  kind: Kind;
  sender: Sender;
  to: Destination;
  priority: Priority;
  /** Seconds from its making until it is of no use, 1 to {@link MAX_LIFETIME_S}. */
  lifetimeS: number;
  /** Seconds since 1970 by the maker's clock; 0 where that is not trusted. For people to read: nothing is decided by it. */
  createdS: number;
  /** At random, 0 to 2^32 - 1: makes equal words twice said two bundles. */
  sequence: number;
  /** The kind's own form, see `bodies.ts`; of a direct message sealed. At most {@link MAX_BODY_BYTES}. */
  body: Uint8Array;
}

export interface Bundle extends Unsigned {
  /**
   * Ed25519, 64 bytes; or none, 0 bytes, in a person's direct message of at most {@link MAX_UNSIGNED_BODY_BYTES}: its seal says to
   * its recipient who it is from, and to nobody else.
   */
  signature: Uint8Array;
}

/** The first 12 bytes of SHA-256 of what is signed, as 24 hex digits. */
export type BundleId = string;
export const ID_BYTES = 12;

export const MAX_ROOM_CHARS = 32;
export const SQUARE = "square";
export const MAX_SERVICE_CHARS = 32;
export const MAX_URI_CHARS = 254;
export const MAX_LIFETIME_S = 30 * 86_400;
/** A photo, scaled down. */
export const MAX_BODY_BYTES = 60_000;
/** Of all kinds but photos and direct messages. */
export const MAX_TEXT_BODY_BYTES = 4_096;
/** Longer ones go by carriers on which a signature costs nothing. */
export const MAX_UNSIGNED_BODY_BYTES = 1_024;
export const MAX_BUNDLE_BYTES = MAX_BODY_BYTES + 600;

/** A bundle that is none, or does not hold. */
export class BundleError extends Error {
  override readonly name = "BundleError";
  constructor(
    /** What is wrong: `bundle.lifetimeS`, `sos.text`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}
