import { type PersonKey, personKey } from "../../src/identity/person/person-key.ts";
import { encodeBody } from "../../src/messages/bundle/body-codec.ts";
import type { Bundle, Destination, Kind } from "../../src/messages/bundle/bundle.ts";
import { PRIORITY_OF } from "../../src/messages/bundle/bundle.ts";
import { encodeBundle, leaveUnsigned, makeBundle } from "../../src/messages/bundle/bundle-codec.ts";
import type { Head } from "../../src/messages/sealed/conversation.ts";
import {
  decodePrekeys,
  encodePrekeys,
  firstPrekeys,
  type Prekeys,
  prekeyOfCard,
  rotatedPrekeys,
} from "../../src/messages/sealed/prekeys.ts";
import { bytesToHex, fromBase64, hexToBytes, nowS, random, toBase64 } from "./bytes.ts";
import { keep, kept } from "./shelf.ts";

/** Who the person on this device is. */
export interface Account {
  secret: string;
  name: string;
  /** The recovery words, until the person says that they have written them down. */
  words?: string;
  /** Of the last card. */
  version: number;
  prekeys: string;
  /** Boxes that have the last card, by their keys. */
  cardAt: string[];
  /** The last card as the last of them got it: a bundle's id. */
  cardId?: string;
  /** Why operators have taken it away, where they have; may be empty. */
  cardRemoved?: string;
  /** The network that vouches for the key: what it is called, and the certificates in base64. */
  membership?: { network: string; chain: string };
}

const DAY_S = 86_400;
export const LIFETIME_S = 7 * DAY_S;
const CARD_LIFETIME_S = 30 * DAY_S;
const RECEIPT_LIFETIME_S = 3 * DAY_S;

const NAME = "account";

export const account = (): Account | undefined => kept<Account>(NAME);
export const keepAccount = (next: Account): void => keep(NAME, next);

let opened: { secret: string; key: PersonKey } | undefined;

/** The key of an account; worked out once. */
export function keyOf({ secret }: Account): PersonKey {
  if (opened?.secret !== secret) opened = { secret, key: personKey(hexToBytes(secret)) };
  return opened.key;
}

export const prekeysOf = ({ prekeys }: Account): Prekeys => decodePrekeys(fromBase64(prekeys));

/** @param last of what anybody knows of an account of this key that was lost */
export function newAccount(
  key: PersonKey,
  name: string,
  words: string | undefined,
  last = { version: 0, prekeyNumber: 0 },
): Account {
  const prekeys = toBase64(encodePrekeys(firstPrekeys(nowS(), random, last.prekeyNumber)));
  return {
    ...{ secret: bytesToHex(key.secret), name, version: last.version, prekeys, cardAt: [] },
    ...(words === undefined ? {} : { words }),
  };
}

/** The account with a new prekey where it is time for one. */
export function refreshed(before: Account): Account {
  const prekeys = prekeysOf(before);
  const next = rotatedPrekeys(prekeys, nowS(), random);
  return next === prekeys ? before : changed({ ...before, prekeys: toBase64(encodePrekeys(next)) });
}

/** The next version of an account whose card has changed: every box has to learn it. */
export const changed = ({ cardId, cardRemoved, ...next }: Account): Account => ({
  ...next,
  version: Math.max(next.version + 1, nowS()),
  cardAt: [],
});

export function cardBundle(me: Account): Uint8Array {
  const { name, version } = me;
  const body = encodeBody("card", { name, version, ...prekeyOfCard(prekeysOf(me)) });
  return signed(keyOf(me), headOf(keyOf(me), "card", { kind: "everyone" }, CARD_LIFETIME_S), body);
}

/** The certificates of the network that vouches for the person, where one does. */
export function credentialsBundle(me: Account): Uint8Array | undefined {
  if (me.membership === undefined) return undefined;
  const body = encodeBody("credentials", { chain: fromBase64(me.membership.chain) });
  return signed(keyOf(me), headOf(keyOf(me), "credentials", { kind: "everyone" }, CARD_LIFETIME_S), body);
}

/** That these have arrived: boxes need not carry them any further. */
export function receiptBundle(me: Account, to: Uint8Array, of: readonly string[]): Uint8Array {
  const body = encodeBody("receipt", { state: "delivered", of, note: "" });
  return signed(
    keyOf(me),
    headOf(keyOf(me), "receipt", { kind: "person", key: to }, RECEIPT_LIFETIME_S),
    body,
  );
}

export function headOf(key: PersonKey, kind: Kind, to: Destination, lifetimeS: number): Head {
  // What is sealed is bound to it: no two may have the same. Else it only tells apart what is of one second, and LoRa carries it.
  const bytes = new DataView(random(4).buffer);
  const sequence = kind === "direct" ? bytes.getUint32(0) : bytes.getUint8(0);
  return {
    ...{ kind, sender: { as: "person", key: key.publicKey }, to, priority: PRIORITY_OF[kind].usual },
    ...{ lifetimeS, createdS: nowS(), sequence },
  };
}

export function signed(key: PersonKey, head: Head, body: Uint8Array): Uint8Array {
  const bundle: Bundle = makeBundle({ ...head, body }, key.sign);
  return encodeBundle(bundle);
}

/** For what its seal says the sender of. */
export const unsigned = (head: Head, body: Uint8Array): Uint8Array =>
  encodeBundle(leaveUnsigned({ ...head, body }));
