import type { FrameCarrier } from "../frame-carrier.ts";
import type { Fate } from "../radio.ts";
import type { LinkAddress } from "./address.ts";
import { type Holding, MAX_REPORTED, REPORT_BYTES } from "./frame.ts";
import { type Neighbour, SILENT_AFTER } from "./neighbours.ts";
import { Outgoing, type OutgoingContext, type OutgoingMessage } from "./outgoing.ts";

/** Frames that go before one report, about, for an estimate. */
const FRAMES_A_REPORT = 32;

/** A message to one box: which of its pieces are there. A {@link Conversation} decides when they go. */
export class OutgoingToOne extends Outgoing {
  private acknowledged: boolean[] = [];
  /** Pieces that have gone since the last report. */
  private readonly flown = new Set<number>();

  constructor(
    context: OutgoingContext,
    message: OutgoingMessage,
    readonly neighbour: Neighbour,
  ) {
    super(context, message);
  }

  get destination(): LinkAddress {
    return this.neighbour.address;
  }

  /** Cuts the message for this carrier. @returns whether its pieces are other ones than before */
  refit(carrier: FrameCarrier): boolean {
    const isNew = this.prepare(carrier);
    if (isNew) {
      this.acknowledged = [];
      this.flown.clear();
    }
    return isNew;
  }

  /** The pieces that may go now, for one report can speak of them, and that have not gone since the last report. */
  due(): number[] {
    const missing = this.pieces.flatMap((_, index) => (this.acknowledged[index] ? [] : [index]));
    const [first = 0] = missing;
    return missing.filter((index) => index <= first + MAX_REPORTED && !this.flown.has(index));
  }

  /** @param left called with the piece's fate, once, if the message still goes on */
  fly(carrier: FrameCarrier, index: number, wantsReport: boolean, left: (fate: Fate) => void): void {
    this.flown.add(index);
    this.sendPiece(carrier, index, wantsReport, (fate) => {
      if (fate.state === "failed") this.flown.delete(index);
      else this.tellOnAir();
      left(fate);
    });
  }

  lacks(index: number): boolean {
    return !this.isEnded && !this.acknowledged[index];
  }

  onHolding(holding: Holding): void {
    if (this.isEnded) return;
    if (holding.isWhole) {
      this.end({ state: "acknowledged" });
      return;
    }
    const { count, base, beyond } = holding;
    // Nothing of it is there, or only what was cut for another radio.
    const isOfThis = count === this.pieces.length;
    this.acknowledged = this.pieces.map(
      (_, index) => isOfThis && (index < base || (beyond[index - base - 1] ?? false)),
    );
  }

  /** A report has come: what is still missing may go again. */
  land(): void {
    this.flown.clear();
  }

  backlogMs(carrier: FrameCarrier): number {
    this.refit(carrier);
    const missing = this.pieces.filter((_, index) => !this.acknowledged[index]).length;
    const perPieceMs = carrier.airtimeMs(
      Math.min(carrier.maxFrameBytes, (this.pieces[0]?.length ?? 0) + this.headerBytes),
    );
    const perReportMs = carrier.airtimeMs(REPORT_BYTES);
    const tries = 1 / (1 - Math.min(0.8, this.neighbour.lossShare ?? 0));
    const piecesMs = Math.max(0, missing * tries - this.inCarrier) * perPieceMs;
    return piecesMs + Math.ceil((missing * tries) / FRAMES_A_REPORT) * perReportMs * tries;
  }

  protected expire(): void {
    const isSilent = this.neighbour.unanswered >= SILENT_AFTER || this.neighbour.heardAtMs === undefined;
    const detail = isSilent
      ? "the box was not heard in its lifetime"
      : "its lifetime was over before it had arrived";
    this.end({ state: "failed", reason: "expired", detail });
  }
}
