import { run } from "./run.ts";

/**
 * The part of libnftables-json(5) that the box uses. A statement or expression is an object of one key; the builders
 * below are the only place where they are written, so the loose type stays here.
 */
export type NftStatement = Readonly<Record<string, unknown>>;
export type NftExpression = string | number | Readonly<Record<string, unknown>>;
export type NftCommand = Readonly<Record<string, unknown>>;

export const payload = (protocol: string, field: string): NftExpression => ({ payload: { protocol, field } });
export const meta = (key: string): NftExpression => ({ meta: { key } });
export const ct = (key: string): NftExpression => ({ ct: { key } });
export const concat = (...parts: NftExpression[]): NftExpression => ({ concat: parts });
export const prefix = (addr: string, len: number): NftExpression => ({ prefix: { addr, len } });
export const range = (first: number, last: number): NftExpression => ({ range: [first, last] });
export const anyOf = (values: readonly NftExpression[]): NftExpression => ({ set: values });

export const match = (
  left: NftExpression,
  right: NftExpression,
  op: "==" | "!=" | "in" = "==",
): NftStatement => ({
  match: { op, left, right },
});
export const accept: NftStatement = { accept: null };
export const drop: NftStatement = { drop: null };
export const jump = (target: string): NftStatement => ({ jump: { target } });
export const count = (name: string): NftStatement => ({ counter: name });
export const resetTcp: NftStatement = { reject: { type: "tcp reset" } };
export const rejectProhibited: NftStatement = { reject: { type: "icmpx", expr: "admin-prohibited" } };
export const masquerade: NftStatement = { masquerade: null };
/** @param port undefined: it stays as it is */
export const dnat = (family: "ip" | "ip6", addr: string, port?: number): NftStatement => ({
  dnat: { family, addr, ...(port === undefined ? {} : { port }) },
});

/** Matches when more than `rate` packets per `per` arrive, all together. */
export const over = (rate: number, per: "second" | "minute", burst: number): NftStatement => ({
  limit: { rate, per, burst, inv: true },
});

/** Matches while at most `rate` packets per `per` arrive, all together. */
export const within = (rate: number, per: "second" | "minute" | "hour", burst: number): NftStatement => ({
  limit: { rate, per, burst },
});

/** Matches when more than `kbytes` a second arrive, all together. */
const overBytes = (kbytes: number): NftStatement => ({
  limit: {
    rate: kbytes,
    per: "second",
    rate_unit: "kbytes",
    burst: Math.max(64, kbytes),
    burst_unit: "kbytes",
    inv: true,
  },
});

/** Does `stmt` once for each value of `key`, kept in a dynamic set. */
export const forEach = (set: string, key: NftExpression, ...stmt: NftStatement[]): NftStatement => ({
  set: { op: "update", set: `@${set}`, elem: key, ...(stmt.length > 0 ? { stmt } : {}) },
});

/** Matches when one value of `key` sends more than `kbytes` a second. */
export const overBytesEach = (set: string, key: NftExpression, kbytes: number): NftStatement =>
  forEach(set, key, overBytes(kbytes));

/** Matches when one value of `key` holds more than `connections` tracked connections. */
export const overConnectionsEach = (set: string, key: NftExpression, connections: number): NftStatement => ({
  set: { op: "add", set: `@${set}`, elem: key, stmt: [{ "ct count": { val: connections, inv: true } }] },
});

/**
 * On a cold kernel each kind of expression may be a module that is loaded first, and the kernel begins the transaction
 * anew after each: a slow board must not be interrupted in it, as it would only begin again.
 */
const APPLY_TIMEOUT_MS = 60_000;

/** Applies commands in one transaction: all of them, or none (`nft -j -f -`). @throws {RunError} with nft's own words */
export async function applyNft(commands: readonly NftCommand[]): Promise<void> {
  await run(["nft", "-j", "-f", "-"], {
    input: JSON.stringify({ nftables: commands }),
    timeoutMs: APPLY_TIMEOUT_MS,
  });
}

/** A set element as `nft -j list set` gives it: a value, or a value with its properties. */
type ListedElement = unknown | { elem: { val: unknown; expires?: number } };

/** The values in a set; an unknown set gives none. */
export async function listNftSet(family: string, table: string, set: string): Promise<unknown[]> {
  const text = await run(["nft", "-j", "list", "set", family, table, set]);
  const { nftables } = JSON.parse(text) as { nftables: { set?: { elem?: ListedElement[] } }[] };
  const elements = nftables.find((object) => object.set)?.set?.elem ?? [];
  return elements.map((element) =>
    typeof element === "object" && element !== null && "elem" in element
      ? (element as { elem: { val: unknown } }).elem.val
      : element,
  );
}
