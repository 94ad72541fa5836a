import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, RefusalReason, Taken } from "../custody/custody.ts";
import type { Claims } from "./claims.ts";
import { BreachError } from "./handing.ts";
import { RANKS, type Rank } from "./rank.ts";
import { MAX_FRAME_IDS, type Outcome, type SyncFrame } from "./sync-frame.ts";
import { TurnQueue } from "./turn-queue.ts";

/** Asked for and not here yet, of each rank: what is more urgent and offered meanwhile is asked for at once. */
const MAX_ASKED = 256;
/** Known of and not asked for yet. */
const MAX_QUEUED = 32_768;
/** Being put on the medium. The other side keeps its window, which is smaller. */
const MAX_TAKING = 400;
const MAX_TAKING_BYTES = 2_097_152;
const MAX_ANSWERS = 16_384;

export interface FetchingOptions {
  /** The neighbour's peer id in the mesh. */
  peer: string;
  custody: Pick<Custody, "take" | "knows" | "isShutOut">;
  claims: Claims;
  mayLarge: () => boolean;
  /** This box did not want it of this peer a while ago. */
  isRefused: (id: BundleId) => boolean;
  refused: (id: BundleId, reason: RefusalReason) => void;
  /** There is something to send. */
  wake: () => void;
  /** Custody itself has failed: the medium. */
  failed: (error: unknown) => void;
  /** The peer has said something that is not so. */
  breached: (error: BreachError) => void;
}

/** What comes from one neighbour: asked for in the order of its rank, acknowledged once it is on the medium. */
export class Fetching {
  private readonly queued = new TurnQueue();
  /** Asked of another neighbour. */
  private readonly elsewhere = new TurnQueue();
  private readonly asked = new TurnQueue();
  private readonly answers = new Map<Outcome, BundleId[]>();
  private answerCount = 0;
  private taking = 0;
  private takingBytes = 0;
  private isStopped = false;

  constructor(private readonly options: FetchingOptions) {}

  /** Whether something is expected of the peer. */
  get isExpecting(): boolean {
    return this.asked.size > 0;
  }

  /** Bundles that are to come. */
  get left(): number {
    return this.queued.size + this.asked.size + this.elsewhere.size;
  }

  /**
   * What the peer has, by its offer or by comparing.
   * @returns whether something of it is to come
   * @throws {BreachError} when it offers more than can be answered
   */
  offered(rank: Rank, ids: readonly BundleId[]): boolean {
    const { custody, mayLarge } = this.options;
    let isAny = false;
    for (const id of ids) {
      if (custody.knows(id)) this.say("known", id);
      else if (this.isUnwanted(id) || this.left >= MAX_QUEUED || (rank === "large" && !mayLarge()))
        this.say("later", id);
      else if (!this.asked.has(id) && !this.elsewhere.has(id)) {
        this.queued.add(id, rank);
        isAny = true;
      }
    }
    return isAny;
  }

  /** It is here, from whomever. @returns whether the peer has it too, as far as is known */
  came(id: BundleId): boolean {
    // It is on its way from there too, and is answered when it is here.
    if (this.asked.has(id)) return true;
    if (this.queued.remove(id) === undefined && this.elsewhere.remove(id) === undefined) return false;
    this.say("known", id);
    return true;
  }

  /** Another neighbour did not hand it over. */
  released(id: BundleId): void {
    const rank = this.elsewhere.remove(id);
    if (rank === undefined) return;
    this.queued.add(id, rank);
    this.options.wake();
  }

  /** Looks again at what another neighbour was asked for. */
  review(): void {
    for (const { id, rank } of this.elsewhere.empty()) this.queued.add(id, rank);
  }

  /** @throws {BreachError} when more comes than the window has room for */
  bundle(id: BundleId, ageMs: number, encoded: Uint8Array): void {
    this.asked.remove(id);
    this.queued.remove(id);
    this.elsewhere.remove(id);
    this.taking += 1;
    this.takingBytes += encoded.length;
    if (this.taking > MAX_TAKING || this.takingBytes > MAX_TAKING_BYTES)
      throw new BreachError("more bundles come than were acknowledged");
    const { custody, peer, failed } = this.options;
    custody
      .take(encoded, ageMs, { by: "box", peer })
      .then((taken) => this.took(id, taken))
      .catch((error) => {
        // It is not on the medium, so it is not acknowledged; the peer keeps it.
        failed(error);
        this.say("later", id);
      })
      .finally(() => {
        this.taking -= 1;
        this.takingBytes -= encoded.length;
        this.options.claims.release(id, this);
        this.options.wake();
      });
  }

  notHere(ids: readonly BundleId[]): void {
    for (const id of ids) {
      if (this.asked.remove(id) !== undefined) this.options.claims.release(id, this);
    }
  }

  nextAnswer(): SyncFrame | undefined {
    for (const [outcome, waiting] of this.answers) {
      const ids = waiting.splice(0, MAX_FRAME_IDS);
      if (waiting.length === 0) this.answers.delete(outcome);
      this.answerCount -= ids.length;
      return { says: "taken", outcome, ids };
    }
    return undefined;
  }

  nextWant(): SyncFrame | undefined {
    const { claims, mayLarge, custody } = this.options;
    for (const rank of RANKS) {
      const room = MAX_ASKED - this.asked.count(rank);
      // In good lots, not one by one as they come.
      if (room < MAX_ASKED / 2 || (rank === "large" && !mayLarge())) continue;
      while (this.queued.count(rank) > 0) {
        const ids = this.queued.take(rank, room).filter((id) => {
          if (custody.knows(id)) this.say("known", id);
          else if (custody.isShutOut?.(id)) this.say("later", id);
          else if (claims.claim(id, this)) return true;
          else this.elsewhere.add(id, rank);
          return false;
        });
        if (ids.length === 0) continue;
        for (const id of ids) this.asked.add(id, rank);
        return { says: "want", ids };
      }
    }
    return undefined;
  }

  /** Others may ask for what was asked here. */
  stop(): void {
    this.isStopped = true;
    for (const { id } of this.asked.empty()) this.options.claims.release(id, this);
  }

  /** Not now: it may be offered again, and stays with the peer. */
  private isUnwanted(id: BundleId): boolean {
    const { custody, isRefused } = this.options;
    return isRefused(id) || custody.isShutOut?.(id) === true;
  }

  private took(id: BundleId, taken: Taken): void {
    if (taken.state === "refused") {
      this.options.refused(id, taken.reason);
      this.say(taken.reason, id);
    } else if (taken.id !== id) this.options.breached(new BreachError(`${taken.id} was said to be ${id}`));
    else this.say(taken.state, id);
  }

  private say(outcome: Outcome, id: BundleId): void {
    if (this.isStopped) return;
    this.answerCount += 1;
    if (this.answerCount > MAX_ANSWERS) {
      this.options.breached(new BreachError("answers are not read"));
      return;
    }
    const waiting = this.answers.get(outcome);
    if (waiting) waiting.push(id);
    else this.answers.set(outcome, [id]);
  }
}
