import type { Chain } from "./certificate.ts";
import { keyText } from "./chain-check.ts";

/** Beyond that the one that was checked longest ago is forgotten, and has to show its chain again. */
const MAX_CHECKED = 4_096;

/** The chains of members that were checked, to be judged again whenever time passes or something is revoked. */
export class CheckedMembers {
  private readonly chains = new Map<string, Chain>();

  add(chain: Chain): void {
    const key = keyText(chain[0].subject);
    this.chains.delete(key);
    this.chains.set(key, chain);
    for (const oldest of this.chains.keys()) {
      if (this.chains.size <= MAX_CHECKED) return;
      this.chains.delete(oldest);
    }
  }

  get(publicKey: Uint8Array): Chain | undefined {
    return this.chains.get(keyText(publicKey));
  }
}
