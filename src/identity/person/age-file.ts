import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { scryptAsync } from "@noble/hashes/scrypt.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { concatBytes, utf8ToBytes } from "@noble/hashes/utils.js";

// Browsers run this too: no Buffer, nothing of Node's. The whole of age is larger than everything else on the page together; what a
// passphrase needs is this.

/** A file that cannot be opened. */
export class AgeFileError extends Error {
  override readonly name = "AgeFileError";
}

const VERSION_LINE = "age-encryption.org/v1";
const SCRYPT_LABEL = utf8ToBytes(`${VERSION_LINE}/scrypt`);
const FILE_KEY_BYTES = 16;
const SALT_BYTES = 16;
const NONCE_BYTES = 16;
const TAG_BYTES = 16;
const CHUNK_BYTES = 65_536;
const HEADER =
  /^age-encryption\.org\/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n---( [A-Za-z0-9+/]{43})\n/;
/** The longest header that {@link HEADER} takes in. */
const MAX_HEADER_BYTES = 200;

/**
 * Seals bytes with a passphrase as `age --encrypt --passphrase` does (https://age-encryption.org/v1, one scrypt recipient).
 * @param workFactor log2 of scrypt's N; with r = 8 it takes 2^workFactor KiB of memory
 * @param random bytes that nobody can guess
 */
export async function sealAgeFile(
  plain: Uint8Array,
  passphrase: string,
  workFactor: number,
  random: (bytes: number) => Uint8Array,
): Promise<Uint8Array> {
  const [fileKey, salt, nonce] = [random(FILE_KEY_BYTES), random(SALT_BYTES), random(NONCE_BYTES)];
  const wrapKey = await wrapKeyOf(passphrase, salt, workFactor);
  const wrapped = chacha20poly1305(wrapKey, new Uint8Array(12)).encrypt(fileKey);
  const header = `${VERSION_LINE}\n-> scrypt ${toBase64(salt)} ${workFactor}\n${toBase64(wrapped)}\n---`;
  const mac = headerMac(fileKey, header);
  const payloadKey = payloadKeyOf(fileKey, nonce);
  const chunks = chunksOf(plain, CHUNK_BYTES).map((chunk, index, all) =>
    chacha20poly1305(payloadKey, chunkNonce(index, index === all.length - 1)).encrypt(chunk),
  );
  return concatBytes(utf8ToBytes(`${header} ${toBase64(mac)}\n`), nonce, ...chunks);
}

/**
 * Opens a file of {@link sealAgeFile}, or of `age --encrypt --passphrase`.
 * @param maxWorkFactor files that ask for more are refused before any work is done
 * @throws {AgeFileError}
 */
export async function openAgeFile(
  file: Uint8Array,
  passphrase: string,
  maxWorkFactor: number,
): Promise<Uint8Array> {
  const text = String.fromCharCode(...file.subarray(0, MAX_HEADER_BYTES));
  const [header, salt = "", factor, wrapped = "", mac = ""] = HEADER.exec(text) ?? [];
  if (header === undefined) throw new AgeFileError("is no age file with a passphrase");
  const workFactor = Number(factor);
  if (workFactor > maxWorkFactor) {
    throw new AgeFileError(`its scrypt work factor is ${workFactor}, more than ${maxWorkFactor}`);
  }
  const wrapKey = await wrapKeyOf(passphrase, fromBase64(salt), workFactor);
  try {
    const fileKey = chacha20poly1305(wrapKey, new Uint8Array(12)).decrypt(fromBase64(wrapped));
    const expected = headerMac(fileKey, header.slice(0, header.length - mac.length - 1));
    if (toBase64(expected) !== mac.trim()) throw new AgeFileError("its header was changed");
    return openPayload(file.subarray(header.length), fileKey);
  } catch {
    // One answer for all: what is wrong where is of no use to who holds the right file and passphrase.
    throw new AgeFileError("the passphrase is wrong, or the file is damaged");
  }
}

function openPayload(payload: Uint8Array, fileKey: Uint8Array): Uint8Array {
  const payloadKey = payloadKeyOf(fileKey, payload.subarray(0, NONCE_BYTES));
  const sealed = chunksOf(payload.subarray(NONCE_BYTES), CHUNK_BYTES + TAG_BYTES);
  const chunks = sealed.map((chunk, index) => {
    const isLast = index === sealed.length - 1;
    // "The final chunk MAY be shorter … but MUST NOT be empty unless the whole payload is empty."
    if (index > 0 && chunk.length === TAG_BYTES) throw new AgeFileError("its last part is empty");
    return chacha20poly1305(payloadKey, chunkNonce(index, isLast)).decrypt(chunk);
  });
  return concatBytes(...chunks);
}

function wrapKeyOf(passphrase: string, salt: Uint8Array, workFactor: number): Promise<Uint8Array> {
  const options = { N: 2 ** workFactor, r: 8, p: 1, dkLen: 32, maxmem: 2 ** (workFactor + 11) };
  return scryptAsync(utf8ToBytes(passphrase), concatBytes(SCRYPT_LABEL, salt), options);
}

const headerMac = (fileKey: Uint8Array, header: string): Uint8Array =>
  hmac(sha256, hkdf(sha256, fileKey, undefined, utf8ToBytes("header"), 32), utf8ToBytes(header));

const payloadKeyOf = (fileKey: Uint8Array, nonce: Uint8Array): Uint8Array =>
  hkdf(sha256, fileKey, nonce, utf8ToBytes("payload"), 32);

/** STREAM: eleven bytes count the chunks, the twelfth marks the last one. */
function chunkNonce(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setUint32(7, index);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** At least one, if an empty one. */
function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / size));
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes)).replace(/=+$/, "");
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
