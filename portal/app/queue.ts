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

const seen = (): string[] => kept<string[]>("seen") ?? [];
export const wasSeen = (id: string): boolean => seen().includes(id);
export const noteSeen = (id: string): void => keep("seen", [...seen(), id].slice(-MAX_SEEN));
