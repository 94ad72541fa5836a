import { bytesToIp, ipToBytes } from "../../host/ip-address.ts";
import { sodium } from "../engine/sodium.ts";

/** What a box says of itself on one link. */
export interface Announcement {
  /** Raw Ed25519 public key in the network at hand, 32 bytes. */
  publicKey: Uint8Array;
  /** 0: it does not listen there. */
  tcpPort: number;
  wsPort: number;
  udpPort: number;
  /** Its addresses on this link, without zone and prefix length; at most {@link MAX_ADDRESSES} are told. */
  addresses: readonly string[];
  /** It is about to go. */
  isGoodbye: boolean;
}

export const MAX_ADDRESSES = 8;

const VERSION = 1;
const GOODBYE = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
/** Version, flags, key, three ports, count, addresses with their family: whatever it says, it is as long. */
const PLAIN_BYTES = 192;
const FIXED_BYTES = 1 + 1 + KEY_BYTES + 6 + 1;

/** Bytes of every sealed announcement. */
export const SEALED_BYTES = NONCE_BYTES + PLAIN_BYTES + TAG_BYTES;

const PURPOSE = new TextEncoder().encode("omerta-box local discovery 1");
const associated = (instance: string): Uint8Array => new TextEncoder().encode(instance);

/** The key that announcements are sealed with, from a network's shared key (BLAKE2b keyed with it, over the purpose). */
export function announcementKey(sharedKey: Uint8Array): Uint8Array {
  const key = new Uint8Array(KEY_BYTES);
  sodium().crypto_generichash(key, PURPOSE, sharedKey);
  return key;
}

export function encodeAnnouncement(announcement: Announcement): Uint8Array {
  const plain = new Uint8Array(PLAIN_BYTES);
  const view = new DataView(plain.buffer);
  plain[0] = VERSION;
  plain[1] = announcement.isGoodbye ? GOODBYE : 0;
  plain.set(announcement.publicKey.subarray(0, KEY_BYTES), 2);
  view.setUint16(34, announcement.tcpPort);
  view.setUint16(36, announcement.wsPort);
  view.setUint16(38, announcement.udpPort);
  const addresses = announcement.addresses.flatMap((text) => ipToBytes(text) ?? []).slice(0, MAX_ADDRESSES);
  plain[40] = addresses.length;
  let offset = FIXED_BYTES;
  for (const address of addresses) {
    plain[offset] = address.length === 4 ? 4 : 6;
    plain.set(address, offset + 1);
    offset += 1 + address.length;
  }
  return plain;
}

/** Undefined for whatever {@link encodeAnnouncement} does not make, other versions included. */
export function decodeAnnouncement(plain: Uint8Array): Announcement | undefined {
  if (plain.length !== PLAIN_BYTES || plain[0] !== VERSION) return undefined;
  const view = new DataView(plain.buffer, plain.byteOffset, plain.length);
  const count = plain[40] ?? 0;
  if (count > MAX_ADDRESSES) return undefined;
  const addresses: string[] = [];
  let offset = FIXED_BYTES;
  for (let index = 0; index < count; index += 1) {
    const family = plain[offset];
    if (family !== 4 && family !== 6) return undefined;
    const end = offset + 1 + (family === 4 ? 4 : 16);
    addresses.push(bytesToIp(plain.subarray(offset + 1, end)));
    offset = end;
  }
  return {
    publicKey: plain.slice(2, 34),
    tcpPort: view.getUint16(34),
    wsPort: view.getUint16(36),
    udpPort: view.getUint16(38),
    addresses,
    isGoodbye: ((plain[1] ?? 0) & GOODBYE) !== 0,
  };
}

/**
 * Seals an announcement (XChaCha20-Poly1305): only who has the network's shared key can read it, or make one.
 * @param key of {@link announcementKey}
 * @param instance the name that it is published under, to which it is bound
 * @param nonce 24 random bytes, other ones each time
 */
export function sealAnnouncement(
  announcement: Announcement,
  key: Uint8Array,
  instance: string,
  nonce: Uint8Array,
): Uint8Array {
  const sealed = new Uint8Array(SEALED_BYTES);
  sealed.set(nonce);
  sodium().crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed.subarray(NONCE_BYTES),
    encodeAnnouncement(announcement),
    associated(instance),
    null,
    nonce,
    key,
  );
  return sealed;
}

/** Undefined when it was sealed with another key or for another name, was changed, or says nothing that is understood. */
export function openAnnouncement(
  sealed: Uint8Array,
  key: Uint8Array,
  instance: string,
): Announcement | undefined {
  if (sealed.length !== SEALED_BYTES) return undefined;
  const plain = new Uint8Array(PLAIN_BYTES);
  // A library that cannot be loaded is no stranger's fault.
  const library = sodium();
  try {
    library.crypto_aead_xchacha20poly1305_ietf_decrypt(
      plain,
      null,
      sealed.subarray(NONCE_BYTES),
      associated(instance),
      sealed.subarray(0, NONCE_BYTES),
      key,
    );
  } catch {
    return undefined;
  }
  return decodeAnnouncement(plain);
}
