const TAG_BYTES = 8;
const AGE_BYTES = 4;
const ENTRY_BYTES = TAG_BYTES + AGE_BYTES;
const MAX_AGE_S = 2 ** 32 - 1;

/** As many statements as one comparison may name. */
export const MAX_COMPARED = 16_384;
export const MAX_COMPARED_BYTES = MAX_COMPARED * ENTRY_BYTES;

/** By which boxes compare what they have: the first 8 bytes of SHA-256, in hex. */
export const TAG_CHARS = TAG_BYTES * 2;

/** The age of each statement in seconds, by its tag. */
export type Ages = ReadonlyMap<string, number>;

/** A frame: each tag (8 bytes) with its age in seconds (4 bytes, big endian), {@link MAX_COMPARED} of them at most. */
export function encodeAges(ages: Ages): Uint8Array {
  const frame = Buffer.alloc(Math.min(ages.size, MAX_COMPARED) * ENTRY_BYTES);
  let at = 0;
  for (const [tag, ageS] of ages) {
    if (at === frame.length) break;
    frame.write(tag, at, "hex");
    at = frame.writeUInt32BE(Math.min(ageS, MAX_AGE_S), at + TAG_BYTES);
  }
  return frame;
}

/** @throws Error where it is no such frame */
export function decodeAges(frame: Uint8Array): Ages {
  if (frame.length % ENTRY_BYTES !== 0 || frame.length > MAX_COMPARED_BYTES)
    throw new Error(`roaming: ${frame.length} bytes of ages`);
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const ages = new Map<string, number>();
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES)
    ages.set(bytes.toString("hex", at, at + TAG_BYTES), bytes.readUInt32BE(at + TAG_BYTES));
  return ages;
}
