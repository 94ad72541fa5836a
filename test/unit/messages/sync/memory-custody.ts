import { randomBytes } from "node:crypto";
import type { Timers } from "../../../../src/host/timers.ts";
import {
  type Bundle,
  BundleError,
  type BundleId,
  type Kind,
  PRIORITY_OF,
  type Priority,
} from "../../../../src/messages/bundle/bundle.ts";
import { bundleId, decodeBundle, encodeBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import type {
  Custody,
  Held,
  Outline,
  RefusalReason,
  Source,
  Taken,
} from "../../../../src/messages/custody/custody.ts";

let made = 0;

/** A bundle that nobody has signed: for custody that looks at no signature. */
export function someBundle(
  kind: Kind,
  { bodyBytes = 60, priority }: { bodyBytes?: number; priority?: Priority } = {},
) {
  made += 1;
  const bundle: Bundle = {
    kind,
    sender: { as: kind === "notice" ? "box" : "guest", key: new Uint8Array(32).fill(7) },
    to:
      kind === "post"
        ? { kind: "room", room: "square" }
        : kind === "direct"
          ? { kind: "person", key: new Uint8Array(32).fill(9) }
          : { kind: "everyone" },
    priority: priority ?? PRIORITY_OF[kind].usual,
    lifetimeS: 86_400,
    createdS: 0,
    sequence: made,
    body: Uint8Array.from(randomBytes(bodyBytes)),
    signature: new Uint8Array(64).fill(3),
  };
  return { id: bundleId(bundle), encoded: encodeBundle(bundle), bundle };
}

/** Custody as the box has it, but in memory, and without keys: it takes what is well formed, after some time. */
export class MemoryCustody implements Custody {
  readonly held = new Map<BundleId, Held>();
  /** Known, but here no more. */
  readonly had = new Set<BundleId>();
  /** Every call, so that what came twice is seen. */
  readonly offered: { id: BundleId; source: Source; ageMs: number }[] = [];
  refuses: (bundle: Bundle) => RefusalReason | undefined = () => undefined;
  fails = false;
  /** How long the medium takes. */
  commitMs = 5;
  private readonly onNews = new Set<(held: Held) => void>();
  private readonly onGones = new Set<(id: BundleId) => void>();
  private order = 0;

  constructor(private readonly timers: Timers) {}

  async take(encoded: Uint8Array, ageMs: number, source: Source): Promise<Taken> {
    const beganMs = this.timers.monotonicMs();
    let bundle: Bundle;
    try {
      bundle = decodeBundle(encoded);
    } catch (error) {
      if (error instanceof BundleError)
        return { state: "refused", reason: "malformed", detail: error.message };
      throw error;
    }
    const id = bundleId(bundle);
    this.offered.push({ id, source, ageMs });
    await new Promise<void>((resolve) => void this.timers.after(this.commitMs, resolve));
    if (this.fails) throw new Error("the medium is full");
    if (this.knows(id)) return { state: "known", id };
    const reason = this.refuses(bundle);
    if (reason) return { state: "refused", reason, detail: "" };
    this.order += 1;
    const held = {
      id,
      bundle,
      encoded,
      ageMs: ageMs + this.timers.monotonicMs() - beganMs,
      source,
      order: this.order,
    };
    this.held.set(id, held);
    for (const listener of this.onNews) listener(held);
    return { state: "new", id };
  }

  /** A bundle that is there as if it had been long ago. */
  put({ id, encoded, bundle }: ReturnType<typeof someBundle>, source: Source = { by: "self" }): BundleId {
    this.order += 1;
    const held = { id, bundle, encoded, ageMs: 1_000, source, order: this.order };
    this.held.set(id, held);
    for (const listener of this.onNews) listener(held);
    return id;
  }

  /** Delivered, or taken away: known, and for others no more. */
  drop(id: BundleId): void {
    if (!this.held.delete(id)) return;
    this.had.add(id);
    for (const listener of this.onGones) listener(id);
  }

  knows(id: BundleId): boolean {
    return this.held.has(id) || this.had.has(id);
  }

  get(id: BundleId): Held | undefined {
    return this.held.get(id);
  }

  ids(largestBytes = Number.POSITIVE_INFINITY): BundleId[] {
    return [...this.held.values()]
      .filter(({ encoded }) => encoded.length <= largestBytes)
      .map(({ id }) => id)
      .sort();
  }

  *outline(): Iterable<Outline> {
    for (const { id, bundle, encoded } of this.held.values())
      yield { id, priority: bundle.priority, bytes: encoded.length };
  }

  onNew(listener: (held: Held) => void): () => void {
    this.onNews.add(listener);
    return () => this.onNews.delete(listener);
  }

  onGone(listener: (id: BundleId) => void): () => void {
    this.onGones.add(listener);
    return () => this.onGones.delete(listener);
  }
}
