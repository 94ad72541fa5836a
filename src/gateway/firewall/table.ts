import type { NftCommand, NftStatement } from "../../host/nft.ts";

export const NFT_TABLE = "omerta_guest";

/** Elements that a set may hold: more than the address pool, whatever its size. */
const SET_SIZE = 65_535;

/** Builders for everything in one of the guest network's tables. */
export function table(family: "inet" | "arp") {
  const at = { family, table: NFT_TABLE };
  const named = { family, name: NFT_TABLE };
  return {
    /** Puts an empty table in the place of what may be there. */
    replace: [
      { add: { table: named } },
      { delete: { table: named } },
      { add: { table: named } },
    ] as NftCommand[],
    set: (name: string, type: string | string[], more: Record<string, unknown> = {}): NftCommand => ({
      add: { set: { ...at, name, type, size: SET_SIZE, ...more } },
    }),
    map: (name: string, type: string, map: string, more: Record<string, unknown> = {}): NftCommand => ({
      add: { map: { ...at, name, type, map, ...more } },
    }),
    counter: (name: string): NftCommand => ({ add: { counter: { ...at, name } } }),
    base: (name: string, type: string, hook: string, prio: number): NftCommand => ({
      add: { chain: { ...at, name, type, hook, prio, policy: "accept" } },
    }),
    chain: (name: string): NftCommand => ({ add: { chain: { ...at, name } } }),
    rule: (chain: string, ...expr: NftStatement[]): NftCommand => ({ add: { rule: { ...at, chain, expr } } }),
  };
}

export type Table = ReturnType<typeof table>;
