import type { Timers } from "../../host/timers.ts";
import type { BundleId } from "../bundle/bundle.ts";
import type { Custody, Held } from "../custody/custody.ts";
import type { Claims } from "./claims.ts";
import { CompareAllowance, ComparePace } from "./compare-pace.ts";
import { Comparing } from "./comparing.ts";
import { Fetching } from "./fetching.ts";
import { BreachError, Handing } from "./handing.ts";
import type { SyncStream } from "./mesh-streams.ts";
import { RANKS, type Rank } from "./rank.ts";
import { heldRank, type RankedIndex } from "./ranked-index.ts";
import type { RefusalMemory } from "./refusal-memory.ts";
import { decodeFrame, encodeFrame, type SyncFrame, VERSION } from "./sync-frame.ts";

/** A peer from which something is expected and nothing comes for so long is left. */
const SILENCE_MS = 60_000;
const REVIEW_MS = 10_000;
/** How long what is known of the way holds. */
const WAY_MS = 1_000;
/** An honest peer has one of each rank under way. */
const MAX_COMPARED = 16;

export interface ExchangeOptions {
  stream: SyncStream;
  /** The side that opened the stream compares; the other answers. */
  begins: boolean;
  custody: Pick<Custody, "take" | "knows" | "get">;
  index: RankedIndex;
  claims: Claims;
  /** What the peer did not want, and what this box did not want of the peer. */
  refusals: { theirs: RefusalMemory; ours: RefusalMemory };
  /** Whether the way to the peer is one whose volume is paid for. */
  isMetered: () => boolean;
  handedOver: (id: BundleId) => void;
  /** Custody itself has failed. */
  failed: (error: unknown) => void;
  timers: Timers;
  random: () => number;
}

/** Bundles both ways between this box and one neighbour, as long as one stream lasts. Nothing of it need be kept for the next. */
export class Exchange {
  private readonly handing: Handing;
  private readonly fetching: Fetching;
  private readonly comparing: Comparing;
  private readonly compared: SyncFrame[] = [];
  private theirs: { takesLarge: boolean } | undefined;
  /** What the peer was told last. */
  private told: { takesLarge: boolean } | undefined;
  private heardAtMs: number;
  private isSending = false;
  private isEnded = false;
  private wakeWriter: () => void = () => {};
  private readonly pace: ComparePace;
  private readonly allowance: CompareAllowance;
  private way = { isMetered: false, atMs: Number.NEGATIVE_INFINITY };
  private received = 0;
  private handed = 0;

  constructor(private readonly options: ExchangeOptions) {
    const { stream, custody, index, claims, refusals, timers, random, handedOver, failed } = options;
    const mayLarge = () => this.mayLarge();
    this.heardAtMs = timers.monotonicMs();
    this.pace = new ComparePace(timers, random);
    this.allowance = new CompareAllowance(timers);
    this.handing = new Handing({
      custody,
      index,
      mayLarge,
      isRefused: (id) => refusals.theirs.has(id),
      refused: (id, reason) => refusals.theirs.note(id, reason),
      handedOver: (id) => {
        this.handed += 1;
        handedOver(id);
      },
    });
    this.fetching = new Fetching({
      peer: stream.peer,
      custody,
      claims,
      mayLarge,
      isRefused: (id) => refusals.ours.has(id),
      refused: (id, reason) => refusals.ours.note(id, reason),
      wake: () => this.wakeWriter(),
      failed,
      breached: (error) => this.stop(error),
    });
    this.comparing = new Comparing({
      index,
      found: (rank, theirs, ours) => {
        const toCome = this.fetching.offered(rank, theirs);
        const toGo = ours.filter((id) => this.offer(id, rank)).length > 0;
        return toCome || toGo;
      },
      ended: (result) => this.pace.ended(result),
    });
  }

  get peer(): string {
    return this.options.stream.peer;
  }

  /** For who looks at the box. */
  get status(): { peer: string; toHandOver: number; toCome: number; handedOver: number; received: number } {
    return {
      peer: this.peer,
      toHandOver: this.handing.left,
      toCome: this.fetching.left,
      handedOver: this.handed,
      received: this.received,
    };
  }

