import { z } from "zod";
import { VPN_TABLE_PREFIX } from "./vpn-plan.ts";

const CHAIN = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  policy: z.string().optional(),
});
const ENTRY = z.object({ chain: CHAIN.optional() });

type Chain = z.output<typeof CHAIN>;

function chainsIn(text: string): Chain[] {
  try {
    const { nftables } = z.object({ nftables: z.array(z.unknown()) }).parse(JSON.parse(text));
    return nftables.flatMap((entry) => ENTRY.safeParse(entry).data?.chain ?? []);
  } catch {
    return [];
  }
}

/** The tables that have chains. @param text what `nft -j list chains` printed */
export const tablesIn = (text: string): string[] => [...new Set(chainsIn(text).map(({ table }) => table))];

/**
 * Other rules that drop what they do not know, as Docker's and ufw's do: a packet that our table lets through they may still
 * drop, as the verdict of each chain holds for itself alone (nft(8), accept).
 * @param text what `nft -j list chains` printed
 */
export function otherFirewalls(text: string, own: string): string[] {
  return chainsIn(text)
    .filter(
      ({ family, table, hook, policy }) =>
        policy === "drop" &&
        (hook === "forward" || hook === "input") &&
        ["ip", "inet"].includes(family) &&
        table !== own &&
        !table.startsWith(VPN_TABLE_PREFIX),
    )
    .map(({ family, table, name }) => `${family} ${table} ${name}`);
}
