import type { Timers } from "../../host/timers.ts";
import { type Bundle, BundleError, type BundleId, type Priority } from "../../messages/bundle/bundle.ts";
import { bundleId, decodeBundle } from "../../messages/bundle/bundle-codec.ts";
import type { Custody, Held, Outline, Source, Taken } from "../../messages/custody/custody.ts";

interface Kept extends Omit<Held, "ageMs"> {
  bytes: number;
  madeMs: number;
}

/**
 * Custody in memory, for simulations of many boxes: it takes what is whole and alive, once, and tells of it as the store
 * does. Signatures and quotas are not looked at.
 */
export class MemoryCustody implements Custody {
  /** Whether its sender may say it; default: everybody may say all. */
  mayTake: (bundle: Bundle) => boolean = () => true;
  private readonly kept = new Map<BundleId, Kept>();
  private readonly gone = new Set<BundleId>();
  private readonly newListeners = new Set<(held: Held) => void>();
  private readonly goneListeners = new Set<(id: BundleId) => void>();
  private orders = 0;

  constructor(
    private readonly timers: Timers,
    /** Told that a promise is about to be kept, which virtual time does not wait for. */
    private readonly pending: () => void = () => {},
  ) {}

  async take(encoded: Uint8Array, ageMs: number, source: Source): Promise<Taken> {
    this.pending();
    let held: Held;
    try {
      const bundle = decodeBundle(encoded);
      held = { id: bundleId(bundle), bundle, encoded, ageMs, source, order: this.orders + 1 };
    } catch (error) {
      if (!(error instanceof BundleError)) throw error;
      return { state: "refused", reason: "malformed", detail: error.message };
    }
    const { id, bundle } = held;
    if (this.knows(id)) return { state: "known", id };
    if (!this.mayTake(bundle)) return { state: "refused", reason: "not-allowed", detail: "is no operator's" };
    const leftMs = bundle.lifetimeS * 1000 - ageMs;
    if (leftMs <= 0) return { state: "refused", reason: "expired", detail: "its lifetime is over" };
    this.orders += 1;
    this.kept.set(id, { ...held, bytes: encoded.length, madeMs: this.timers.monotonicMs() - ageMs });
    this.timers.after(leftMs, () => this.remove(id));
    for (const listener of this.newListeners) listener(held);
    return { state: "new", id };
  }

  knows(id: BundleId): boolean {
    return this.kept.has(id) || this.gone.has(id);
  }

  get(id: BundleId): Held | undefined {
    const kept = this.kept.get(id);
    return kept && { ...kept, ageMs: this.timers.monotonicMs() - kept.madeMs };
  }

  ids(largestBytes = Number.POSITIVE_INFINITY): readonly BundleId[] {
    return [...this.kept.values()]
      .filter(({ bytes }) => bytes <= largestBytes)
      .map(({ id }) => id)
      .toSorted();
  }

  *outline(): Iterable<Outline> {
    for (const { id, bundle, bytes } of this.kept.values())
      yield { id, priority: bundle.priority as Priority, bytes };
  }

  onNew(listener: (held: Held) => void): () => void {
    this.newListeners.add(listener);
    return () => this.newListeners.delete(listener);
  }

  onGone(listener: (id: BundleId) => void): () => void {
    this.goneListeners.add(listener);
    return () => this.goneListeners.delete(listener);
  }

  /** Its lifetime is over, or its recipient has it. */
  remove(id: BundleId): void {
    if (this.kept.has(id)) this.gone.add(id);
    this.evict(id);
  }

  /** It has to give way to others, and may come again. */
  evict(id: BundleId): void {
    if (!this.kept.delete(id)) return;
    for (const listener of this.goneListeners) listener(id);
  }
}
