import { verifyBy } from "../../src/identity/person/person-key.ts";
import type { CardBody } from "../../src/messages/bundle/bodies.ts";
import { decodeBody } from "../../src/messages/bundle/body-codec.ts";
import { tidyName } from "../../src/messages/bundle/body-text.ts";
import { decodeBundle, verifyBundle } from "../../src/messages/bundle/bundle-codec.ts";
import { asStale, type Conversation, newConversation } from "../../src/messages/sealed/conversation.ts";
import { decodeConversation, encodeConversation } from "../../src/messages/sealed/conversation-codec.ts";
import type { KnownCard } from "./box.ts";
import { bytesToHex, fromBase64, hexToBytes, toBase64 } from "./bytes.ts";
import { keep, kept, keptNames, ShelfFullError } from "./shelf.ts";

/** Somebody whom this person has written to, or heard from. The name is what they call themselves. */
export interface Contact {
  /** Public key, as hex. */
  key: string;
  name: string;
  /** Their newest card, base64 of the bundle. */
  card?: string;
  /** What the network is called that vouches for them, as the last box said that knew their card; "" where none does. */
  vouchedBy?: string;
  isBlocked: boolean;
  unread: number;
  /** When the last message was, seconds since 1970. */
  lastS: number;
  /** When they were last asked to begin a new session. */
  renewedS: number;
  /** Since when something that names them and is not signed has not opened, and nothing of theirs has since; 0: everything opens. */
  doubtedS?: number;
  /** When something signed was last sealed for them, seconds since 1970, and the key of the box that it went to, as hex. */
  signed?: { atS: number; box: string };
}

/** How far one of this person's own messages has come. The first two are known to this page alone. */
export const STATES = ["unsent", "failed", "waiting", "on-lora", "handed-over", "delivered", "read"] as const;
export type State = (typeof STATES)[number];

export interface Entry {
  /** The bundle's id; of what was not sealed yet a name of this page's own. */
  id: string;
  isMine: boolean;
  text: string;
  /** Base64 of a photo; "" where it was thrown away for want of room. */
  image?: string;
  replyTo?: string;
  /** By this device's clock: when it was written here, or when it came less its age. */
  atS: number;
  /** Of one's own. */
  state?: State;
  etaSeconds?: number;
  /** Sealed, base64, until the box has it. */
  bundle?: string;
  /** Of another's: not told yet that it was read. */
  isUnread?: boolean;
}

export interface Card extends CardBody {
  key: string;
}

/** Photos of one conversation that are kept when room runs out. */
const PHOTOS_KEPT = 5;
const MAX_ENTRIES = 1_000;

export function contacts(): Contact[] {
  return keptNames("contact.")
    .map((key) => contact(key))
    .sort((a, b) => b.lastS - a.lastS);
}

export function contact(key: string): Contact {
  return (
    kept<Contact>(`contact.${key}`) ?? { key, name: "", isBlocked: false, unread: 0, lastS: 0, renewedS: 0 }
  );
}

export function changeContact(key: string, change: Partial<Contact>): void {
  keep(`contact.${key}`, { ...contact(key), ...change });
}

export const entries = (key: string): Entry[] => kept<Entry[]>(`log.${key}`) ?? [];

/**
 * Where there is no room left, photos go first: those of people whom this person never wrote to, then old ones.
 * @throws ShelfFullError where that is not enough
 */
export function keepEntries(key: string, all: readonly Entry[]): void {
  const list = all.slice(-MAX_ENTRIES);
  for (const without of [withoutStrangersPhotos, withoutOldPhotos]) {
    try {
      keep(`log.${key}`, list);
      return;
    } catch (error) {
      if (!(error instanceof ShelfFullError)) throw error;
      for (const { key: other } of contacts()) keep(`log.${other}`, without(entries(other)));
    }
  }
  keep(`log.${key}`, withoutOldPhotos(withoutStrangersPhotos(list)));
}

/** Makes room by photos alone. */
export function makeRoom(): void {
  for (const { key } of contacts())
    keep(`log.${key}`, withoutOldPhotos(withoutStrangersPhotos(entries(key))));
}

/** Changes one's own messages by their ids. */
export function changeEntries(key: string, change: (entry: Entry) => Entry): void {
  keepEntries(key, entries(key).map(change));
}

function withoutStrangersPhotos(list: readonly Entry[]): Entry[] {
  if (list.some(({ isMine }) => isMine)) return [...list];
  return list.map((entry) => (entry.image === undefined ? entry : { ...entry, image: "" }));
}

function withoutOldPhotos(list: readonly Entry[]): Entry[] {
  const photos = list.filter(
    ({ image, bundle }) => image !== undefined && image !== "" && bundle === undefined,
  );
  const old = new Set(photos.slice(0, -PHOTOS_KEPT));
  return list.map((entry) => (old.has(entry) ? { ...entry, image: "" } : entry));
}

export function conversation(key: string): Conversation {
  const text = kept<string>(`session.${key}`);
  return text === undefined ? newConversation(hexToBytes(key)) : decodeConversation(fromBase64(text));
}

export const keepConversation = (key: string, next: Conversation): void =>
  keep(`session.${key}`, toBase64(encodeConversation(next)));

/** After an export was read in. */
export function makeStale(): void {
  for (const key of keptNames("session.")) keepConversation(key, asStale(conversation(key)));
}

/** What a card says, where its person has signed it; undefined where it is none. */
export function readCard(bytes: Uint8Array): Card | undefined {
  try {
    const bundle = decodeBundle(bytes);
    if (bundle.kind !== "card" || bundle.sender.as !== "person" || !verifyBundle(bundle, verifyBy))
      return undefined;
    const card = decodeBody("card", bundle.body);
    return { ...card, key: bytesToHex(bundle.sender.key), name: tidyName(card.name) };
  } catch {
    // From the box, or from whoever wrote it: one that cannot be read is as good as none.
    return undefined;
  }
}

export function cardOf({ card }: Contact): Card | undefined {
  return card === undefined ? undefined : readCard(fromBase64(card));
}

/** Takes a card in where it is newer than the one that is known, and who vouches for its person in any case. */
export function learnCard({ bundle, vouchedBy }: KnownCard): Card | undefined {
  const card = readCard(bundle);
  if (card === undefined) return undefined;
  const before = contact(card.key);
  const known = cardOf(before);
  const isNews = known === undefined || known.version < card.version;
  if (isNews) changeContact(card.key, { name: card.name, card: toBase64(bundle), vouchedBy });
  else if ((before.vouchedBy ?? "") !== vouchedBy) changeContact(card.key, { vouchedBy });
  return isNews ? card : known;
}
