import type { Bundle } from "../bundle/bundle.ts";
import { type KeyHash, keyHashOf } from "./bundle-form.ts";

/** Each is 32 bytes; the longest unused go first. */
const MAX_KEYS = 20_000;

/** The public keys that bundles here have named, by their hash. */
export class KeyBook {
  private readonly keys = new Map<KeyHash, Uint8Array>();
  /** Keys that were on the air in full, or that others use by their hash: everybody near is believed to know them. */
  private readonly known = new Set<KeyHash>();

  add(key: Uint8Array): KeyHash {
    const hash = keyHashOf(key);
    this.keys.delete(hash);
    this.keys.set(hash, key);
    if (this.keys.size > MAX_KEYS) this.forgetOne();
    return hash;
  }

  addAllOf({ sender, to }: Bundle): void {
    this.add(sender.key);
    if (to.kind === "person") this.add(to.key);
  }

  get(hash: KeyHash): Uint8Array | undefined {
    return this.keys.get(hash);
  }

  /** Whether neighbours are believed to know it. */
  isKnownAround(hash: KeyHash): boolean {
    return this.known.has(hash);
  }

  knownAround(hash: KeyHash): void {
    this.known.add(hash);
  }

  private forgetOne(): void {
    for (const oldest of this.keys.keys()) {
      this.keys.delete(oldest);
      this.known.delete(oldest);
      return;
    }
  }
}
