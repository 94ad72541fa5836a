import type { FrameCarrier } from "../frame-carrier.ts";
import type { Priority } from "../priority.ts";
import type { Fate } from "../radio.ts";
import type { Holding } from "./frame.ts";
import { Outgoing, type OutgoingContext, type OutgoingMessage } from "./outgoing.ts";

/** How often a message to everyone is sent: nobody acknowledges it. */
const TIMES: Record<Priority, number> = { sos: 3, "check-in": 2, direct: 1, room: 1, background: 1 };
/** Between two times, so that one disturbance does not take both: this and up to as much again. */
const BETWEEN_MS = 10_000;
/** How long it is kept for those who lack a piece of it. */
const REPAIR_MS = 600_000;
/** How often one piece is sent again on somebody's word. */
const MOST_REPAIRS = 8;

/** A message to everyone: sent once or more by its priority, and again in pieces for who reports that some are missing. */
export class OutgoingToEveryone extends Outgoing {
  readonly destination = undefined;
  private timesLeft: number;
  private isSent = false;
  private readonly repairs: number[] = [];
  private due: number[] = [];

  constructor(context: OutgoingContext, message: OutgoingMessage) {
    super(context, message);
    this.timesLeft = TIMES[message.priority];
  }

  /** Sends what is due now, if a radio is there and nothing is under way. */
  go(): void {
    const carrier = this.context.carrier();
    if (!carrier || this.isEnded || this.isUnderWay || this.isWaiting) return;
    if (this.prepare(carrier) || this.pieces.length === 0) this.due = [];
    if (this.isEnded) return;
    if (this.due.length === 0) {
      if (this.timesLeft === 0) return;
      this.due = this.pieces.map((_, index) => index);
      this.timesLeft -= 1;
    }
    for (const index of this.due) this.sendPiece(carrier, index, false, (fate) => this.onLeft(index, fate));
  }

  /** Somebody lacks pieces of it. */
  onHolding(holding: Holding): void {
    if (!this.isSent || this.isEnded || holding.isWhole || holding.count !== this.pieces.length) return;
    const { base, beyond } = holding;
    const missing = this.pieces.flatMap((_, index) => {
      const isThere = index < base || beyond[index - base - 1] === true;
      return isThere || (this.repairs[index] ?? 0) >= MOST_REPAIRS ? [] : [index];
    });
    for (const index of missing) this.repairs[index] = (this.repairs[index] ?? 0) + 1;
    this.due = [...new Set([...this.due, ...missing])];
    if (this.due.length === 0) return;
    this.stopWaiting();
    this.go();
  }

  backlogMs(carrier: FrameCarrier): number {
    this.prepare(carrier);
    const perPieceMs = carrier.airtimeMs(Math.min(carrier.maxFrameBytes, this.pieces[0]?.length ?? 0));
    const left = (this.isSent ? this.due : this.pieces).length - this.inCarrier;
    return Math.max(0, left) * perPieceMs;
  }

  protected expire(): void {
    if (this.isSent) this.finish();
    else
      this.end({
        state: "failed",
        reason: "expired",
        detail: "its lifetime was over before it had been sent",
      });
  }

  private onLeft(index: number, fate: Fate): void {
    if (fate.state === "failed") {
      if (fate.reason === "airtime" || fate.reason === "too-large") this.end(fate);
      else if (!this.isUnderWay) this.waitFor(BETWEEN_MS, () => this.go());
      return;
    }
    this.due = this.due.filter((other) => other !== index);
    if (this.isUnderWay || this.due.length > 0) return;
    this.isSent = true;
    this.tellOnAir();
    if (this.timesLeft > 0) {
      this.waitFor(BETWEEN_MS * (1 + this.context.random()), () => this.go());
      return;
    }
    // A message of one piece is lacked by nobody who knows of it.
    if (this.pieces.length === 1) this.finish();
    else this.waitFor(REPAIR_MS, () => this.finish());
  }
}
