import type { FrameCarrier } from "../frame-carrier.ts";
import type { Fate } from "../radio.ts";
import type { LinkAddress } from "./address.ts";
import { MAX_REPORTED, REPORT_BYTES, type ReportFrame } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";
import { SILENT_AFTER } from "./neighbours.ts";
import { Outgoing, type OutgoingContext, type OutgoingMessage } from "./outgoing.ts";

/** Pieces that go in one round, before a report is asked for. */
const WINDOW = 48;
/** A box that does not answer is asked again after at most so long. */
const LONGEST_WAIT_MS = 300_000;
/** So many questions in a row are asked without growing patience: on a bad channel half of them go unanswered. */
const PATIENT_ASKS = 3;
const FULL_RETRY_MS = 5_000;
/** How much the newest round counts in the loss that a neighbour is known for. */
const LOSS_WEIGHT = 0.25;

/**
 * A message to one box, by selective repeat: a round of pieces, the last of which asks for a report; then the next round
 * of what the report lacks. Without a report one piece asks again, later and later; a box that has been silent for long
 * is asked seldom, and at once when it is heard.
 */
export class OutgoingToOne extends Outgoing {
  private acknowledged: boolean[] = [];
  /** Pieces of the last round, for the loss; undefined once a report has spoken of them. */
  private round: number[] | undefined;
  /** When the question left; undefined when it is not known which question an answer belongs to (Karn's rule). */
  private askedAtMs: number | undefined;
  private asks = 0;

  constructor(
    context: OutgoingContext,
    message: OutgoingMessage,
    private readonly neighbour: Neighbour,
  ) {
    super(context, message);
  }

  get destination(): LinkAddress {
    return this.neighbour.address;
  }

  go(): void {
    const carrier = this.context.carrier();
    if (!carrier || this.isEnded || this.isUnderWay) return;
    this.stopWaiting();
    if (this.prepare(carrier)) this.acknowledged = [];
    const missing = this.missing();
    // Unanswered, it is only asked what has arrived: a whole round into a void would be wasted.
    const round = this.asks === 0 ? missing.slice(0, WINDOW) : missing.slice(0, 1);
    if (this.asks === 0) this.round = round;
    const last = round.at(-1);
    // The last two ask: who hears the first cannot answer before the second has left, and one may be lost.
    const [asksFrom = 0] = round.slice(-2);
    for (const index of round) {
      this.sendPiece(carrier, index, index >= asksFrom, (fate) => this.onLeft(carrier, index === last, fate));
    }
  }

  onReport({ base, beyond }: ReportFrame): void {
    if (this.isEnded) return;
    this.stopWaiting();
    const nowMs = this.context.timers.monotonicMs();
    if (this.askedAtMs !== undefined && this.asks <= 1)
      this.neighbour.roundTrip.measured(nowMs - this.askedAtMs);
    this.askedAtMs = undefined;
    this.asks = 0;
    this.acknowledged = this.pieces.map((_, index) => index < base || (beyond[index - base - 1] ?? false));
    this.learnLoss();
    if (base >= this.pieces.length && this.pieces.length > 0) this.end({ state: "acknowledged" });
    else this.go();
  }

  /** The box was heard after a long silence. */
  onHeard(): void {
    if (!this.isUnderWay && this.asks > 0) this.go();
  }

  /** The radio is gone. What of the round has arrived is not known: the next one begins with a question. */
  override pause(): void {
    super.pause();
    this.askedAtMs = undefined;
    if (this.round) this.asks = Math.max(this.asks, 1);
  }

  backlogMs(carrier: FrameCarrier): number {
    this.prepare(carrier);
    const missing = this.pieces.filter((_, index) => !this.acknowledged[index]);
    const perPieceMs = carrier.airtimeMs(Math.min(carrier.maxFrameBytes, this.pieces[0]?.length ?? 0));
    const rounds = Math.ceil(missing.length / WINDOW);
    return (
      Math.max(0, missing.length - this.inCarrier) * perPieceMs + rounds * carrier.airtimeMs(REPORT_BYTES)
    );
  }

  protected expire(): void {
    const isSilent = this.neighbour.unanswered >= SILENT_AFTER || this.neighbour.heardAtMs === undefined;
    const detail = isSilent
      ? "the box was not heard in its lifetime"
      : "its lifetime was over before it had arrived";
    this.end({ state: "failed", reason: "expired", detail });
  }

  private onLeft(carrier: FrameCarrier, isQuestion: boolean, fate: Fate): void {
    if (fate.state === "failed") {
      if (fate.reason === "airtime" || fate.reason === "too-large") this.end(fate);
      // Of a radio that is gone the link is told as well; what is sent by the next one begins with a question.
      else if (fate.reason !== "radio-gone" && !this.isUnderWay) this.waitFor(FULL_RETRY_MS, () => this.go());
      return;
    }
    this.tellOnAir();
    if (!isQuestion) return;
    this.asks += 1;
    this.askedAtMs = this.context.timers.monotonicMs();
    this.waitFor(this.patienceMs(carrier), () => this.unanswered());
  }

  private unanswered(): void {
    this.neighbour.unanswered += 1;
    const isSilent = this.neighbour.unanswered >= SILENT_AFTER;
    if (!isSilent || this.context.asksFirst(this)) this.go();
  }

  private patienceMs(carrier: FrameCarrier): number {
    const answerMs = this.neighbour.roundTrip.timeoutMs(carrier.airtimeMs(REPORT_BYTES));
    const doublings = Math.max(0, this.asks - PATIENT_ASKS);
    const backedOffMs = Math.min(answerMs * 2 ** doublings, Math.max(LONGEST_WAIT_MS, answerMs));
    return backedOffMs * (1 + this.context.random() * 0.25);
  }

  /** The pieces that one report can speak of, without those that are there. */
  private missing(): number[] {
    const indexes = this.pieces.flatMap((_, index) => (this.acknowledged[index] ? [] : [index]));
    const [first = 0] = indexes;
    return indexes.filter((index) => index <= first + MAX_REPORTED);
  }

  private learnLoss(): void {
    const { round, neighbour } = this;
    this.round = undefined;
    if (!round || round.length === 0) return;
    const lost = round.filter((index) => !this.acknowledged[index]).length / round.length;
    neighbour.lossShare =
      neighbour.lossShare === undefined
        ? lost
        : neighbour.lossShare + LOSS_WEIGHT * (lost - neighbour.lossShare);
  }
}
