import type { FrameCarrier } from "../frame-carrier.ts";
import { type Priority, rankOf } from "../priority.ts";
import type { Fate } from "../radio.ts";
import { encodeFrame, type Holding } from "./frame.ts";
import type { Neighbour } from "./neighbours.ts";
import type { OutgoingContext } from "./outgoing.ts";
import type { OutgoingToOne } from "./outgoing-to-one.ts";
import { Patience } from "./patience.ts";

/** Frames before a report is asked for. */
const BURST_FRAMES = 32;
/** Frames that the carrier has at a time: one on the air, and one behind it so that the burst does not break off. */
const FRAMES_AHEAD = 2;
/** From so many frames on, the last but one asks too: who hears it cannot answer before the last has left. */
const TWO_ASK_FROM = 4;
/** After a frame that the carrier did not send. */
const RETRY_MS = 5_000;
/** How much the newest burst counts in the loss that a neighbour is known for. */
const LOSS_WEIGHT = 0.25;

interface Flight {
  message: OutgoingToOne;
  index: number;
}

/**
 * All that goes to one box: bursts of frames of its messages, the most urgent first, the last of which asks for one report
 * on all of them; then the next burst, of what the report lacks. Without a report a short question goes, later and later;
 * a box that has been silent for long is asked seldom, and at once when it is heard.
 *
 * Nothing is coded against erasures: with an ideal code, and a sender that knows the loss, a message of 2, 8, 33 or 128
 * pieces takes 26 %, 4 %, 2 % or 0 % longer at 10 % loss, and 3 %, 0 %, 0 % longer or 2 % shorter at 30 %, since a report
 * is short beside the frames that a code sends in vain (test/bench/lora-erasure.ts). What is reached of the channel's limit
 * with one sender at 0, 10 and 30 % loss is 93, 82 and 64 %.
 */
export class Conversation {
  /** In the order in which they go. */
  private messages: OutgoingToOne[] = [];
  private state: "idle" | "sending" | "listening" | "resting" = "idle";
  /** What has gone since the last report. */
  private flown: Flight[] = [];
  /** Frames that the carrier has: flights, and questions. */
  private readonly inCarrier = new Set<object>();
  private takeBackQuestion = () => {};
  /** Nothing more goes in this turn. */
  private isClosed = false;
  private wasAsked = false;
  private stopTimer = () => {};
  private readonly patience: Patience;
  /** For whose turn it is: grows with every turn of any conversation. */
  lastTurn = 0;

  /** @param pump called when the turn may go to somebody else */
  constructor(
    private readonly context: OutgoingContext,
    readonly neighbour: Neighbour,
    private readonly pump: () => void,
  ) {
    this.patience = new Patience(context, neighbour);
  }

  get isEmpty(): boolean {
    return this.messages.length === 0;
  }

  get wantsTurn(): boolean {
    return this.state === "idle" && !this.isEmpty;
  }

  /** Whether it sends, or waits for an answer that may come any moment. */
  get hasTurn(): boolean {
    return this.state === "sending" || this.state === "listening";
  }

  get isSending(): boolean {
    return this.state === "sending";
  }

  /** Of its most urgent message; 0 is the most urgent. */
  get rank(): number {
    return rankOf(this.priority);
  }

  add(message: OutgoingToOne): void {
    const rank = rankOf(message.message.priority);
    const at = this.messages.findIndex((other) => rankOf(other.message.priority) > rank);
    this.messages.splice(at < 0 ? this.messages.length : at, 0, message);
    if (this.state !== "sending") return;
    const carrier = this.context.carrier();
    if (carrier) message.refit(carrier);
    this.feed();
  }

  /** It has ended, and has taken its frames back. */
  remove(message: OutgoingToOne): void {
    this.messages = this.messages.filter((other) => other !== message);
    for (const flight of this.flown) if (flight.message === message) this.inCarrier.delete(flight);
    if (this.state === "sending") this.feed();
    if (!this.isEmpty) return;
    this.stopTimer();
    this.flown = [];
    this.patience.asks = 0;
    if (this.state !== "sending") this.state = "idle";
  }

  begin(): void {
    const carrier = this.context.carrier();
    if (!carrier) return;
    this.stopTimer();
    // Another radio may want other pieces; of what went by the old ones nothing can be asked.
    for (const message of this.messages)
      if (message.refit(carrier)) this.flown = this.flown.filter((flight) => flight.message !== message);
    this.state = "sending";
    this.isClosed = false;
    this.wasAsked = false;
    this.feed();
  }

  /** Somebody more urgent has the word: no more frames in this turn. */
  cut(): void {
    this.isClosed = true;
    this.check();
  }

  /** The radio is gone. What of the last burst has arrived is not known: the next turn begins with a question. */
  pause(): void {
    this.stopTimer();
    this.takeBackQuestion();
    for (const message of this.messages) message.pause();
    this.inCarrier.clear();
    if (this.flown.length > 0) this.patience.doubt();
    this.state = "idle";
  }

  /** The box was heard: it can be asked now. */
  onHeard(): void {
    if (this.state !== "resting" || this.patience.asks === 0) return;
    this.stopTimer();
    this.state = "idle";
    this.pump();
  }

