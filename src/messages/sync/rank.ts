import { PRIORITIES } from "../bundle/bundle.ts";
import type { Outline } from "../custody/custody.ts";

/** What goes first: the priorities, and behind all of them what is large, whatever it is. */
export const RANKS = [...PRIORITIES, "large"] as const;
export type Rank = (typeof RANKS)[number];

/** More than any text has. What is longer holds a picture, goes last, and never by a way whose volume is paid for. */
const LARGE_BYTES = 8_192;

/** The same at every box, since it is decided by the bundle alone. */
export const rankOf = ({ priority, bytes }: Pick<Outline, "priority" | "bytes">): Rank =>
  bytes > LARGE_BYTES ? "large" : priority;
