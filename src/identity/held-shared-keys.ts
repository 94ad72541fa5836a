import { keyText } from "./chain-check.ts";
import { type MembershipData, toBytes } from "./membership-document.ts";
import type { SharedKey } from "./statement.ts";

type Epoch = Omit<SharedKey, "what">;

/**
 * How many shared keys of statements hold at a time, the present one and two before it, and as many that came by invites: who
 * was away while an operator was put out, with the keys that it made, finds the others by one of them.
 */
const MAX_SHARED_KEYS = 3;

/** The shared keys that hold, each once, the newest first. @param stated those of statements that count */
export function heldSharedKeys(data: MembershipData, stated: readonly Epoch[]): Epoch[] {
  const latest = distinct(stated).slice(0, MAX_SHARED_KEYS);
  // The founder's own key has stated its first one.
  const isStated = data.networkSeed !== null && latest.length > 0;
  const came = isStated ? [] : [data.sharedKey, ...data.olderSharedKeys];
  const read = came.map(({ epoch, key }) => ({ epoch, key: toBytes(key) }));
  return distinct([...latest, ...read]).sort((a, b) => b.epoch - a.epoch);
}

/** Remembers one that came by an invite. @returns undefined where there is nothing new in it */
export function withSharedKey(
  { sharedKey, olderSharedKeys, networkSeed }: MembershipData,
  came: MembershipData["sharedKey"],
): Pick<MembershipData, "sharedKey" | "olderSharedKeys"> | undefined {
  if (networkSeed !== null || sharedKey.key === came.key) return undefined;
  const before = [sharedKey, ...olderSharedKeys].filter((known) => known.key !== came.key);
  return { sharedKey: came, olderSharedKeys: before.slice(0, MAX_SHARED_KEYS - 1) };
}

function distinct(keys: readonly Epoch[]): Epoch[] {
  const kept = new Map<string, Epoch>();
  for (const known of keys) if (!kept.has(keyText(known.key))) kept.set(keyText(known.key), known);
  return [...kept.values()];
}
