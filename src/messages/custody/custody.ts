import type { Bundle, BundleId, Priority } from "../bundle/bundle.ts";

/** Where a bundle came from: for quotas, and so that it is not sent back. */
export type Source =
  /** A guest's device, by its MAC address. */
  | { by: "guest"; station: string }
  /** Another box, by its peer id in the mesh. */
  | { by: "box"; peer: string }
  /** Another box, by its address on LoRa. */
  | { by: "lora"; address: number }
  /** A folder of bundles: a USB stick, or a file from the operator. */
  | { by: "folder"; label: string }
  /** This box itself: receipts, notices. */
  | { by: "self" };

/** A bundle in custody. */
export interface Held {
  id: BundleId;
  bundle: Bundle;
  /** As it was signed; see `bundle-codec.ts`. */
  encoded: Uint8Array;
  /** Since it was made, as far as the boxes on its way could count: it grows while it is held, also while the box is off where it can tell. */
  ageMs: number;
  source: Source;
  /** Grows with each bundle that this box took: for pages and for what came after. */
  order: number;
}

export type RefusalReason =
  /** No bundle, or its signature does not hold. */
  | "malformed"
  | "expired"
  /** Its sender, or whoever handed it over, has as much here as they may. */
  | "quota"
  /** The store is full of what is at least as important. */
  | "full"
  /** Its sender, or this bundle, was blocked or taken away. */
  | "blocked"
  /**
   * Signed by somebody who may not say so: a notice, receipt or removal that is more urgent than its kind usually is, by no box or
   * operator that this box knows of. Their certificates may still come, so it may be handed over again later; what is of its usual
   * urgency is taken from anybody.
   */
  | "not-allowed";

export type Taken =
  | { state: "new"; id: BundleId }
  /** It is here already, or is settled. Whoever hands it over can let go of it. */
  | { state: "known"; id: BundleId }
  | { state: "refused"; reason: RefusalReason; detail: string };

/** A bundle in custody, without its content. */
export interface Outline {
  id: BundleId;
  priority: Priority;
  /** As encoded. */
  bytes: number;
}

/** Keeps bundles: what every convergence layer hands to and takes from. */
export interface Custody {
  /**
   * Resolves once the bundle is on the medium: from then on it survives SIGKILL and power cuts, and only then may it be
   * acknowledged to whoever handed it over. Checks form, signature, lifetime, quotas.
   * @param ageMs as the one that handed it over counted
   */
  take(encoded: Uint8Array, ageMs: number, source: Source): Promise<Taken>;
  /**
   * Whether it is here, or is settled: its lifetime is over since it first came here, it was delivered, superseded or taken away. Whoever else has it can be told
   * that this box needs it no more. What had to give way is not known.
   */
  knows(id: BundleId): boolean;
  /** Whether it had to give way and there is still no room: not to be asked for now, and never acknowledged. Default: nothing is. */
  isShutOut?(id: BundleId): boolean;
  get(id: BundleId): Held | undefined;
  /**
   * All that others should have too, ids in ascending order: what is alive, not taken away, not delivered to its only recipient.
   * @param largestBytes leaves out what is longer
   */
  ids(largestBytes?: number): readonly BundleId[];
  /** All that {@link ids} has, in any order, with what decides its turn: no body is read for it, so that it is quick at the start. */
  outline(): Iterable<Outline>;
  /** Told of each new bundle, after it is on the medium. @returns ends it */
  onNew(listener: (held: Held) => void): () => void;
  /** Told of each bundle that is here no more. @returns ends it */
  onGone(listener: (id: BundleId) => void): () => void;
}
