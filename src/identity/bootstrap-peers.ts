import { isSameKey } from "./chain-check.ts";
import { type BootstrapPeer, MAX_PEER_ADDRESSES } from "./invite-link.ts";
import { type MembershipData, toBytes, toText } from "./membership-document.ts";
import { KEY_BYTES } from "./signing-key.ts";

type KeptPeers = MembershipData["peers"];

export const MAX_PEERS = 32;
const MAX_ADDRESS_CHARS = 512;

export const readPeers = (kept: KeptPeers): BootstrapPeer[] =>
  kept.map(({ publicKey, addresses }) => ({ publicKey: toBytes(publicKey), addresses }));

/** The peers to remember, from the best to begin with: each once, without this box itself. */
export function keptPeers(peers: readonly BootstrapPeer[], own: Uint8Array): KeptPeers {
  const kept = new Map<string, string[]>();
  for (const { publicKey, addresses } of peers) {
    const key = toText(publicKey);
    const usable = addresses.filter(({ length }) => length <= MAX_ADDRESS_CHARS).slice(0, MAX_PEER_ADDRESSES);
    if (publicKey.length !== KEY_BYTES || isSameKey(publicKey, own)) continue;
    if (kept.has(key) || kept.size >= MAX_PEERS || usable.length === 0) continue;
    kept.set(key, usable);
  }
  return [...kept].map(([publicKey, addresses]) => ({ publicKey, addresses }));
}
