import type { BundleId } from "./bundle.ts";

/** A place on earth (WGS 84), in millionths of a degree, north and east positive. */
export interface Coordinates {
  latitudeE6: number;
  longitudeE6: number;
}

/** Where something is, as far as its sender wants to say. */
export interface Place {
  /** In words; may be empty. */
  words: string;
  at?: Coordinates;
}

/** A call for help. Everything but `text` is what the person chooses to give. */
export interface SosBody {
  text: string;
  name: string;
  place: Place;
  /** People there; 0: not said. */
  people: number;
  /** Of them hurt; 0: none, or not said. */
  injured: number;
  /** Of the person's phone, 0 to 100; undefined: not said. */
  batteryPercent?: number;
  /** How else to reach them; may be empty. */
  contact: string;
}

export const CHECK_IN_STATES = ["safe", "needs-things", "on-the-move", "hurt"] as const;
export type CheckInState = (typeof CHECK_IN_STATES)[number];

export interface CheckInBody {
  /** The name that the person chose to show: others find them by it. */
  name: string;
  state: CheckInState;
  text: string;
  place: Place;
}

/** In a room that everybody reads. */
export interface PostBody {
  name: string;
  text: string;
  /** The post that it answers. */
  replyTo?: BundleId;
}

export const NOTICE_LEVELS = ["information", "warning", "danger"] as const;
export type NoticeLevel = (typeof NOTICE_LEVELS)[number];

/** From the operator of a box to everybody. */
export interface NoticeBody {
  level: NoticeLevel;
  text: string;
}

/**
 * What has become of bundles. `delivered`: the recipient's device has it. `read`: it was opened. The rest are an operator's, for
 * an SOS: `acknowledged` (somebody has seen it and deals with it), `handed-over` (to whom: `note`), `closed`.
 */
export const RECEIPT_STATES = ["delivered", "read", "acknowledged", "handed-over", "closed"] as const;
export type ReceiptState = (typeof RECEIPT_STATES)[number];

export interface ReceiptBody {
  state: ReceiptState;
  /** 1 to 32. */
  of: readonly BundleId[];
  /** For people; may be empty. */
  note: string;
}

/** Asks boxes for what they have: the card of a key, or who is known by a name. */
export type LookupBody = { of: "card"; key: Uint8Array } | { of: "name"; name: string };

/**
 * Who somebody is and how to write to them while they are away. Made by the person's own device, and anew with each new prekey.
 */
export interface CardBody {
  name: string;
  /** X25519 public key, 32 bytes, for the first message to this person. */
  prekey: Uint8Array;
  /** Counts a person's prekeys. */
  prekeyNumber: number;
  /** The larger replaces the smaller. */
  version: number;
}

export interface RemovalBody {
  of: BundleId;
  /** For people; may be empty. */
  reason: string;
}

export interface PhotoBody {
  /** What it belongs to. */
  of: BundleId;
  /** JPEG or WebP. */
  image: Uint8Array;
}

/** Certificates from the sender's own key to the network's, as `encodeChain` of the identity part writes them. */
export interface CredentialsBody {
  /** 1 to 2,048 bytes. */
  chain: Uint8Array;
}

/** The body of each kind whose body boxes can read. */
export interface Bodies {
  sos: SosBody;
  "check-in": CheckInBody;
  post: PostBody;
  notice: NoticeBody;
  receipt: ReceiptBody;
  lookup: LookupBody;
  card: CardBody;
  removal: RemovalBody;
  photo: PhotoBody;
  credentials: CredentialsBody;
}
