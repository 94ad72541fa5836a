import { createHash } from "node:crypto";

const DOMAIN = "omerta-box network id 1\0";

/** A network's short name for files and command lines: 16 hex digits that follow from its public key. */
export function networkId(networkKey: Uint8Array): string {
  return createHash("sha256").update(DOMAIN).update(networkKey).digest("hex").slice(0, 16);
}

export const isNetworkId = (text: string): boolean => /^[0-9a-f]{16}$/.test(text);
