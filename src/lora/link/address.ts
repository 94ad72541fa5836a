/** A box on the link: the first 24 bits of a hash of its device key. 0 is nobody's. */
export type LinkAddress = number;

export const ADDRESS_BYTES = 3;
const LARGEST = 2 ** (8 * ADDRESS_BYTES) - 1;

/** The address that follows from a hash of at least three bytes. */
export function linkAddressOf(hash: Uint8Array): LinkAddress {
  const [a = 0, b = 0, c = 0] = hash;
  return Math.max(1, (a << 16) | (b << 8) | c);
}

/** Six hex digits, as people read it. */
export const addressText = (address: LinkAddress): string => address.toString(16).padStart(6, "0");

/** @returns undefined when the text is no address */
export function parseAddress(text: string): LinkAddress | undefined {
  if (!/^[0-9a-f]{6}$/i.test(text)) return undefined;
  const address = Number.parseInt(text, 16);
  return address >= 1 && address <= LARGEST ? address : undefined;
}
