import { createHash } from "node:crypto";
import type { BundleId } from "../../../../src/messages/bundle/bundle.ts";
import { IdIndex } from "../../../../src/messages/custody/id-index.ts";

/** The id of this number: like those of bundles, with no order in it. */
export const idNumber = (number: number): BundleId =>
  createHash("sha256").update(`id ${number}`).digest("hex").slice(0, 24);

/** @param from the first number, and `count` in all */
export const idsFrom = (from: number, count: number): BundleId[] =>
  Array.from({ length: count }, (_, at) => idNumber(from + at));

export function indexOf(ids: Iterable<BundleId>): IdIndex {
  const index = new IdIndex();
  for (const id of ids) index.add(id);
  return index;
}
