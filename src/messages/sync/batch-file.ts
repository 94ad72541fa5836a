import { decodeFirst } from "cborg";
import { encodeCbor, Fields, STRICT_CBOR } from "../../identity/cbor.ts";
import { BundleError, MAX_BUNDLE_BYTES } from "../bundle/bundle.ts";
import { crc32c } from "../bundle/crc.ts";

/** Large enough for some thousand messages, and small enough that one file's loss is not all. */
export const MAX_BATCH_BYTES = 2 ** 20;

const MAGIC = "omerta-messages";
const VERSION = 1;
/** No bundle is shorter: two keys' worth of signature, and a key. */
const MIN_BUNDLE_BYTES = 100;

export interface BatchRecord {
  /** Seconds since the bundle was made, when the file was written. */
  ageS: number;
  /** A bundle as `encodeBundle` writes it. */
  encoded: Uint8Array;
}

export interface Batch {
  /** Seconds since 1970 when it was written; 0 where that box's clock was not trusted. */
  writtenS: number;
  records: BatchRecord[];
  /** Whether something of it was torn or changed, and left out. */
  damaged: boolean;
}

/**
 * The beginning of a file of bundles. The file is a CBOR sequence (RFC 8742) of `["omerta-messages", 1, writtenS, crc]` and
 * of one `[ageS, bundle, crc]` for each bundle, so that what is whole in a torn file is found. A CRC-32C is over the
 * encoded elements before it.
 */
export const encodeBatchHead = (writtenS: number): Uint8Array =>
  encodeCbor([MAGIC, VERSION, writtenS, crc32c(encodeCbor([MAGIC, VERSION, writtenS]))]);

export const encodeBatchRecord = ({ ageS, encoded }: BatchRecord): Uint8Array =>
  encodeCbor([ageS, encoded, recordCrc(ageS, encoded)]);

/**
 * Reads what is whole in a file of bundles, whoever wrote it: up to the first record that is none.
 * @throws {BundleError} when it does not begin as such a file
 */
export function decodeBatch(bytes: Uint8Array): Batch {
  if (bytes.length > MAX_BATCH_BYTES)
    throw fail("batch", `${bytes.length} bytes, more than ${MAX_BATCH_BYTES}`);
  const [head, afterHead] = first(bytes, "batch");
  if (head.text("magic", MAGIC.length) !== MAGIC) throw head.fail("magic", `is not ${MAGIC}`);
  if (head.uint("version") !== VERSION) throw head.fail("version", `is not ${VERSION}`);
  const writtenS = head.uint("writtenS");
  const crc = head.uint("crc");
  head.end();
  if (crc !== crc32c(encodeCbor([MAGIC, VERSION, writtenS]))) throw head.fail("crc", "is wrong");
  const records: BatchRecord[] = [];
  let rest = afterHead;
  try {
    while (rest.length > 0) {
      const [fields, after] = first(rest, `record${records.length}`);
      records.push(readRecord(fields));
      rest = after;
    }
  } catch (error) {
    if (!(error instanceof BundleError)) throw error;
    return { writtenS, records, damaged: true };
  }
  return { writtenS, records, damaged: false };
}

function readRecord(fields: Fields): BatchRecord {
  const ageS = fields.uint("ageS");
  const encoded = fields.bytes("bundle", MIN_BUNDLE_BYTES, MAX_BUNDLE_BYTES);
  const crc = fields.uint("crc");
  fields.end();
  if (crc !== recordCrc(ageS, encoded)) throw fields.fail("crc", "is wrong");
  return { ageS, encoded };
}

const recordCrc = (ageS: number, encoded: Uint8Array): number => crc32c(encodeCbor(ageS), encoded);

const fail = (field: string, why: string): BundleError => new BundleError(field, why);

/** The first item of a CBOR sequence, which has to be an array, and what comes after it. */
function first(bytes: Uint8Array, what: string): [Fields, Uint8Array] {
  let item: [unknown, Uint8Array];
  try {
    item = decodeFirst(bytes, STRICT_CBOR);
  } catch (cause) {
    throw fail(what, cause instanceof Error ? cause.message : String(cause));
  }
  const [value, rest] = item;
  if (!Array.isArray(value)) throw fail(what, "is no array");
  return [new Fields(value, what, fail), rest];
}
