import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { Cbor, Fields } from "../../identity/cbor.ts";
import { type BundleId, ID_BYTES } from "../bundle/bundle.ts";
import type { Range } from "./reconcile.ts";

const SAYS: Record<Range["says"], number> = { same: 0, digest: 1, all: 2, differs: 3 };
const DIGEST_BYTES = 16;
/** What a message may name: more than any that an honest side writes. */
const MAX_RANGES = 8_192;
const MAX_IDS = 8_192;

/** Ranges as elements of an array: for each `upTo` (no bytes: to the end), a number for what it says, and what it says. */
export const rangeElements = (ranges: readonly Range[]): Cbor[] => ranges.flatMap(elements);

function elements(range: Range): Cbor[] {
  const head = [hexToBytes(range.upTo ?? ""), SAYS[range.says]];
  switch (range.says) {
    case "same":
      return head;
    case "digest":
      return [...head, range.digest];
    case "all":
      return [...head, idBytes(range.ids)];
    case "differs":
      return [...head, idBytes(range.lacks), idBytes(range.has)];
  }
}

/** Reads them to the end of the array. @throws as `fields` does */
export function readRanges(fields: Fields): Range[] {
  const ranges: Range[] = [];
  while (fields.left > 0) {
    if (ranges.length === MAX_RANGES) throw fields.fail("ranges", `more than ${MAX_RANGES}`);
    const upTo = bytesToHex(fields.bytes("upTo", 0, ID_BYTES)) || undefined;
    const says = fields.uint("says", SAYS.differs);
    if (says === SAYS.same) ranges.push({ upTo, says: "same" });
    else if (says === SAYS.digest)
      ranges.push({ upTo, says: "digest", digest: fields.bytes("digest", DIGEST_BYTES) });
    else if (says === SAYS.all) ranges.push({ upTo, says: "all", ids: readIds(fields, "ids") });
    else ranges.push({ upTo, says: "differs", lacks: readIds(fields, "lacks"), has: readIds(fields, "has") });
  }
  return ranges;
}

/** Ids one behind the other. */
export const idBytes = (ids: readonly BundleId[]): Uint8Array => hexToBytes(ids.join(""));

/** @throws as `fields` does */
export function readIds(fields: Fields, field: string, most = MAX_IDS): BundleId[] {
  const bytes = fields.bytes(field, 0, most * ID_BYTES);
  if (bytes.length % ID_BYTES !== 0) throw fields.fail(field, "does not end with an id");
  const hex = bytesToHex(bytes);
  const ids: BundleId[] = [];
  for (let at = 0; at < hex.length; at += 2 * ID_BYTES) ids.push(hex.slice(at, at + 2 * ID_BYTES));
  return ids;
}
