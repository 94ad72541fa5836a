import type { FrameCarrier } from "../frame-carrier.ts";
import type { Priority } from "../priority.ts";
import type { Fate } from "../radio.ts";
import type { Holding } from "./frame.ts";
import { Outgoing, type OutgoingContext, type OutgoingMessage } from "./outgoing.ts";

/** How often a message to everyone is sent: nobody acknowledges it. */
const TIMES: Record<Priority, number> = { sos: 3, "check-in": 2, direct: 1, room: 1, background: 1 };
/** Between two times, so that one disturbance does not take both: this and up to as much again. */
const BETWEEN_MS = 10_000;
/** After a frame that the carrier did not send. */
const RETRY_MS = 10_000;
/** How long it is kept for those who lack a piece of it. */
const REPAIR_MS = 600_000;
/** How often one piece is sent again on somebody's word. */
const MOST_REPAIRS = 8;
/** Pieces that the carrier has at a time: its queue is everybody's, and what is more urgent displaces what is in it. */
const PIECES_AHEAD = 16;

/** A message to everyone: sent once or more by its priority, and again in pieces for who reports that some are missing. */
export class OutgoingToEveryone extends Outgoing {
  readonly destination = undefined;
  private timesLeft: number;
  private isSent = false;
  private repairs: number[] = [];
  /** Pieces that are to go and have not left, with those that the carrier has. */
  private due: number[] = [];
  private readonly handedIn = new Set<number>();

  constructor(context: OutgoingContext, message: OutgoingMessage) {
    super(context, message);
    this.timesLeft = message.isOnce ? 1 : TIMES[message.priority];
  }

  /** Whether something of it is to go, now or after a frame that failed. */
  get wantsToGo(): boolean {
    return this.due.length > 0 || (this.timesLeft > 0 && !this.isWaiting);
  }

  /** Sends what is due now, if a radio is there. */
  go(): void {
    const carrier = this.context.carrier();
    if (!carrier || this.isEnded || this.isWaiting) return;
    this.refit(carrier);
    if (this.isEnded) return;
    if (this.due.length === 0 && this.timesLeft > 0) {
      this.due = this.pieces.map((_, index) => index);
      this.timesLeft -= 1;
    }
    this.feed(carrier);
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
    this.context.reschedule();
  }

  backlogMs(carrier: FrameCarrier): number {
    this.refit(carrier);
    const perPieceMs = carrier.airtimeMs(Math.min(carrier.maxFrameBytes, this.pieces[0]?.length ?? 0));
    const hasBegun = this.isSent || this.due.length > 0;
    const left = (hasBegun ? this.due : this.pieces).length - this.inCarrier;
    return Math.max(0, left) * perPieceMs;
  }

  override pause(): void {
    super.pause();
    this.handedIn.clear();
    if (this.isSent && !this.isEnded && this.due.length === 0 && this.timesLeft === 0) this.keepForRepair();
  }

  /** Its last fate is that it has been sent, whatever comes after that. */
  override end(fate: Fate): void {
    if (!this.isSent) super.end(fate);
    else if (!this.isEnded) this.finish();
  }

  protected expire(): void {
    this.end({ state: "failed", reason: "expired", detail: "its lifetime was over before it had been sent" });
  }

  /** Another radio may want other pieces: then all of them are due, if some were. */
  private refit(carrier: FrameCarrier): void {
    if (!this.prepare(carrier)) return;
    this.pause();
    this.repairs = [];
    if (this.due.length > 0) this.due = this.pieces.map((_, index) => index);
    if (this.wantsToGo) this.waitFor(0, () => this.context.reschedule());
  }

  private feed(carrier: FrameCarrier): void {
    for (const index of this.due) {
      if (this.handedIn.size >= PIECES_AHEAD) return;
      if (this.handedIn.has(index)) continue;
      this.handedIn.add(index);
      this.sendPiece(carrier, index, false, (fate) => this.onLeft(index, fate));
    }
  }

  private onLeft(index: number, fate: Fate): void {
    this.handedIn.delete(index);
    if (fate.state === "failed") {
      // Whatever else it was, the piece is still due; where the radio is gone, the link is told as well, and pauses us.
      if (fate.reason === "airtime" || fate.reason === "too-large") this.end(fate);
      else this.waitFor(RETRY_MS, () => this.context.reschedule());
      return;
    }
    this.due = this.due.filter((other) => other !== index);
    if (this.due.length > 0) {
      this.go();
      return;
    }
    this.isSent = true;
    this.tellOnAir();
    if (this.timesLeft > 0)
      this.waitFor(BETWEEN_MS * (1 + this.context.random()), () => this.context.reschedule());
    else this.keepForRepair();
    this.context.reschedule();
  }

  private keepForRepair(): void {
    // A message of one piece is lacked by nobody who knows of it.
    if (this.pieces.length === 1) this.finish();
    else this.waitFor(REPAIR_MS, () => this.finish());
  }
}
