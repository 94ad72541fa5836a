import type { Database } from "bun:sqlite";
import { crc32 } from "node:zlib";
import { type Bundle, BundleError, type BundleId, type Destination, PRIORITIES } from "../bundle/bundle.ts";
import { decodeBundle, isSigned } from "../bundle/bundle-codec.ts";
import type { Held, Source } from "./custody.ts";
import { hex, holderOf, type ReadBundle } from "./opened-bundle.ts";
import { ROW_BYTES } from "./store-schema.ts";

/** A row of the table `bundle`. */
export interface BundleRow {
  seq: number;
  id: BundleId;
  rank: number;
  kind: string;
  priority: number;
  /** Hex. */
  sender: string;
  sender_as: string;
  to_kind: string;
  to_value: string;
  holder: string;
  source: string;
  born_ms: number;
  /** When it first came here: whatever ages others count, it is no younger. */
  came_ms: number;
  expires_ms: number;
  cost: number;
  about: BundleId | null;
  subject: string | null;
  name: string | null;
  version: number | null;
  latest: number;
  removed_by: string | null;
  removed_reason: string | null;
  /** CRC-32 of `encoded`: SQLite would not notice a card that loses bits. */
  crc: number;
  /** Empty where it was taken away. */
  encoded: Uint8Array;
}

/** Bundles made in the same second have ranks apart by the order in which they came. */
const RANKS_A_SECOND = 2 ** 20;

/** To the second. */
export const ageOfRank = (rank: number, nowMs: number): number =>
  Math.max(0, nowMs - Math.floor(rank / RANKS_A_SECOND) * 1_000);

export const rankOf = (bornMs: number, seq: number): number =>
  Math.floor(bornMs / 1_000) * RANKS_A_SECOND + (seq % RANKS_A_SECOND);

/** When a bundle was made and when it first came here, by the store's age. */
export interface Times {
  bornMs: number;
  cameMs: number;
}

export function rowOf(read: ReadBundle, seq: number, { bornMs, cameMs }: Times, source: Source): BundleRow {
  const { id, bundle, encoded, facts } = read;
  return {
    seq,
    id,
    rank: rankOf(bornMs, seq),
    kind: bundle.kind,
    priority: PRIORITIES.indexOf(bundle.priority),
    sender: hex(bundle.sender.key),
    sender_as: bundle.sender.as,
    to_kind: bundle.to.kind,
    to_value: toValue(bundle.to),
    holder: isSigned(bundle) ? holderOf(bundle, source) : namedHolderOf(bundle, source),
    source: sourceText(source),
    born_ms: bornMs,
    came_ms: cameMs,
    expires_ms: bornMs + bundle.lifetimeS * 1_000,
    cost: ROW_BYTES + encoded.length,
    ...facts,
    latest: 0,
    removed_by: null,
    removed_reason: null,
    crc: crc32(encoded),
    encoded,
  };
}

/**
 * What is not signed may name anybody: for each name it counts apart from what they have signed, and from what others handed over. To
 * make names up costs no less than to make up keys.
 */
const namedHolderOf = (bundle: Bundle, source: Source): string =>
  `${sourceText(source)} for ${holderOf(bundle, source)}`;

const COLUMNS: readonly (keyof BundleRow)[] = [
  "seq",
  "id",
  "rank",
  "kind",
  "priority",
  "sender",
  "sender_as",
  "to_kind",
  "to_value",
  "holder",
  "source",
  "born_ms",
  "came_ms",
  "expires_ms",
  "cost",
  "about",
  "subject",
  "name",
  "version",
  "latest",
  "removed_by",
  "removed_reason",
  "crc",
  "encoded",
];
const INSERT = `INSERT INTO bundle (${COLUMNS.join(", ")}) VALUES (${COLUMNS.map(() => "?").join(", ")})`;

export function insertRow(db: Database, row: BundleRow): void {
  db.query(INSERT).run(...COLUMNS.map((column) => row[column]));
}

export function rowById(db: Database, id: BundleId): BundleRow | null {
  return db.query<BundleRow, [string]>("SELECT * FROM bundle WHERE id = ?").get(id);
}

export const isTrace = ({ encoded }: Pick<BundleRow, "encoded">): boolean => encoded.length === 0;

/**
 * @returns undefined for one that is as it was written, by a newer version whose bundles this one cannot read
 * @throws {BundleError} where a row is not as it was written: a damaged medium
 */
export function heldOf(row: BundleRow, nowMs: number): Held | undefined {
  const encoded = Uint8Array.from(row.encoded);
  if (crc32(encoded) !== row.crc) throw new BundleError("bundle", "is not as it was written");
  const bundle = readableHere(encoded);
  if (bundle === undefined) return undefined;
  return {
    id: row.id,
    bundle,
    encoded,
    // By what is left: of time off that is guessed, not all may have counted.
    ageMs: Math.max(0, nowMs - row.expires_ms + bundle.lifetimeS * 1_000),
    source: sourceOf(row.source),
    order: row.seq,
  };
}

function readableHere(encoded: Uint8Array): Bundle | undefined {
  try {
    return decodeBundle(encoded);
  } catch (error) {
    if (error instanceof BundleError) return undefined;
    throw error;
  }
}

export function toValue(to: Destination): string {
  switch (to.kind) {
    case "everyone":
      return "";
    case "person":
      return hex(to.key);
    case "room":
      return to.room;
    case "service":
      return to.service;
    case "outside":
      return to.uri;
  }
}

/** `guest 02:00:00:00:00:01`, `lora 1234`, `self`. */
export function sourceText(source: Source): string {
  switch (source.by) {
    case "guest":
      return `guest ${source.station}`;
    case "box":
      return `box ${source.peer}`;
    case "lora":
      return `lora ${source.address}`;
    case "folder":
      return `folder ${source.label}`;
    case "self":
      return "self";
  }
}

function sourceOf(text: string): Source {
  const [by = "", ...rest] = text.split(" ");
  const name = rest.join(" ");
  switch (by) {
    case "guest":
      return { by, station: name };
    case "box":
      return { by, peer: name };
    case "lora":
      return { by, address: Number(name) };
    case "folder":
      return { by, label: name };
    default:
      return { by: "self" };
  }
}
