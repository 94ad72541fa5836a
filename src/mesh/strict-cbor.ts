import type { DecodeOptions } from "cborg";

/** For what comes from others: CBOR as RFC 8949, section 4.2.1, wants it, of nothing but what JSON could say, and bytes. */
export const STRICT_CBOR: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
};