  /** Until the stream ends. @throws why it ended, where the peer did not simply close it */
  async run(): Promise<void> {
    const { stream } = this.options;
    const callOff = this.reviewLater();
    const writing = this.write();
    try {
      for await (const bytes of stream.frames()) {
        this.heardAtMs = this.options.timers.monotonicMs();
        this.take(decodeFrame(bytes));
        this.wakeWriter();
      }
    } catch (error) {
      this.stop(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      callOff();
      this.fetching.stop();
      // What is being sent waits for nobody any more.
      this.stop(new Error("the exchange is over"));
      await writing;
    }
  }

  stop(reason: Error): void {
    if (this.isEnded) return;
    this.isEnded = true;
    this.options.stream.abort(reason);
    this.wakeWriter();
  }

  /** A bundle is new here, wherever it came from. */
  isNew(held: Held): void {
    const { id, source } = held;
    const cameFromThere = source.by === "box" && source.peer === this.peer;
    // What came from there, or is offered from there, need not go there.
    if (this.fetching.came(id)) this.options.handedOver(id);
    else if (!cameFromThere) this.offer(id, heldRank(held));
    this.wakeWriter();
  }

  /** The peer may not have it. A call for help is sent without being asked for. @returns whether it will go there */
  offer(id: BundleId, rank: Rank): boolean {
    if (rank === "large" && !this.mayLarge()) return false;
    const isWaiting = rank === "sos" ? this.handing.push(id, rank) : this.handing.offer(id, rank);
    this.wakeWriter();
    return isWaiting;
  }

  isGone(id: BundleId): void {
    this.handing.forget(id);
  }

  released(id: BundleId): void {
    this.fetching.released(id);
  }

  private take(frame: SyncFrame): void {
    if (frame.says === "hello") {
      this.theirs = { takesLarge: frame.takesLarge };
      this.compareIfDue();
      return;
    }
    if (!this.theirs) throw new BreachError("the peer did not greet");
    switch (frame.says) {
      case "compare":
        this.allowance.take();
        this.compared.push(this.comparing.answer(frame.rank, frame.ranges));
        if (this.compared.length > MAX_COMPARED) throw new BreachError("answers are not read");
        break;
      case "compared":
        this.comparing.answered(frame.rank, frame.ranges);
        break;
      case "offer":
        this.fetching.offered(frame.rank, frame.ids);
        for (const id of frame.ids) if (this.handing.forget(id)) this.options.handedOver(id);
        break;
      case "want":
        this.handing.wanted(frame.ids);
        break;
      case "bundle":
        this.received += 1;
        this.fetching.bundle(frame.id, frame.ageMs, frame.encoded);
        break;
      case "taken":
        this.handing.taken(frame.outcome, frame.ids);
        break;
      case "not-here":
        this.fetching.notHere(frame.ids);
        break;
    }
    this.compareIfDue();
  }

  private get isMetered(): boolean {
    const nowMs = this.options.timers.monotonicMs();
    if (nowMs - this.way.atMs >= WAY_MS) this.way = { isMetered: this.options.isMetered(), atMs: nowMs };
    return this.way.isMetered;
  }

  private mayLarge(): boolean {
    return this.theirs?.takesLarge === true && !this.isMetered;
  }

  private compareIfDue(): void {
    if (!this.options.begins || !this.theirs || this.comparing.isUnderWay) return;
    const moved = this.received + this.handed;
    const mayLarge = this.mayLarge();
    if (this.handing.left + this.fetching.left === 0) this.pace.settled(moved);
    if (!this.pace.isDue(mayLarge)) return;
    this.pace.began(mayLarge, moved);
    this.comparing.begin(RANKS.filter((rank) => rank !== "large" || mayLarge));
    this.wakeWriter();
  }

  // Sending.

  private async write(): Promise<void> {
    const { stream } = this.options;
    try {
      while (!this.isEnded) {
        const frame = this.next();
        if (frame) {
          this.isSending = true;
          await stream.send(encodeFrame(frame));
          this.isSending = false;
        } else {
          await new Promise<void>((resolve) => {
            this.wakeWriter = resolve;
          });
        }
      }
    } catch (error) {
      // Who reads is told by the stream.
      this.stop(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** What matters most now. One frame at a time, so that whatever comes up waits for one at most. */
  private next(): SyncFrame | undefined {
    const takesLarge = !this.isMetered;
    if (this.told?.takesLarge !== takesLarge) {
      this.told = { takesLarge };
      return { says: "hello", version: VERSION, takesLarge };
    }
    if (!this.theirs) return undefined;
    return (
      this.handing.nextBundle(true) ??
      this.fetching.nextAnswer() ??
      this.compared.shift() ??
      this.comparing.next() ??
      this.fetching.nextWant() ??
      this.handing.nextOffer() ??
      this.handing.nextBundle()
    );
  }

  // Now and again.

  private reviewLater(): () => void {
    const { timers } = this.options;
    let callOff = () => {};
    const later = () => {
      callOff = timers.after(REVIEW_MS, () => {
        this.review();
        later();
      });
    };
    later();
    return () => callOff();
  }

  private review(): void {
    const isExpecting =
      !this.theirs ||
      this.isSending ||
      this.comparing.isUnderWay ||
      this.handing.isExpecting ||
      this.fetching.isExpecting;
    const silentMs = this.options.timers.monotonicMs() - this.heardAtMs;
    if (isExpecting && silentMs >= SILENCE_MS) {
      this.stop(new Error("the peer is silent"));
      return;
    }
    this.fetching.review();
    this.compareIfDue();
    this.wakeWriter();
  }
}
