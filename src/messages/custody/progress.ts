import type { Database } from "bun:sqlite";
import type { ReceiptState } from "../bundle/bodies.ts";
import type { BundleId } from "../bundle/bundle.ts";
import { ageOfRank, type BundleRow } from "./bundle-rows.ts";
import { boxesThatHave } from "./handed-over.ts";
import type { Departure, Shelf } from "./shelf.ts";
import { goneOf } from "./taking-in.ts";

/** What somebody has said has become of a bundle. */
export interface Receipt {
  state: ReceiptState;
  /** Hex of the key that says so. */
  sender: string;
  as: string;
  note: string;
  /** Since it was said. */
  ageMs: number;
}

/** How far a bundle has come, as far as this box knows. */
export interface Progress {
  id: BundleId;
  /** `waiting`: no other box is known to have it. The rest as in the receipts that count; an operator's `handed-over` is `acknowledged`. */
  state: "waiting" | "handed-over" | "delivered" | "read" | "acknowledged" | "closed";
  /** What the operator last wrote; may be empty. */
  note: string;
  /** Other boxes that have it, as far as was noted. */
  boxes: number;
  /** Why it is here no more. */
  gone?: Departure;
}

const MAX_RECEIPTS = 64;
/** Receipts of one bundle that are looked at, counting or not: anybody may write any number. */
const MAX_LOOKED_AT = 1_000;

type ReceiptRow = { state: ReceiptState; sender: string; sender_as: string; note: string; rank: number };
type Target = Pick<BundleRow, "seq" | "kind" | "to_value" | "source">;

/** Receipts of a bundle that count, the newest first: of a direct message its recipient's, of others the members' boxes'. */
export function receiptsOf(shelf: Pick<Shelf, "db" | "speaksFor" | "nowMs">, id: BundleId): Receipt[] {
  const target = targetOf(shelf.db, id);
  const gone = target ? null : goneOf(shelf, id);
  return counting(shelf, id, target?.kind === "direct" ? target.to_value : recipientOf(gone));
}

/** How far a bundle has come; undefined where it was never here, or is forgotten. */
export function progressOf(
  shelf: Pick<Shelf, "db" | "speaksFor" | "nowMs">,
  id: BundleId,
): Progress | undefined {
  const target = targetOf(shelf.db, id);
  const gone = target ? null : goneOf(shelf, id);
  if (!target && !gone) return undefined;
  const receipts = receiptsOf(shelf, id);
  const boxes = target ? boxesThatHave(shelf.db, target) : 0;
  const isDelivered = gone?.why === "delivered";
  return {
    id,
    state: stateOf(receipts) ?? (isDelivered ? "delivered" : boxes > 0 ? "handed-over" : "waiting"),
    note: receipts.find(({ note }) => note !== "")?.note ?? "",
    boxes,
    ...(gone ? { gone: gone.why } : {}),
  };
}

/** The furthest that any of the receipts says. */
export function stateOf(receipts: readonly Receipt[]): Progress["state"] | undefined {
  const said = new Set(receipts.map(({ state }) => state));
  if (said.has("closed")) return "closed";
  if (said.has("acknowledged") || said.has("handed-over")) return "acknowledged";
  if (said.has("read")) return "read";
  return said.has("delivered") ? "delivered" : undefined;
}

const targetOf = (db: Database, id: BundleId): Target | null =>
  db.query<Target, [string]>("SELECT seq, kind, to_value, source FROM bundle WHERE id = ?").get(id);

const recipientOf = (gone: ReturnType<typeof goneOf>): string | undefined =>
  gone?.why === "delivered" ? gone.who : undefined;

function counting(
  { db, speaksFor, nowMs }: Pick<Shelf, "db" | "speaksFor" | "nowMs">,
  id: BundleId,
  recipient: string | undefined,
): Receipt[] {
  const [rule, by] =
    recipient === undefined ? ["sender_as = ?2", "box"] : ["sender = ?2 AND sender_as <> 'guest'", recipient];
  const rows = db
    .query<ReceiptRow, [string, string]>(
      `SELECT state, sender, sender_as, note, rank FROM receipt WHERE of = ?1 AND ${rule}
       ORDER BY rank DESC LIMIT ${MAX_LOOKED_AT}`,
    )
    .all(id, by);
  const asked = new Map<string, boolean>();
  const counts = (sender: string): boolean => {
    const known = asked.get(sender) ?? speaksFor(Buffer.from(sender, "hex"));
    asked.set(sender, known);
    return known;
  };
  return rows
    .filter(({ sender }) => recipient !== undefined || counts(sender))
    .slice(0, MAX_RECEIPTS)
    .map(({ sender_as, rank, ...row }) => ({ ...row, as: sender_as, ageMs: ageOfRank(rank, nowMs) }));
}
