import { createHash } from "node:crypto";
import { Lately } from "../host/remembering.ts";
import type { Chain } from "./certificate.ts";
import { openChain } from "./chain-check.ts";

/**
 * Chains of one network whose signatures have been checked: a member's record comes anew whenever it has something else
 * to say, with the same certificates each time. Only what no time and no revocation can change is remembered; about 1 KiB each.
 */
export class OpenedChains {
  private readonly chains = new Lately<Chain>();

  constructor(private readonly network: Uint8Array) {}

  /** @throws {CertificateError} as `openChain` does */
  open(bytes: Uint8Array): Chain {
    const key = createHash("sha256").update(bytes).digest("base64");
    const known = this.chains.get(key);
    if (known) return known;
    const chain = openChain(bytes, this.network);
    this.chains.set(key, chain);
    return chain;
  }
}
