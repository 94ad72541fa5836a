import { match, meta, type NftCommand, type NftStatement } from "../../host/nft.ts";

/** Name of the tables in a virtual machine's namespace; there is one of each family, and no other table. */
export const EGRESS_TABLE = "omerta_vm";

/** Where `tcpdump -i nflog:7` sees what was refused, in the namespace of the virtual machine. */
const LOG_GROUP = 7;
/** Bytes of each packet that are handed to who looks. */
const SNAP_BYTES = 128;
/** Nobody is to spend the box's time with refused packets. */
const LOGGED_PER_SECOND = 20;

/** Builders for everything in one of the tables. */
export function egressTable(family: "netdev" | "inet") {
  const at = { family, table: EGRESS_TABLE };
  return {
    /** Puts an empty table in the place of what may be there. */
    replace: [
      { add: { table: { family, name: EGRESS_TABLE } } },
      { delete: { table: { family, name: EGRESS_TABLE } } },
      { add: { table: { family, name: EGRESS_TABLE } } },
    ] as NftCommand[],
    set: (name: string, type: string | string[], more: Record<string, unknown>): NftCommand => ({
      add: { set: { ...at, name, type, ...more } },
    }),
    counter: (name: string): NftCommand => ({ add: { counter: { ...at, name } } }),
    base: (name: string, chain: BaseChain): NftCommand => ({ add: { chain: { ...at, name, ...chain } } }),
    chain: (name: string): NftCommand => ({ add: { chain: { ...at, name } } }),
    rule: (chain: string, ...expr: NftStatement[]): NftCommand => ({ add: { rule: { ...at, chain, expr } } }),
  };
}

export interface BaseChain {
  type: "filter" | "nat";
  hook: string;
  prio: number;
  policy: "accept" | "drop";
  /** For netdev: the interface, which must be there. */
  dev?: string;
}

export type EgressTable = ReturnType<typeof egressTable>;

export const goto = (target: string): NftStatement => ({ goto: { target } });
export const comesBy = (name: string): NftStatement => match(meta("iifname"), name);
export const leavesBy = (name: string): NftStatement => match(meta("oifname"), name);

/** Shows a refused packet to who looks. A full queue loses what is shown, never the refusal. */
export const show = (t: EgressTable, chain: string, ...when: NftStatement[]): NftCommand =>
  t.rule(
    chain,
    ...when,
    { limit: { rate: LOGGED_PER_SECOND, per: "second", burst: LOGGED_PER_SECOND } },
    { log: { group: LOG_GROUP, snaplen: SNAP_BYTES } },
  );
