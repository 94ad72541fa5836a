import type { Bundle, BundleId } from "../bundle/bundle.ts";

/** A bundle for somebody who has no box. */
export interface OutsideItem {
  id: BundleId;
  bundle: Bundle;
  /** Whom it is for: `mailto:…`. */
  uri: string;
  /** Since it was made, as far as boxes could count. */
  ageMs: number;
}

export type BridgeOutcome =
  | "sent"
  /** Not now. `bridge`: nothing else would go either, so that no other item is tried before. */
  | { retryAfterMs: number; of: "item" | "bridge"; why: string }
  /** Never. */
  | { failed: string };

/** A way out of the network: to mail, to telephones. */
export interface Bridge {
  /** For operators: `mail by smtp.example.org`. */
  readonly name: string;
  /** Of the addresses that it serves: `mailto`. */
  readonly schemes: readonly string[];
  /**
   * Resolves to `sent` only when whoever takes it on from here has said so. The same item may come again: after a restart nobody
   * knows whether it had been sent. Every attempt bears the same mark, so that the other side can tell.
   * @param signal ends the attempt
   */
  send(item: OutsideItem, signal: AbortSignal): Promise<BridgeOutcome>;
}
