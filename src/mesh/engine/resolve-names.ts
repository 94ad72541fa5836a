import { lookup } from "node:dns/promises";

/** Of one name, tried at most. */
const MAX_PER_NAME = 4;

/** Finds a name's addresses; family 0 is either. @throws when there are none */
export type Lookup = (name: string, family: 0 | 4 | 6) => Promise<{ address: string; family: number }[]>;

export const systemLookup: Lookup = (name, family) => lookup(name, { all: true, family });

const NAMED = /^\/(dns|dns4|dns6)\/([^/]+)(\/.*)$/;

/** Whether an address has a name in it ("/dns4/box.example.org/tcp/4001"). */
export const isNamed = (address: string): boolean => NAMED.test(address);

/**
 * Puts addresses in the place of a name, so that rules for addresses hold for what is dialled.
 * @returns none when the name cannot be resolved
 */
export async function resolveName(address: string, find: Lookup): Promise<string[]> {
  const [, kind, name, rest] = NAMED.exec(address) ?? [];
  if (name === undefined) return [];
  try {
    const found = await find(name, kind === "dns4" ? 4 : kind === "dns6" ? 6 : 0);
    return found.slice(0, MAX_PER_NAME).map(({ address: ip, family }) => `/ip${family}/${ip}${rest}`);
  } catch {
    return [];
  }
}
