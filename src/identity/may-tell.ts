import { decodeChain } from "./certificate.ts";
import { openChain } from "./chain-check.ts";

/**
 * Whether one that was refused may be told why. Who shows certificates that this network's own key stands behind, and that
 * no longer hold, should find out; a stranger should not even find out whose network this is.
 * @param shown the refused one's certificates
 * @param own this box's
 * @param publicKey the refused one's, 32 bytes
 */
export function mayTellRefusal(shown: Uint8Array, own: Uint8Array, publicKey: Uint8Array): boolean {
  try {
    const [leaf] = openChain(shown, decodeChain(own)[0].network);
    return Buffer.from(leaf.subject).equals(publicKey);
  } catch {
    return false;
  }
}
