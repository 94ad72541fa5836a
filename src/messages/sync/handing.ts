import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, RefusalReason } from "../custody/custody.ts";
import { RANKS, type Rank } from "./rank.ts";
import type { RankedIndex } from "./ranked-index.ts";
import { MAX_FRAME_IDS, type Outcome, type SyncFrame } from "./sync-frame.ts";
import { TurnQueue } from "./turn-queue.ts";

/** Offered and not answered, or not handed over yet; of each rank, so that many of one keep none of another waiting. */
export const MAX_OPEN = 512;
/** Handed over and not acknowledged: as much as a slow card puts on the medium at once. A call for help goes beyond, so that it overtakes all that was not sent yet. */
const WINDOW_BUNDLES = 256;
const WINDOW_BYTES = 131_072;
const URGENT_WINDOW_BUNDLES = 320;
/** What one peer may ask for and not have been sent yet. An honest one stays below. */
const MAX_WANTED = 2_048;
const URGENT: readonly Rank[] = ["sos"];

export interface HandingOptions {
  custody: Pick<Custody, "get">;
  index: Pick<RankedIndex, "rankOf">;
  /** Whether what is large may go there now. */
  mayLarge: () => boolean;
  /** The peer did not want it a while ago. */
  isRefused: (id: BundleId) => boolean;
  refused: (id: BundleId, reason: RefusalReason) => void;
  /** The peer has it, and has it on its medium. */
  handedOver: (id: BundleId) => void;
}

/** A peer that keeps no bounds. */
export class BreachError extends Error {
  override readonly name = "BreachError";
}

/** What this box hands over to one neighbour: offered by id, sent when it is wanted, let go of when it is acknowledged. */
export class Handing {
  /** Not offered yet. */
  private readonly toOffer = new TurnQueue();
  /** Offered, and nothing final said of it. */
  private readonly open = new TurnQueue();
  /** To be sent: asked for, or so urgent that nobody need ask. */
  private readonly toSend = new TurnQueue();
  /** Sent and not acknowledged: how many bytes each. */
  private readonly sent = new Map<BundleId, number>();
  private sentBytes = 0;

  constructor(private readonly options: HandingOptions) {}

  /** Whether something is expected of the peer: an acknowledgement. Offers it may leave open. */
  get isExpecting(): boolean {
    return this.sent.size > 0;
  }

  /** Bundles that the peer may not have yet. */
  get left(): number {
    return this.toOffer.size + this.open.size;
  }

  /** @returns whether it will be offered: not where it is already, or was refused */
  offer(id: BundleId, rank: Rank): boolean {
    if (this.has(id) || this.options.isRefused(id)) return false;
    this.toOffer.add(id, rank);
    return true;
  }

  /** Sends it without being asked. @returns as {@link offer} */
  push(id: BundleId, rank: Rank): boolean {
    if (this.has(id) || this.options.isRefused(id)) return false;
    this.open.add(id, rank);
    this.toSend.add(id, rank);
    return true;
  }

  /** It is here no more, or the peer has it. What is on its way is still acknowledged. @returns whether it waited */
  forget(id: BundleId): boolean {
    const waited = this.toOffer.remove(id) !== undefined;
    const wasOpen = this.open.remove(id) !== undefined;
    return waited || wasOpen;
  }

  /** @throws {BreachError} when it asks for more than anybody honest would */
  wanted(ids: readonly BundleId[]): void {
    if (this.toSend.size + ids.length > MAX_WANTED)
      throw new BreachError(`more than ${MAX_WANTED} bundles are wanted`);
    for (const id of ids) {
      // What is not here is answered in its turn.
      if (!this.sent.has(id)) this.toSend.add(id, this.options.index.rankOf(id) ?? "background");
    }
  }

  /** What the peer says has become of bundles. */
  taken(outcome: Outcome, ids: readonly BundleId[]): void {
    for (const id of ids) {
      const bytes = this.sent.get(id);
      if (bytes !== undefined) {
        this.sent.delete(id);
        this.sentBytes -= bytes;
      }
      this.open.remove(id);
      this.toOffer.remove(id);
      this.toSend.remove(id);
      if (outcome === "later" || this.options.index.rankOf(id) === undefined) continue;
      if (outcome === "new" || outcome === "known") this.options.handedOver(id);
      else this.options.refused(id, outcome);
    }
  }

  nextOffer(): SyncFrame | undefined {
    for (const rank of RANKS) {
      if (rank === "large" && !this.options.mayLarge()) continue;
      const ids = this.toOffer.take(rank, Math.min(MAX_FRAME_IDS, MAX_OPEN - this.open.count(rank)));
      if (ids.length === 0) continue;
      for (const id of ids) this.open.add(id, rank);
      return { says: "offer", rank, ids };
    }
    return undefined;
  }

  /** The next bundle. @param onlyUrgent calls for help alone */
  nextBundle(onlyUrgent = false): SyncFrame | undefined {
    const isOpen = this.sent.size < WINDOW_BUNDLES && this.sentBytes < WINDOW_BYTES;
    if (this.sent.size >= URGENT_WINDOW_BUNDLES) return undefined;
    const next = this.toSend.first(onlyUrgent || !isOpen ? URGENT : RANKS);
    if (!next) return undefined;
    const { id, rank } = next;
    this.toSend.remove(id);
    const held = rank === "large" && !this.options.mayLarge() ? undefined : this.heldFor(id);
    if (!held) {
      this.open.remove(id);
      return { says: "not-here", ids: [id] };
    }
    this.sent.set(id, held.encoded.length);
    this.sentBytes += held.encoded.length;
    return { says: "bundle", id, ageMs: Math.max(0, Math.round(held.ageMs)), encoded: held.encoded };
  }

  private heldFor(id: BundleId) {
    // What others need no more is given to nobody, even if it is still kept here.
    return this.options.index.rankOf(id) === undefined ? undefined : this.options.custody.get(id);
  }

  private has(id: BundleId): boolean {
    return this.toOffer.has(id) || this.open.has(id) || this.sent.has(id);
  }
}
