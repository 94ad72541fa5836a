// Browsers run this too: no Buffer, nothing of Node's.

/** x^16 + x^12 + x^5 + 1, its bits the other way round. */
const X25_POLYNOMIAL = 0x8408;
/** Castagnoli's polynomial, its bits the other way round. */
const CASTAGNOLI_POLYNOMIAL = 0x82f63b78;

const X25 = tableOf(X25_POLYNOMIAL);
const CASTAGNOLI = tableOf(CASTAGNOLI_POLYNOMIAL);

/** CRC-16/X-25 (RFC 9171, section 4.2.1; its check value, of "123456789", is 906e). */
export const crc16x25 = (...parts: readonly Uint8Array[]): number => crcOf(parts, X25, 0xffff) ^ 0xffff;

/** CRC-32C (RFC 9171, section 4.2.1, and RFC 9260, appendix A; its check value, of "123456789", is e3069283). */
export const crc32c = (...parts: readonly Uint8Array[]): number => ~crcOf(parts, CASTAGNOLI, -1) >>> 0;

function crcOf(parts: readonly Uint8Array[], table: Int32Array, start: number): number {
  let crc = start;
  for (const part of parts) {
    for (const byte of part) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  }
  return crc;
}

function tableOf(polynomial: number): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? polynomial : 0);
    return crc;
  });
}
