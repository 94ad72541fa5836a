import { z } from "zod";
import { IDENTITY_PREFIX } from "./plan-batman.ts";

/** Another node, by the way that batman-adv takes to it now. */
export interface Originator {
  macAddress: string;
  /** The next hop's hard interface, and its address there. */
  interface: string;
  nextHop: string;
  /** Since its last originator message came. */
  lastSeenMs: number;
}

const ROW = z.object({
  orig_address: z.string(),
  neigh_address: z.string(),
  hard_ifname: z.string(),
  best: z.boolean().default(false),
  last_seen_msecs: z.number(),
});

/** batman-adv keeps a node that has gone for 200 s; it counts no longer after these. */
const SILENT_AFTER_MS = 10_000;
/** More rows than any mesh has. */
const MAX_ROWS = 20_000;

/**
 * The nodes that are heard now, each with its best way, from what `batctl meshif bat0 originators_json` prints.
 * @throws {SyntaxError} when it is no JSON
 * @throws {Error} when it is no list
 */
export function parseOriginators(text: string): Originator[] {
  if (text.trim() === "") return [];
  const rows: unknown = JSON.parse(text);
  if (!Array.isArray(rows)) throw new Error("batctl's originators are no list");
  return rows.slice(0, MAX_ROWS).flatMap((row: unknown) => {
    const { data } = ROW.safeParse(row);
    if (!data?.best || data.last_seen_msecs > SILENT_AFTER_MS) return [];
    return {
      macAddress: data.orig_address,
      interface: data.hard_ifname,
      nextHop: data.neigh_address,
      lastSeenMs: data.last_seen_msecs,
    };
  });
}

/** How many boxes they are: each link of a box that is near has an address of its own beside the box's identity. */
export function nodesAmong(originators: readonly Originator[]): number {
  const boxes = originators.filter(({ macAddress }) => macAddress.startsWith(`${IDENTITY_PREFIX}:`));
  return new Set(boxes.map(({ macAddress }) => macAddress)).size;
}
