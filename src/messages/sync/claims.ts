import type { BundleId } from "../bundle/bundle.ts";

/** Whoever is asked and does not hand over for so long loses it to another that has it: nobody can hold a bundle back. */
const CLAIM_MS = 60_000;

/** Of which neighbour a bundle was asked, so that no two send it. */
export class Claims {
  private readonly held = new Map<BundleId, { by: object; sinceMs: number }>();

  /** @param released told of each that another may ask for now */
  constructor(
    private readonly monotonicMs: () => number,
    private readonly released: (id: BundleId) => void,
  ) {}

  /** @returns whether `by` may ask for it */
  claim(id: BundleId, by: object): boolean {
    const nowMs = this.monotonicMs();
    const held = this.held.get(id);
    if (held && held.by !== by && nowMs - held.sinceMs < CLAIM_MS) return false;
    this.held.set(id, { by, sinceMs: nowMs });
    return true;
  }

  release(id: BundleId, by: object): void {
    if (this.held.get(id)?.by !== by) return;
    this.held.delete(id);
    this.released(id);
  }
}
