import type { BundleId, Kind } from "../bundle/bundle.ts";
import type { BundleStore } from "../custody/bundle-store.ts";
import type { Delivery } from "./guest-messages.ts";
import type { Trust } from "./trust.ts";

export interface DeliveriesOptions {
  store: BundleStore;
  trust: Trust;
  /** What this box is called. */
  boxName: string;
  /** What is on its way by LoRa just now, and in how many seconds it will have been sent, where that is known. */
  onLora: (id: BundleId) => { etaSeconds?: number } | undefined;
}

/** How far bundles have come, as people see it. */
export class Deliveries {
  constructor(private readonly options: DeliveriesOptions) {}

  /** undefined where it was never here, or is forgotten. */
  of(id: BundleId): Delivery | undefined {
    const { store, onLora } = this.options;
    const [progress] = store.queries.progress([id]);
    if (progress === undefined) return undefined;
    const kind = this.kindOf(id);
    const base = { id, kind, note: progress.note };
    const removed = store.queries.trace(id)?.removed;
    if (removed) return { ...base, state: "removed", note: removed.reason, removedBy: removed.by };
    if (progress.state !== "waiting") return { ...base, state: progress.state, ...this.answeredBy(id) };
    const onAir = onLora(id);
    return onAir ? { ...base, state: "on-lora", ...onAir } : { ...base, state: "waiting" };
  }

  all(ids: readonly BundleId[]): Delivery[] {
    return ids.flatMap((id) => this.of(id) ?? []);
  }

  /** What is here no more was a direct message that has arrived, or was taken back. */
  private kindOf(id: BundleId): Kind {
    const { queries } = this.options.store;
    return queries.get(id)?.bundle.kind ?? (queries.trace(id)?.kind as Kind | undefined) ?? "direct";
  }

  /** The box whose operator has answered an SOS. */
  private answeredBy(id: BundleId): { by?: string } {
    const { store, trust, boxName } = this.options;
    const answer = store.queries.sos(id)?.receipts[0];
    if (answer === undefined) return {};
    const key = Buffer.from(answer.sender, "hex");
    const by = trust.isOwn(key) ? boxName : trust.nameOf(key);
    return by === "" ? {} : { by };
  }
}
