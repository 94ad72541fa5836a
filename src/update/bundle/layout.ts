/** What is no RAUC bundle of the verity format, or a damaged one. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

/** The unit in which a bundle's content is hashed. */
export const BLOCK_BYTES = 4_096;
/** RAUC's own limit for a signature (`max-bundle-signature-size`). */
export const MAX_SIGNATURE_BYTES = 65_536;
/** A larger bundle is no image of ours. */
export const MAX_BUNDLE_BYTES = 4 * 1024 ** 3;
const LENGTH_BYTES = 8;
/** What has to be read of a bundle's end to have its signature whatever its size. */
export const MAX_TAIL_BYTES = MAX_SIGNATURE_BYTES + LENGTH_BYTES;

/**
 * Where what is in a bundle: content, the tree of its hashes, the signature (CMS, in it the manifest), the signature's
 * length (8 bytes, big endian). See https://rauc.readthedocs.io/en/latest/reference.html#verity-format.
 */
export interface BundleLayout {
  bytes: number;
  /** Of {@link BLOCK_BYTES}, of what is hashed. */
  contentBlocks: number;
  treeBlocks: number;
  /** Where the signature begins. */
  signedAt: number;
  rootHash: Uint8Array;
  salt: Uint8Array;
}

/**
 * Reads where what is from a bundle's last bytes alone. What they say is believed only once RAUC has found the signature
 * good: this looks for the manifest's lines wherever they are.
 * @param tail its end: at least the whole signature, at most {@link MAX_TAIL_BYTES} are looked at
 * @param bytes the bundle's size
 * @throws {BundleError}
 */
export function readLayout(tail: Uint8Array, bytes: number): BundleLayout {
  const end = Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).subarray(-MAX_TAIL_BYTES);
  const signatureBytes = signatureLength(end, bytes);
  const signature = end.subarray(-LENGTH_BYTES - signatureBytes, -LENGTH_BYTES);
  if (signature.length !== signatureBytes) throw new BundleError("bundle: its signature is not all there");
  const text = signature.toString("latin1");
  const field = (name: string, form: string) =>
    new RegExp(`(?:^|\\n)verity-${name}=(${form})(?:\\n|$)`).exec(text)?.[1] ?? "";
  const [rootHash, salt] = [field("hash", "[0-9a-f]{64}"), field("salt", "[0-9a-f]{64}")];
  const treeBytes = Number(field("size", "[0-9]{1,12}") || Number.NaN);
  if (rootHash === "" || salt === "" || Number.isNaN(treeBytes))
    throw new BundleError("bundle: its manifest is not of the verity format");
  const signedAt = bytes - LENGTH_BYTES - signatureBytes;
  const contentBytes = signedAt - treeBytes;
  if (contentBytes < BLOCK_BYTES || contentBytes % BLOCK_BYTES !== 0 || treeBytes % BLOCK_BYTES !== 0)
    throw new BundleError(`bundle: ${bytes} bytes with hashes of ${treeBytes} are no whole blocks`);
  const layout = {
    bytes,
    contentBlocks: contentBytes / BLOCK_BYTES,
    treeBlocks: treeBytes / BLOCK_BYTES,
    signedAt,
    rootHash: Buffer.from(rootHash, "hex"),
    salt: Buffer.from(salt, "hex"),
  };
  return layout;
}

/** @param end the last bytes, at least the length's own */
export function signatureLength(end: Uint8Array, bytes: number): number {
  if (bytes > MAX_BUNDLE_BYTES) throw new BundleError(`bundle: ${bytes} bytes are too many`);
  if (end.length < LENGTH_BYTES || bytes < LENGTH_BYTES) throw new BundleError("bundle: too short");
  const length = Buffer.from(end.buffer, end.byteOffset, end.byteLength).readBigUInt64BE(
    end.length - LENGTH_BYTES,
  );
  if (length === 0n || length > BigInt(MAX_SIGNATURE_BYTES) || length > BigInt(bytes - LENGTH_BYTES))
    throw new BundleError(`bundle: a signature of ${length} bytes`);
  return Number(length);
}
