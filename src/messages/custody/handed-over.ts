import type { Database } from "bun:sqlite";
import { type BundleRow, sourceText } from "./bundle-rows.ts";
import type { Source } from "./custody.ts";

/** Another box, however it was reached. */
export type OtherBox = Extract<Source, { by: "box" | "lora" }>;

/** Boxes that are noted for one bundle: to a person it is enough that many have it. */
const MAX_BOXES = 16;

/** Whether a bundle came from another box, which has it then. */
const cameFromBox = ({ source }: Pick<BundleRow, "source">): boolean => /^(box|lora) /.test(source);

/** Whether it matters to anybody here that another box has a bundle: to who wrote it, as long as it may be the only one. */
export const isToBeNoted = (row: Pick<BundleRow, "source"> | null, by: Source): boolean =>
  row !== null && !cameFromBox(row) && (by.by === "box" || by.by === "lora");

/** Notes that another box has a bundle, because it was given to it, or offered by it. */
export function noteHandedOver(db: Database, row: Pick<BundleRow, "seq" | "source">, box: Source): void {
  if (!isToBeNoted(row, box)) return;
  db.query(
    `INSERT OR IGNORE INTO handed_over (seq, to_box)
     SELECT ?1, ?2 WHERE (SELECT count(*) FROM handed_over WHERE seq = ?1) < ${MAX_BOXES}`,
  ).run(row.seq, sourceText(box));
}

/** How many other boxes have a bundle, as far as is noted; of one that came from a box, that one. */
export function boxesThatHave(db: Database, row: Pick<BundleRow, "seq" | "source">): number {
  if (cameFromBox(row)) return 1;
  return (
    db
      .query<{ boxes: number }, [number]>("SELECT count(*) AS boxes FROM handed_over WHERE seq = ?")
      .get(row.seq)?.boxes ?? 0
  );
}

/** Of what was written here, the newest that no other box is noted to have. */
export function unconfirmedOf(db: Database, limit: number): string[] {
  return db
    .query<{ id: string }, [number]>(
      `SELECT id FROM bundle WHERE (source = 'self' OR source LIKE 'guest %') AND length(encoded) > 0
       AND NOT EXISTS (SELECT 1 FROM handed_over WHERE handed_over.seq = bundle.seq) ORDER BY seq DESC LIMIT ?`,
    )
    .all(limit)
    .map(({ id }) => id);
}
