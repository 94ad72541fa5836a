import type { LinkAddress } from "../../lora/index.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { KeyHash } from "./bundle-form.ts";

/** The first four bytes of a bundle's id. Who takes one bundle for another by it learns so later, from {@link Hello.stored}. */
export type ShortId = number;

/**
 * The first two bytes of a bundle's id: enough to tell what is named from what a neighbour has. One in 65,536 for each bundle that it has is
 * taken for another there (in 130 where it has 500), and is found by comparing.
 */
export type IdTag = number;

/** The last two bytes of an address, for whom something is among the few that hear it; 0 is nobody's. */
export type HopTag = number;

/** A bundle on its way. */
export interface BundleItem {
  kind: "bundle";
  /** Who is to take it further; undefined: everyone who hears it. */
  hop: HopTag | undefined;
  /** How many boxes have handed it on, 0 to 255: who gets it back sees that it went in a circle. */
  hops: number;
  /** The box that brought it to LoRa: its sender is there. */
  origin: LinkAddress;
  ageS: number;
  /** See `bundle-form.ts`. */
  form: Uint8Array;
}

/** These are in custody here, and go on from here. */
export interface HaveItem {
  kind: "have";
  held: readonly {
    id: ShortId;
    /** See {@link BundleItem}; of what is for everyone 0, of what has reached its recipient {@link ARRIVED}. */
    hops: number;
  }[];
}

export const ARRIVED = 255;

/** These are not taken, whoever sends them. */
export interface RefuseItem {
  kind: "refuse";
  ids: readonly ShortId[];
}

/** These are here, and have come lately, or may have been lost near. */
export interface RecentItem {
  kind: "recent";
  tags: readonly IdTag[];
}

/** To one neighbour: send these, which you have named. */
export interface AskRecentItem {
  kind: "want-recent";
  of: HopTag;
  tags: readonly IdTag[];
}

/** To one neighbour. `want`: send these. `offer`: these are for you to take further, if you have not got them. */
export interface AskItem {
  kind: "want" | "offer";
  of: HopTag;
  ids: readonly ShortId[];
}

/** Asks a neighbour for keys that it has sent by their hash alone. */
export interface WantKeysItem {
  kind: "want-keys";
  of: HopTag;
  hashes: readonly KeyHash[];
}

export interface KeysItem {
  kind: "keys";
  keys: readonly Uint8Array[];
}

/** A box that the sender hears. */
export interface HeardBox {
  address: LinkAddress;
  /** Of that box's frames, the share that arrives here, 0 to 255. */
  quality: number;
}

/** A box that the sender can reach. */
export interface RouteOffer {
  address: LinkAddress;
  /** The destination's own count, as it was when this path was known (RFC 8966, section 2.4). */
  seqno: number;
  /** Transmissions times 8; 255: it cannot be reached any more. */
  metric: number;
}

/** Who the sender is among the others, and what it has. */
export interface HelloItem {
  kind: "hello";
  seqno: number;
  heard: readonly HeardBox[];
  routes: readonly RouteOffer[];
  /** Of all bundles for everyone. */
  stored: Fingerprint;
}

/** Of a set of bundles: two that have the same are the same. */
export interface Fingerprint {
  count: number;
  sum: number;
}

/** Bundles for everyone by the first digits of their ids: each of the 16 parts that a prefix has. */
export interface PartsItem {
  kind: "parts";
  prefix: string;
  /** Of each part, 16 bits. */
  sums: readonly number[];
}

/** All bundles for everyone whose ids begin so. */
export interface ListItem {
  kind: "list";
  prefix: string;
  ids: readonly ShortId[];
}

export type Item =
  | BundleItem
  | HaveItem
  | RefuseItem
  | RecentItem
  | AskRecentItem
  | AskItem
  | WantKeysItem
  | KeysItem
  | HelloItem
  | PartsItem
  | ListItem;

export interface Frame {
  /** Counts this sender's frames, 0 to 255: who misses numbers knows how much is lost. */
  number: number;
  items: readonly Item[];
}

export const MAX_IDS = 60;
export const MAX_ROUTES = 48;
export const MAX_HEARD = 32;
export const MAX_PREFIX = 4;

export const hopTagOf = (address: LinkAddress): HopTag => address & 0xffff || 0xffff;

export const tagOf = (short: ShortId): IdTag => short >>> 16;

export const shortIdOf = (id: BundleId): ShortId => Number.parseInt(id.slice(0, 8), 16);
