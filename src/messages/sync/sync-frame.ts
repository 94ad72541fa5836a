import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { type Cbor, decodeCborArray, encodeCbor, type Fields } from "../../identity/cbor.ts";
import { type BundleId, ID_BYTES, MAX_BUNDLE_BYTES } from "../bundle/bundle.ts";
import type { RefusalReason } from "../custody/custody.ts";
import { idBytes, rangeElements, readIds, readRanges } from "./range-code.ts";
import type { Rank } from "./rank.ts";
import type { Range } from "./reconcile.ts";

export const BUNDLES_PROTOCOL = "/omerta/bundles/1";
/** What this box speaks. Two boxes speak the lower one of theirs. */
export const VERSION = 1;
/** A bundle, or the longest message of a comparison, with what is around it. */
export const MAX_SYNC_FRAME_BYTES = 98_304;
/** Ids that one frame may offer, ask for or answer. */
export const MAX_FRAME_IDS = 512;

/** What became of a bundle that was offered or handed over. `later`: it is wanted, but not now. */
export type Outcome = "new" | "known" | "later" | RefusalReason;

export type SyncFrame =
  /** The first of each side, and again when what it takes has changed. */
  | { says: "hello"; version: number; takesLarge: boolean }
  | { says: "compare"; rank: Rank; ranges: readonly Range[] }
  /** Answers `compare`. */
  | { says: "compared"; rank: Rank; ranges: readonly Range[] }
  | { says: "offer"; rank: Rank; ids: readonly BundleId[] }
  | { says: "want"; ids: readonly BundleId[] }
  | { says: "bundle"; id: BundleId; ageMs: number; encoded: Uint8Array }
  /** Answers `offer` and `bundle`; of a bundle only once it is on the medium. */
  | { says: "taken"; outcome: Outcome; ids: readonly BundleId[] }
  /** Answers `want`. */
  | { says: "not-here"; ids: readonly BundleId[] };

/** A frame that is none. */
export class SyncFrameError extends Error {
  override readonly name = "SyncFrameError";
  constructor(
    /** What is wrong: `frame.ageMs`. */
    readonly field: string,
    why: string,
  ) {
    super(`${field}: ${why}`);
  }
}

/** On the wire, whatever the order in the source becomes. */
const NUMBERS: Record<SyncFrame["says"], number> = {
  hello: 0,
  compare: 1,
  compared: 2,
  offer: 3,
  want: 4,
  bundle: 5,
  taken: 6,
  "not-here": 7,
};
const RANK_NUMBERS: Record<Rank, number> = {
  sos: 0,
  "check-in": 1,
  direct: 2,
  room: 3,
  background: 4,
  large: 5,
};
const OUTCOME_NUMBERS: Record<Outcome, number> = {
  new: 0,
  known: 1,
  later: 2,
  malformed: 3,
  expired: 4,
  quota: 5,
  full: 6,
  blocked: 7,
  "not-allowed": 8,
};
const MAX_VERSION = 255;

/** A frame as deterministic CBOR (RFC 8949, section 4.2.1): an array of the number of what it says, and its fields in order. */
export const encodeFrame = (frame: SyncFrame): Uint8Array =>
  encodeCbor([NUMBERS[frame.says], ...elements(frame)]);

function elements(frame: SyncFrame): readonly Cbor[] {
  switch (frame.says) {
    case "hello":
      return [frame.version, frame.takesLarge ? 1 : 0];
    case "compare":
    case "compared":
      return [RANK_NUMBERS[frame.rank], ...rangeElements(frame.ranges)];
    case "offer":
      return [RANK_NUMBERS[frame.rank], idBytes(frame.ids)];
    case "want":
    case "not-here":
      return [idBytes(frame.ids)];
    case "bundle":
      return [hexToBytes(frame.id), frame.ageMs, frame.encoded];
    case "taken":
      return [OUTCOME_NUMBERS[frame.outcome], idBytes(frame.ids)];
  }
}

/** @throws {SyncFrameError} */
export function decodeFrame(bytes: Uint8Array): SyncFrame {
  const error = (field: string, why: string) => new SyncFrameError(field, why);
  const fields = decodeCborArray(bytes, MAX_SYNC_FRAME_BYTES, "frame", error);
  const frame = read(named(fields, "says", NUMBERS), fields);
  // A later version may say more in its greeting; what it says else, it says to those who speak it.
  if (frame.says !== "hello" || frame.version === VERSION) fields.end();
  return frame;
}

function read(says: SyncFrame["says"], fields: Fields): SyncFrame {
  const ids = () => readIds(fields, "ids", MAX_FRAME_IDS);
  switch (says) {
    case "hello": {
      const version = fields.uint("version", MAX_VERSION);
      if (version === 0) throw fields.fail("version", "is 0");
      return { says, version, takesLarge: fields.uint("takesLarge", 1) === 1 };
    }
    case "compare":
    case "compared":
      return { says, rank: named(fields, "rank", RANK_NUMBERS), ranges: readRanges(fields) };
    case "offer":
      return { says, rank: named(fields, "rank", RANK_NUMBERS), ids: ids() };
    case "want":
    case "not-here":
      return { says, ids: ids() };
    case "bundle":
      return {
        says,
        id: bytesToHex(fields.bytes("id", ID_BYTES)),
        ageMs: fields.uint("ageMs"),
        encoded: fields.bytes("encoded", 0, MAX_BUNDLE_BYTES),
      };
    case "taken":
      return { says, outcome: named(fields, "outcome", OUTCOME_NUMBERS), ids: ids() };
  }
}

function named<K extends string>(fields: Fields, field: string, numbers: Readonly<Record<K, number>>): K {
  const number = fields.uint(field, 255);
  for (const name in numbers) if (numbers[name] === number) return name;
  throw fields.fail(field, `${number} is not known here`);
}
