import type { Bundle } from "../bundle/bundle.ts";
import { isSigned } from "../bundle/bundle-codec.ts";
import { type KeyHash, keyHashOf } from "./bundle-form.ts";
import { forgetOldest } from "./forget-oldest.ts";

/** Each is 32 bytes; the longest unused go first. */
const MAX_KEYS = 20_000;
const MAX_OF_ONE_HASH = 4;

interface Known {
  key: Uint8Array;
  isHeld: boolean;
}

/** The public keys that bundles here have named, by their hash. */
export class KeyBook {
  private readonly keys = new Map<KeyHash, readonly Known[]>();
  /** Keys that were on the air in full, or that others use by their hash: everybody near is believed to know them. */
  private readonly known = new Set<KeyHash>();

  /** @param isHeld a bundle in custody has it; else anybody may have made it up */
  add(key: Uint8Array, isHeld = false): KeyHash {
    const hash = keyHashOf(key);
    const known = this.keys.get(hash) ?? [];
    const earlier = known.find((one) => isSame(one.key, key));
    const others = known.filter((one) => one !== earlier);
    const all = [{ key, isHeld: isHeld || earlier?.isHeld === true }, ...others];
    const kept = all.toSorted((a, b) => Number(b.isHeld) - Number(a.isHeld)).slice(0, MAX_OF_ONE_HASH);
    this.keys.delete(hash);
    this.keys.set(hash, kept);
    if (this.keys.size > MAX_KEYS) forgetOldest(this.keys);
    return hash;
  }

  /** Of a bundle in custody. */
  addAllOf(bundle: Bundle): void {
    const { sender, to } = bundle;
    this.add(sender.key, isSigned(bundle));
    if (to.kind === "person") this.add(to.key, true);
  }

  /** All that have this hash, the likeliest first: four bytes can be made to be the same. */
  get(hash: KeyHash): readonly Uint8Array[] {
    return (this.keys.get(hash) ?? []).map(({ key }) => key);
  }

  /** Whether neighbours are believed to know it. */
  isKnownAround(hash: KeyHash): boolean {
    return this.known.has(hash);
  }

  knownAround(hash: KeyHash): void {
    this.known.delete(hash);
    this.known.add(hash);
    if (this.known.size > MAX_KEYS) forgetOldest(this.known);
  }
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