  /** Others talk: the answer has to wait, and so have we. */
  onOthersHeard(carrier: FrameCarrier): void {
    if (this.state === "listening" && this.patience.delay()) this.listen(carrier);
  }

  onReport(holdings: readonly Holding[]): void {
    const flown = this.flown;
    const isAwaited = this.state !== "sending";
    if (isAwaited) {
      this.stopTimer();
      this.patience.answered();
      this.flown = [];
    }
    for (const holding of holdings)
      this.messages.find(({ number }) => number === holding.message)?.onHolding(holding);
    if (!isAwaited) return;
    this.learnLoss(flown);
    for (const message of this.messages) message.land();
    this.state = "idle";
    this.pump();
  }

  private get priority(): Priority {
    return this.messages[0]?.message.priority ?? "background";
  }

  /** Hands frames to the carrier as long as it is our turn. */
  private feed(): void {
    const carrier = this.context.carrier();
    if (!carrier) return;
    while (this.inCarrier.size < FRAMES_AHEAD && !this.isClosed) {
      if (this.patience.asks > 0) this.ask(carrier);
      else this.flyNext(carrier);
    }
    this.check();
  }

  private flyNext(carrier: FrameCarrier): void {
    const due: Flight[] = [];
    for (const message of this.messages) {
      // Two more than go now tell whether this one is the last, or the last but one.
      if (due.length > 2) break;
      for (const index of message.due().slice(0, 3)) due.push({ message, index });
    }
    const [next] = due;
    const left = Math.min(due.length, BURST_FRAMES - this.flown.length);
    if (!next || left <= 0) {
      this.isClosed = true;
      // What has gone before this turn was cut is still to be asked for.
      if (!this.wasAsked && this.flown.length > 0) this.ask(carrier);
      return;
    }
    this.flown.push(next);
    const isLast = left === 1;
    const asks = isLast || (left === 2 && this.flown.length + 1 >= TWO_ASK_FROM);
    this.isClosed = isLast;
    if (isLast) this.wasAsked = true;
    this.fly(carrier, next, asks);
  }

  private fly(carrier: FrameCarrier, flight: Flight, asks: boolean): void {
    this.inCarrier.add(flight);
    flight.message.fly(carrier, flight.index, asks, (fate) => this.onLeft(flight, fate));
  }

  /** Asks what has arrived: with the frame itself where it was but one, else with a question. */
  private ask(carrier: FrameCarrier): void {
    this.isClosed = true;
    this.wasAsked = true;
    this.flown = this.flown.filter(({ message, index }) => message.lacks(index));
    const last = this.flown.at(-1);
    if (!last) {
      this.patience.asks = 0;
      this.isClosed = false;
      this.wasAsked = false;
      return;
    }
    if (this.flown.length === 1) {
      this.fly(carrier, last, true);
      return;
    }
    const { address: source } = this.context;
    const destination = this.neighbour.address;
    const frame = encodeFrame({ kind: "question", source, destination, message: last.message.number });
    const question = {};
    this.inCarrier.add(question);
    this.takeBackQuestion = carrier.send(frame, this.priority, (fate) => {
      if (fate.state !== "queued") this.onLeft(question, fate);
    });
  }

  private onLeft(frame: object, fate: Fate): void {
    if (!this.inCarrier.delete(frame)) return;
    if (fate.state !== "failed") {
      this.feed();
      return;
    }
    const flight = this.flown.find((one) => one === frame);
    this.flown = this.flown.filter((one) => one !== frame);
    if (flight && (fate.reason === "airtime" || fate.reason === "too-large")) {
      flight.message.end(fate);
      return;
    }
    // A radio may lose what it had and stay: when it is gone indeed, the link is told as well, and pauses us.
    if (this.state !== "sending") return;
    this.isClosed = true;
    this.wasAsked = false;
    this.check(RETRY_MS);
  }

  /** Once all frames of the turn have left: listens, if it was asked; else the turn is over. */
  private check(restMs = 0): void {
    if (this.state !== "sending" || this.inCarrier.size > 0 || !this.isClosed) return;
    const carrier = this.context.carrier();
    if (!carrier) return;
    if (this.isEmpty || !this.wasAsked) {
      this.rest(restMs);
      return;
    }
    this.state = "listening";
    this.patience.asked(carrier, new Set(this.flown.map(({ message }) => message)).size);
    this.listen(carrier);
  }

  private listen(carrier: FrameCarrier): void {
    this.stopTimer();
    this.stopTimer = this.context.timers.after(this.patience.waitMs(carrier), () => {
      this.patience.unanswered();
      this.rest(this.patience.restMs(carrier));
    });
  }

  private rest(ms: number): void {
    this.stopTimer();
    this.state = ms > 0 ? "resting" : "idle";
    if (ms > 0) {
      this.stopTimer = this.context.timers.after(ms, () => {
        this.state = "idle";
        this.pump();
      });
    }
    this.pump();
  }

  private learnLoss(flown: readonly Flight[]): void {
    if (flown.length === 0) return;
    const { neighbour } = this;
    const lost = flown.filter(({ message, index }) => message.lacks(index)).length / flown.length;
    neighbour.lossShare =
      neighbour.lossShare === undefined
        ? lost
        : neighbour.lossShare + LOSS_WEIGHT * (lost - neighbour.lossShare);
  }
}
