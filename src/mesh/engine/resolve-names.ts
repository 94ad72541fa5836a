import { lookup } from "node:dns/promises";

/** Of one name, tried at most. */
const MAX_PER_NAME = 4;

/**
 * Puts addresses in the place of names ("/dns4/box.example.org/tcp/4001"), so that rules for addresses hold for what is
 * dialled. A name that cannot be resolved is left out.
 */
export async function resolveNames(addresses: readonly string[]): Promise<string[]> {
  const resolved = await Promise.all(addresses.map(resolveName));
  return [...new Set(resolved.flat())];
}

async function resolveName(address: string): Promise<string[]> {
  const match = /^\/(dns|dns4|dns6)\/([^/]+)(\/.*)$/.exec(address);
  const [, kind, name, rest] = match ?? [];
  if (name === undefined) return [address];
  const family = kind === "dns4" ? 4 : kind === "dns6" ? 6 : 0;
  try {
    const found = await lookup(name, { all: true, family });
    return found.slice(0, MAX_PER_NAME).map(({ address: ip, family: of }) => `/ip${of}/${ip}${rest}`);
  } catch {
    return [];
  }
}
