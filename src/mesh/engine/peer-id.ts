import { publicKeyFromRaw } from "@libp2p/crypto/keys";
import { peerIdFromPublicKey, peerIdFromString } from "@libp2p/peer-id";
import { remembering } from "../../host/remembering.ts";
import { signingKey } from "../../identity/index.ts";
import type { PeerId } from "./engine-interface.ts";

const KEY_BYTES = 32;

/** Text that should have been the peer id of an Ed25519 key. */
export class PeerIdError extends Error {
  override name = "PeerIdError";
}

/**
 * libp2p's peer id of an Ed25519 public key: base58btc of the identity multihash of the key in its protobuf form.
 * @param publicKey raw, 32 bytes
 * @see https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
 */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== KEY_BYTES) {
    throw new PeerIdError(`a public key is ${KEY_BYTES} bytes long, not ${publicKey.length}`);
  }
  return peerIdOfHex(Buffer.from(publicKey).toString("hex"));
}

const peerIdOfHex = remembering((hex: string): PeerId => {
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(hex, "hex"))).toString();
});

/**
 * The Ed25519 public key, raw, 32 bytes, that a peer id names.
 * @throws {PeerIdError} when it is none, or another kind of key
 */
export const publicKeyOf = (peer: PeerId): Uint8Array => rawKeyOf(peer).slice();

const rawKeyOf = remembering((peer: PeerId): Uint8Array => {
  let parsed: ReturnType<typeof peerIdFromString>;
  try {
    parsed = peerIdFromString(peer);
  } catch {
    throw new PeerIdError(`${JSON.stringify(peer.slice(0, 80))} is no peer id`);
  }
  if (parsed.type !== "Ed25519") throw new PeerIdError(`${peer.slice(0, 80)} is not of an Ed25519 key`);
  return parsed.publicKey.raw;
});

/** The raw Ed25519 public key of a seed, both 32 bytes (RFC 8032). */
export const publicKeyOfSeed = (seed: Uint8Array): Uint8Array => signingKey(seed).publicKey;

// Identity multihash (0x00) of 36 bytes: the key's protobuf, type Ed25519 (1), 32 bytes of data.
const MULTIHASH_BEFORE_KEY = Buffer.from("002408011220", "hex");

/** A peer id as bytes, as libp2p's messages have it. @throws {PeerIdError} */
export function multihashOf(peer: PeerId): Uint8Array {
  return Buffer.concat([MULTIHASH_BEFORE_KEY, publicKeyOf(peer)]);
}

/** The other way round. @throws {PeerIdError} for all but Ed25519 keys */
export function peerIdOfMultihash(bytes: Uint8Array): PeerId {
  const before = Buffer.from(bytes.subarray(0, MULTIHASH_BEFORE_KEY.length));
  if (!before.equals(MULTIHASH_BEFORE_KEY)) throw new PeerIdError("is not the multihash of an Ed25519 key");
  return peerIdOf(bytes.subarray(MULTIHASH_BEFORE_KEY.length));
}
