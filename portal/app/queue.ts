import { toBase64 } from "./bytes.ts";
import { keep, kept } from "./shelf.ts";

/** Ids that are remembered: what comes again by another box is taken once. */
const MAX_SEEN = 3_000;

/** Bundles that nobody looks at while they wait: receipts, marks, cards. Base64. */
export const queued = (): string[] => kept<string[]>("queue") ?? [];
export const queue = (bundle: Uint8Array): void => keep("queue", [...queued(), toBase64(bundle)]);
export const unqueue = (bundle: string): void =>
  keep(
    "queue",
    queued().filter((one) => one !== bundle),
  );

/** Receipts that are due, by the key of who gets them: ids of bundles. They are made together, when there is something to send them by. */
export const dueReceipts = (): Record<string, string[]> => kept<Record<string, string[]>>("due") ?? {};

/** Once each, also where the page ended before what came was noted as seen. */
export function noteDue(key: string, id: string): void {
  const due = dueReceipts();
  const ids = due[key] ?? [];
  if (!ids.includes(id)) keep("due", { ...due, [key]: [...ids, id] });
}

export function dropDue(key: string, ids: readonly string[]): void {
  const { [key]: all = [], ...others } = dueReceipts();
  const left = all.filter((id) => !ids.includes(id));
  keep("due", left.length === 0 ? others : { ...others, [key]: left });
}

const seen = (): string[] => kept<string[]>("seen") ?? [];
export const wasSeen = (id: string): boolean => seen().includes(id);
export const noteSeen = (id: string): void => keep("seen", [...seen(), id].slice(-MAX_SEEN));
