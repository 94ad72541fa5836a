import type { Database } from "bun:sqlite";
import { sourceText } from "./bundle-rows.ts";
import type { Source } from "./custody.ts";

/** Another box, however it was reached. */
export type OtherBox = Extract<Source, { by: "box" | "lora" }>;

/** Boxes that are noted for one bundle: to a person it is enough that many have it. */
const MAX_BOXES = 16;

/** Notes that another box has a bundle, because it was given to it, or came from it. */
export function noteHandedOver(db: Database, seq: number, box: Source): void {
  if (box.by !== "box" && box.by !== "lora") return;
  db.query(
    `INSERT OR IGNORE INTO handed_over (seq, to_box)
     SELECT ?1, ?2 WHERE (SELECT count(*) FROM handed_over WHERE seq = ?1) < ${MAX_BOXES}`,
  ).run(seq, sourceText(box));
}

/** How many boxes have a bundle, as far as is noted. */
export function boxesThatHave(db: Database, seq: number): number {
  return (
    db.query<{ boxes: number }, [number]>("SELECT count(*) AS boxes FROM handed_over WHERE seq = ?").get(seq)
      ?.boxes ?? 0
  );
}

/** Whether a box is noted to have a bundle. */
export function hasBeenHanded(db: Database, seq: number, box: OtherBox): boolean {
  return (
    db.query("SELECT 1 FROM handed_over WHERE seq = ? AND to_box = ?").get(seq, sourceText(box)) !== null
  );
}
