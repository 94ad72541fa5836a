import type { FrameCarrier } from "../frame-carrier.ts";
import { REPORT_BYTES, WHOLE_HOLDING_BYTES } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";
import type { OutgoingContext } from "./outgoing.ts";

/** So many questions in a row are asked without a pause: on a bad channel half of them go unanswered. */
const PATIENT_ASKS = 4;
/** A box that does not answer is asked again after at most so long. */
const LONGEST_REST_MS = 300_000;
/** How often others on the air may make us wait longer for one answer. */
const MOST_DELAYS = 40;
/** Everything is longer by up to this part, at random, so that two boxes do not keep step. */
const JITTER = 0.25;

/** How long to wait for a report of one box, and after how long to ask again when none has come. */
export class Patience {
  /** Questions since the last report. */
  asks = 0;
  private delays = 0;
  /** When the question left; undefined when it is not known which question an answer belongs to (Karn's rule). */
  private askedAtMs: number | undefined;
  /** What the awaited report takes on the air beyond one on a single message. */
  private longerMs = 0;

  constructor(
    private readonly context: OutgoingContext,
    private readonly neighbour: Neighbour,
  ) {}

  /** A question has left, on so many messages. */
  asked(carrier: FrameCarrier, messages: number): void {
    const bytes = REPORT_BYTES + Math.max(0, messages - 1) * WHOLE_HOLDING_BYTES;
    this.longerMs =
      carrier.airtimeMs(Math.min(bytes, carrier.maxFrameBytes)) - carrier.airtimeMs(REPORT_BYTES);
    this.asks += 1;
    this.delays = 0;
    this.askedAtMs = this.asks === 1 ? this.context.timers.monotonicMs() : undefined;
  }

  /** The report has come. */
  answered(): void {
    if (this.askedAtMs !== undefined)
      this.neighbour.roundTrip.measured(this.context.timers.monotonicMs() - this.askedAtMs - this.longerMs);
    this.asks = 0;
    this.askedAtMs = undefined;
  }

  /** No report has come in time. */
  unanswered(): void {
    this.neighbour.unanswered += 1;
  }

  /** What was sent may have arrived: it must be asked for before more goes. */
  doubt(): void {
    this.asks = Math.max(1, this.asks);
    this.askedAtMs = undefined;
  }

  /** Others talk, so that an answer has to wait. @returns whether we wait for it as well */
  delay(): boolean {
    this.askedAtMs = undefined;
    this.delays += 1;
    return this.delays <= MOST_DELAYS;
  }

  /** How long to wait for a report. */
  waitMs(carrier: FrameCarrier): number {
    return this.longerMs + this.jittered(this.neighbour.roundTrip.timeoutMs(carrier.airtimeMs(REPORT_BYTES)));
  }

  /** How long to leave a box alone that has not answered. */
  restMs(carrier: FrameCarrier): number {
    const doublings = this.asks - PATIENT_ASKS;
    if (doublings < 0) return 0;
    return this.jittered(Math.min(this.waitMs(carrier) * 2 ** Math.min(doublings, 20), LONGEST_REST_MS));
  }

  private jittered(ms: number): number {
    return ms * (1 + this.context.random() * JITTER);
  }
}
