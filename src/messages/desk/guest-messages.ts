import type { CheckInBody, NoticeLevel, PostBody, SosBody } from "../bundle/bodies.ts";
import type { BundleId, Kind } from "../bundle/bundle.ts";
import type { Taken } from "../custody/custody.ts";

/**
 * How far a bundle has come. `waiting`: on this box alone. `handed-over`: another box has it. `on-lora`: it is on its way by LoRa.
 * `delivered`, `read`: by the recipient's receipts. `removed`: taken away from everybody's eyes. The rest are what an operator has said of
 * an SOS.
 */
export const DELIVERY_STATES = [
  "waiting",
  "on-lora",
  "handed-over",
  "delivered",
  "read",
  "acknowledged",
  "closed",
  "removed",
] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** What has become of something that was sent from here. */
export interface Delivery {
  id: BundleId;
  kind: Kind;
  state: DeliveryState;
  /** By LoRa: seconds until it will have been sent, as things stand. */
  etaSeconds?: number;
  /** Of an SOS: what the operator wrote; of what was removed: the reason. May be empty. */
  note: string;
  /** Of an SOS: the name of the box whose operator said so, where it is known. */
  by?: string;
  /** Of what was removed. */
  removedBy?: "sender" | "operator";
}

/** The answer to a form: the sender can see what becomes of it, and take it back, by this code alone. */
export interface Sent extends Delivery {
  /** Digits that show its delivery and take it back, on any page of this box: for those who have no key. */
  code: string;
}

/** Why a form was not taken. */
export type NotSent = {
  refused: /** A field is missing or wrong; `detail` names it. */
    | "form"
    /** Too many in a short time. */
    | "slow-down"
    /** There is no room. */
    | "full"
    /** There is as much here of this device or person as one may have. */
    | "quota"
    /** The operator has blocked this device or person. */
    | "blocked"
    /** No such bundle, or the code is not its. */
    | "unknown";
  detail: string;
  /**
   * Of `slow-down`: work to be done, see `work-challenges.ts`. The same once more with {@link Writer.work} is taken at once. Where it is
   * missing nothing but waiting helps.
   */
  work?: string;
};

/** A public bundle as a page shows it. */
export interface Shown {
  id: BundleId;
  /** Seconds since it was made, as far as the boxes could count. */
  ageS: number;
  /** Fingerprint of the person that signed it, in words; undefined for guests without a key. */
  person?: string;
  /** What the network is called that vouches for the person; undefined where none does that this box belongs to. */
  vouchedBy?: string;
  /** The box where it was written, if it is another one. */
  box?: string;
}

export interface ShownPost extends Shown, PostBody {
  room: string;
  /** Taken away by its sender or an operator: the text is empty, and this is shown in its place. */
  removed?: { by: "sender" | "operator"; reason: string };
}

export interface ShownCheckIn extends Shown, CheckInBody {}

export interface ShownSos extends Shown, SosBody {
  state: DeliveryState;
  note: string;
}

export interface ShownNotice extends Shown {
  level: NoticeLevel;
  text: string;
  /** Whether a member of this box's network signed it. */
  trusted: boolean;
}

export const PAGE_ITEMS = 20;
export const MAX_PAGE_ITEMS = 50;

export interface Page<T> {
  items: T[];
  /** For the next page; undefined at the end. */
  next?: string;
}

/** A person's card, as this box has it. */
export interface KnownCard {
  /** The bundle. */
  encoded: Uint8Array;
  /** See {@link Shown.vouchedBy}. */
  vouchedBy?: string;
}

export interface FoundCard extends KnownCard {
  key: Uint8Array;
  name: string;
}

/** How one becomes a person of this box's network here. */
export interface JoinOffer {
  /** What the network is called. */
  network: string;
  needsInvite: boolean;
}

/** A person's certificates. */
export interface Joined {
  network: string;
  /** Encoded; for a bundle of credentials. */
  chain: Uint8Array;
}

/** The device that a form or a bundle comes from. */
export interface Writer {
  /** Its MAC address. */
  station: string;
  /** Of a form: the same one sent twice is taken once, and answered alike. At most 64 characters. */
  form?: string;
  /** The solution of {@link NotSent.work}. */
  work?: string;
}

/**
 * What the portal's process may do with messages, for a guest. Texts come from forms: everything is checked here.
 */
export interface GuestMessages {
  // Without a key: the box signs.
  /** @param body `tell`: who outside is told of it, as `mailto:` or `tel:`; "" for nobody */
  checkIn(writer: Writer, body: CheckInBody & { tell: string }): Promise<Sent | NotSent>;
  sos(writer: Writer, body: SosBody): Promise<Sent | NotSent>;
  post(writer: Writer, room: string, body: PostBody): Promise<Sent | NotSent>;
  /** Takes back what was sent, by the code of {@link Sent}. */
  withdraw(writer: Writer, code: string): Promise<{ withdrawn: BundleId } | NotSent>;
  /** What has become of it, by the code; `slow-down` for a device that tries many. */
  delivery(writer: Writer, code: string): Delivery | NotSent;
  report(writer: Writer, id: BundleId, reason: string): Promise<{ reported: true } | NotSent>;

  // For everybody to read, the newest first.
  /**
   * @param before `next` of the page before this one
   * @param most items on the page, 1 to {@link MAX_PAGE_ITEMS}; {@link PAGE_ITEMS} by default
   */
  posts(room: string, before?: string, most?: number): Page<ShownPost>;
  rooms(): { room: string; posts: number }[];
  /** @param query part of a name; "" finds everybody */
  checkIns(query: string, before?: string, most?: number): Page<ShownCheckIn>;
  notices(): ShownNotice[];

  // With a key: the page in the browser makes, signs and seals bundles.
  /** Puts the person's device into custody of a bundle; see {@link Taken}. */
  submit(writer: Writer, encoded: Uint8Array): Promise<Taken | NotSent>;
  /** The newest card of a person; undefined where this box has none: cards come with what other boxes have. */
  card(key: Uint8Array): KnownCard | undefined;
  /** Cards of people by the name that they chose, at most 20. */
  cards(name: string): FoundCard[];
  /** For a proof: this box's public key in its network, and a challenge that is taken back once; see `InboxChallenges`. */
  inboxChallenge(): { box: Uint8Array; challenge: Uint8Array };
  /**
   * Sealed messages and receipts for a person, oldest first, at most 50.
   * @param proof see `inbox-proof.ts`: only the person may look. Where it does not hold: `unknown`
   * @param after the `order` of the last that was seen, 0 at first
   */
  inbox(
    key: Uint8Array,
    proof: Uint8Array,
    after: number,
  ): { order: number; encoded: Uint8Array; ageS: number }[] | NotSent;
  /** How far these have come, at most 100. */
  deliveries(ids: readonly BundleId[]): Delivery[];
  /** undefined where nobody becomes a person of a network here. */
  joinOffer(): JoinOffer | undefined;
  /**
   * Certifies a person's key as a member of the network.
   * @param invite a link, "" for none
   */
  join(writer: Writer, key: Uint8Array, name: string, invite: string): Promise<Joined | NotSent>;
  /** An invite for one to take along, as a link: for the app, the command line or another device. */
  takeAlong(writer: Writer): Promise<{ network: string; link: string } | NotSent>;
  /** Told when something for this person has come, or what they sent has moved on. @returns ends it */
  onChange(key: Uint8Array, changed: () => void): () => void;
  /** Told when posts, notices, check-ins or an SOS have changed. @returns ends it */
  onPublicChange(changed: () => void): () => void;
}
