/** Never the first byte of a text in UTF-8, so that no person's text is taken for data. */
const MARKER = 0xff;

/** Two bytes more than the payload, whatever it is. */
export const ZERO_FREE_OVERHEAD = 2;

/**
 * Puts bytes into what MeshCore carries as a text, which ends at the first 0: a marker, a mask that does not occur in
 * the payload, and the payload with the mask XORed over it, which is then free of 0.
 * @throws RangeError when the payload holds every byte but 0, which takes 255 of them
 */
export function zeroFree(payload: Uint8Array): Uint8Array {
  const used = new Set(payload);
  let mask = 1;
  while (used.has(mask)) mask++;
  if (mask > 0xff) throw new RangeError("payload: it holds every value that a byte can have");
  const text = new Uint8Array(ZERO_FREE_OVERHEAD + payload.length);
  text[0] = MARKER;
  text[1] = mask;
  text.set(
    payload.map((byte) => byte ^ mask),
    ZERO_FREE_OVERHEAD,
  );
  return text;
}

/** @returns undefined when it is not what {@link zeroFree} makes, such as a person's text */
export function fromZeroFree(text: Uint8Array): Uint8Array | undefined {
  const [marker, mask] = text;
  if (marker !== MARKER || mask === undefined || mask === 0 || text.includes(0)) return undefined;
  return text.slice(ZERO_FREE_OVERHEAD).map((byte) => byte ^ mask);
}
