import { sodium } from "../engine/sodium.ts";

/**
 * A sealed datagram, numbers big-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 1 | {@link SEALED}; the two top bits are set, those of STUN (RFC 8489 section 5) and WireGuard are not, so that they share a socket |
 * | 4 | index of the session, the receiver's own |
 * | 8 | counter, the nonce: each once in a session |
 * | rest | the body, sealed by ChaCha20-Poly1305 (RFC 8439) with what stands before it as additional data; 16 bytes of it are the tag |
 */
export const SEALED = 0xc1;
const HEADER_BYTES = 13;
const TAG_BYTES = 16;
/** What a datagram has beyond its body. */
export const DATAGRAM_OVERHEAD = HEADER_BYTES + TAG_BYTES;
/** Longer ones are not looked at: the largest that a UDP socket gives us in one piece on any usual link. */
export const MAX_DATAGRAM_BYTES = 2_048;

export interface DatagramHeader {
  receiverIndex: number;
  counter: number;
}

/** Whether it claims to be one of ours, by its first byte. */
export const isSealed = (datagram: Uint8Array): boolean => datagram[0] === SEALED;

/** @returns undefined where it cannot be a sealed datagram */
export function readHeader(datagram: Uint8Array): DatagramHeader | undefined {
  if (!isSealed(datagram)) return undefined;
  if (datagram.length <= DATAGRAM_OVERHEAD || datagram.length > MAX_DATAGRAM_BYTES) return undefined;
  const view = new DataView(datagram.buffer, datagram.byteOffset, HEADER_BYTES);
  const counter = view.getUint32(5) * 2 ** 32 + view.getUint32(9);
  if (!Number.isSafeInteger(counter)) return undefined;
  return { receiverIndex: view.getUint32(1), counter };
}

/** @throws RangeError when the body is empty or too long, or the counter used up: never, at a million a second for 285 years */
export function seal(
  key: Uint8Array,
  receiverIndex: number,
  counter: number,
  body: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const bytes = body.length + DATAGRAM_OVERHEAD;
  if (body.length === 0 || bytes > MAX_DATAGRAM_BYTES) throw new RangeError(`body: ${body.length} bytes`);
  if (!Number.isSafeInteger(counter) || counter < 0) throw new RangeError(`counter: ${counter}`);
  const datagram = new Uint8Array(bytes);
  const view = new DataView(datagram.buffer);
  datagram[0] = SEALED;
  view.setUint32(1, receiverIndex);
  view.setUint32(5, Math.floor(counter / 2 ** 32));
  view.setUint32(9, counter % 2 ** 32);
  const header = datagram.subarray(0, HEADER_BYTES);
  sodium().crypto_aead_chacha20poly1305_ietf_encrypt(
    datagram.subarray(HEADER_BYTES),
    body,
    header,
    null,
    nonceOf(counter),
    key,
  );
  return datagram;
}

/** @returns the body; undefined where it was not sealed with this key, or was altered */
export function unseal(
  key: Uint8Array,
  { counter }: DatagramHeader,
  datagram: Uint8Array,
): Uint8Array | undefined {
  const body = new Uint8Array(datagram.length - DATAGRAM_OVERHEAD);
  const header = datagram.subarray(0, HEADER_BYTES);
  // A library that cannot be loaded is no stranger's fault.
  const library = sodium();
  try {
    library.crypto_aead_chacha20poly1305_ietf_decrypt(
      body,
      null,
      datagram.subarray(HEADER_BYTES),
      header,
      nonceOf(counter),
      key,
    );
  } catch {
    return undefined;
  }
  return body;
}

/** RFC 8439 section 2.3: 96 bits, of which the first 32 are constant here. */
function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(4, counter % 2 ** 32, true);
  view.setUint32(8, Math.floor(counter / 2 ** 32), true);
  return nonce;
}
