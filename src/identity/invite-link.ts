import { multiaddr } from "@multiformats/multiaddr";
import { decodeCborArray, encodeCbor, type Fields } from "./cbor.ts";
import { CertificateError, type Chain, decodeChain, encodeChain, MAX_NAME_CHARS } from "./certificate.ts";
import { isSameKey, openChain } from "./chain-check.ts";
import { MAX_CHAIN_BYTES, type Role } from "./member.ts";
import { KEY_BYTES, SIGNATURE_BYTES, type SigningKey, signingKey, verify } from "./signing-key.ts";
import { MAX_EPOCH, type SharedKey } from "./statement.ts";

/** An invite that cannot be made, or a link that is none. */
export class InviteError extends Error {
  override readonly name = "InviteError";
  constructor(
    /** What is wrong: `link.peers.0.addresses.1`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

/** A box to begin with. */
export interface BootstrapPeer {
  /** Its key in this network, 32 bytes. */
  publicKey: Uint8Array;
  /** Multiaddrs, without `/p2p/…` at the end. */
  addresses: readonly string[];
}

/** What an invite link says. Who has it can join: it holds the invite's secret key. */
export interface Invite {
  networkKey: Uint8Array;
  networkName: string;
  /** The role that it admits to. */
  role: Role;
  grants: readonly Role[];
  uses: 0 | 1;
  /** Seconds since 1970; 0: never. */
  expiresAt: number;
  /** The network's shared key when the link was made. */
  sharedKey: Omit<SharedKey, "what">;
  /** The invite's own key, by which who joins certifies itself. */
  key: SigningKey;
  chain: Chain;
  peers: readonly BootstrapPeer[];
}

export const INVITE_PREFIX = "omerta://invite/";
export const MAX_LINK_CHARS = 5_000;
export const MAX_LINK_PEERS = 8;
export const MAX_PEER_ADDRESSES = 8;
const MAX_ADDRESS_BYTES = 128;
const VERSION = 2;

const error = (field: string, why: string) => new InviteError(field, why);

const SHARED_KEY_DOMAIN = Buffer.from("omerta-box invite's shared key 1\0");

/** What the invite's issuer signs: who only holds the link has the invite's key, and could sign another one by that. */
function sharedKeyBytes([{ network, subject }]: Chain, { epoch, key }: Omit<SharedKey, "what">): Uint8Array {
  return Buffer.concat([SHARED_KEY_DOMAIN, encodeCbor([network, subject, epoch, key])]);
}

/**
 * @param issuer who has signed the invite's certificate; it signs the shared key too
 * @throws {InviteError} where the invite is larger than what a link may hold, or another has issued it
 */
export function encodeInviteLink(
  invite: Pick<Invite, "networkName" | "sharedKey" | "key" | "chain" | "peers">,
  issuer: SigningKey,
): string {
  const { networkName, sharedKey, key, chain, peers } = invite;
  if (peers.length > MAX_LINK_PEERS) throw error("peers", `${peers.length}, more than ${MAX_LINK_PEERS}`);
  const bytes = encodeCbor([
    VERSION,
    networkName,
    sharedKey.epoch,
    sharedKey.key,
    issuer.sign(sharedKeyBytes(chain, sharedKey)),
    key.seed,
    encodeChain(chain),
    peers.map((peer, index) => [peer.publicKey, peer.addresses.map(addressBytes(`peers.${index}`))]),
  ]);
  const link = `${INVITE_PREFIX}${Buffer.from(bytes).toString("base64url")}`;
  // What is too long, or has a field that is not allowed, must be found by who makes it.
  decodeInviteLink(link);
  return link;
}

/**
 * Reads an invite link, with white space around it. Whether it has expired is not judged here.
 * @throws {InviteError} naming the field
 */
export function decodeInviteLink(text: string): Invite {
  const fields = decodeCborArray(linkBytes(text), MAX_LINK_CHARS, "link", error);
  if (fields.uint("version", 255) !== VERSION) throw fields.fail("version", "is another than this box knows");
  const networkName = fields.text("networkName", MAX_NAME_CHARS);
  const epoch = fields.uint("epoch", MAX_EPOCH);
  const shared = fields.bytes("sharedKey", KEY_BYTES);
  const signature = fields.bytes("sharedKeySignature", SIGNATURE_BYTES);
  const key = signingKey(fields.bytes("inviteKey", KEY_BYTES));
  const chain = readInviteChain(fields.bytes("chain", 1, MAX_CHAIN_BYTES), key);
  const peers = readPeers(fields.list("peers", MAX_LINK_PEERS));
  fields.end();
  const [{ network, admits, grants, uses, expiresAt }] = chain;
  if (admits === undefined) throw error("link.chain", "is no invite's");
  const sharedKey = { epoch, key: shared };
  if (!verify(chain[0].issuer, sharedKeyBytes(chain, sharedKey), signature)) {
    throw error("link.sharedKey", "is not what the invite's issuer has signed");
  }
  return {
    networkKey: network,
    networkName,
    role: admits,
    grants,
    uses,
    expiresAt,
    sharedKey,
    key,
    chain,
    peers,
  };
}

function linkBytes(text: string): Uint8Array {
  const trimmed = text.trim();
  if (trimmed.length > MAX_LINK_CHARS) {
    throw error("link", `${trimmed.length} characters, more than ${MAX_LINK_CHARS}`);
  }
  if (!trimmed.startsWith(INVITE_PREFIX)) throw error("link", `does not begin with ${INVITE_PREFIX}`);
  const encoded = trimmed.slice(INVITE_PREFIX.length);
  const bytes = Buffer.from(encoded, "base64url");
  // Node skips what is no base64url; a link that was cut or mistyped should say so.
  if (bytes.toString("base64url") !== encoded) throw error("link", "is cut short or mistyped (no base64url)");
  return bytes;
}

function readInviteChain(bytes: Uint8Array, key: SigningKey): Chain {
  try {
    const chain = openChain(bytes, decodeChain(bytes)[0].network);
    if (chain[0].role !== "invite") throw error("link.chain", "is no invite's");
    if (!isSameKey(chain[0].subject, key.publicKey)) throw error("link.inviteKey", "is not the invite's");
    return chain;
  } catch (cause) {
    if (cause instanceof CertificateError) throw error("link.chain", cause.message);
    throw cause;
  }
}

function readPeers(list: Fields): BootstrapPeer[] {
  return Array.from({ length: list.left }, (_, index) => {
    const peer = list.list(String(index), 2);
    const publicKey = peer.bytes("publicKey", KEY_BYTES);
    const addresses = peer.list("addresses", MAX_PEER_ADDRESSES);
    peer.end();
    return {
      publicKey,
      addresses: Array.from({ length: addresses.left }, (_, n) => readAddress(addresses, n)),
    };
  });
}

/** In their binary form, a third of the text. */
function readAddress(list: Fields, index: number): string {
  const bytes = list.bytes(String(index), 1, MAX_ADDRESS_BYTES);
  try {
    const address = multiaddr(bytes);
    // The library takes some longer forms of the same; its own is the one.
    if (Buffer.from(address.bytes).equals(bytes)) return multiaddr(address.toString()).toString();
  } catch (cause) {
    throw list.fail(String(index), cause instanceof Error ? cause.message : String(cause));
  }
  throw list.fail(String(index), "is not in its shortest form");
}

const addressBytes = (where: string) => (text: string, index: number) => {
  try {
    return Uint8Array.from(multiaddr(text).bytes);
  } catch {
    throw error(`${where}.addresses.${index}`, `${text} is no multiaddr`);
  }
};
