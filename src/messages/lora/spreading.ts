import type { LinkAddress } from "../../lora/index.ts";
import type { Answers } from "./answers.ts";
import type { LoraContext } from "./context.ts";
import { hopTagOf } from "./items.ts";
import { relayOrder } from "./relays.ts";
import type { Carried } from "./stock.ts";

/** Between two that repeat the same, in frames of the largest size. */
const TURN_FRAMES = 0.7;
/** Time for somebody to be heard to repeat what was sent. */
const REPEATED_WITHIN_FRAMES = 1.8;
/** What nobody was heard to take on is sent so often again, each time over a longer span at random. */
const MOST_REPEATS = 8;
/** What others, who reach more, will repeat is looked at again after so many frames, and goes if it is still to be feared that somebody lacks it. */
const LEFT_FRAMES = 6;
/**
 * After so many frames without a word of it whoever alone can take it on is asked, at most so often, each time after twice as long; not
 * while all is slow, for then it waits there for the air.
 */
const ASKED_AFTER_FRAMES = 10;
const MOST_QUESTIONS = 5;
const SLOW_FRAMES = 10;
const QUESTION_BYTES = 8;

/** What goes to everyone: once by each box that reaches somebody whom no other has reached. */
export class Spreading {
  constructor(
    private readonly context: LoraContext,
    private readonly answers: Answers,
  ) {}

  /** Somebody is near where nobody was: what is urgent and nobody has yet need not wait until all is compared. */
  onNewNeighbour(from: LinkAddress): void {
    const { stock, asked, nowMs } = this.context;
    for (const carried of stock.all()) {
      const isUrgent = carried.priority === "sos" || carried.priority === "check-in";
      if (!isUrgent || carried.person !== undefined || carried.has.size > 0) continue;
      if (carried.dueMs === undefined && asked.grantsAgain(from, carried))
        stock.plan(carried, nowMs + this.context.frames(0, 2));
    }
  }

  /** It has come from a neighbour, for the first time or again. */
  onHeard(carried: Carried, from: LinkAddress): void {
    carried.heardFrom.add(from);
    for (const other of this.context.neighbourhood.around(from)) carried.believed.add(other);
  }

  /** It is new here. @param from the neighbour that it came from; undefined: it begins here */
  begin(carried: Carried, ageMs: number, from: LinkAddress | undefined): void {
    if (from !== undefined) this.context.pace.note(ageMs);
    const waitMs = from === undefined ? 0 : this.waitMs(carried, from);
    this.context.stock.plan(carried, this.context.nowMs + waitMs);
  }

  /** What is due with it: whether it has to go now; else when it is looked at again is planned, if it is. */
  isToGo(carried: Carried): boolean {
    if (carried.isAskedFor) return this.isWantedOrDone(carried);
    if (carried.sent === 0) return this.isWantedOrDone(carried) && !this.leave(carried);
    if (this.isLost(carried)) return this.isWantedOrDone(carried);
    this.askDependents(carried);
    return false;
  }

  /** Whether there is anybody who has most likely not got it. */
  isWanted({ has, believed }: Carried): boolean {
    return this.context.neighbourhood
      .listeners()
      .some((address) => !has.has(address) && !believed.has(address));
  }

  onSent(carried: Carried): void {
    const { neighbourhood, stock, nowMs } = this.context;
    const { has, believed } = carried;
    if (carried.sent === 0)
      carried.dependents = neighbourhood.dependents((address) => has.has(address) || believed.has(address));
    else if (has.size === 0) carried.tries += 1;
    carried.sent += 1;
    for (const address of neighbourhood.listeners()) believed.add(address);
    // What was asked for may be lost again: then it is asked for again. A call for help goes on until somebody has it.
    const isLostYet = carried.priority === "sos" && has.size === 0;
    const isDone = carried.isAskedFor && !isLostYet;
    carried.isAskedFor = false;
    const againMs = nowMs + this.context.frames(REPEATED_WITHIN_FRAMES, 2 ** carried.tries);
    if (isDone) this.awaitDependents(carried, this.silentOf(carried));
    else stock.plan(carried, againMs);
  }

  /** A neighbour has asked for it. */
  onWanted(carried: Carried, from: LinkAddress): void {
    if (!this.context.asked.grantsAgain(from, carried)) return;
    carried.believed.clear();
    carried.isAskedFor = true;
    this.answers.takeWordNow(carried.short);
    this.context.stock.plan(carried, this.context.nowMs);
  }

  /** After how long it goes on from here, if it still must then. */
  private waitMs(carried: Carried, from: LinkAddress): number {
    const { address: own, neighbourhood } = this.context;
    const heardIt = neighbourhood.around(from);
    const candidates = new Map<LinkAddress, Iterable<LinkAddress>>([[own, neighbourhood.listeners()]]);
    for (const { address } of neighbourhood.near())
      if (address !== from && heardIt.has(address)) candidates.set(address, neighbourhood.reachedBy(address));
    const order = relayOrder(candidates, [own, from, ...heardIt, ...carried.has]);
    const turn = order.indexOf(own);
    // Where nobody need repeat it, one says for all that it has come: else the box where it begins would say it again. Of all that have
    // heard it, also those not heard here: two at once would be heard by nobody between them.
    if (order.length === 0 && carried.origin === from && Math.min(own, ...heardIt) === own) {
      this.answers.takeWord(carried.short);
      this.answers.owe(carried.short, 0);
    }
    if (turn === 0) {
      carried.mayBeLeft = false;
      this.answers.takeWord(carried.short);
      return 0;
    }
    // Those that need not repeat it wait until all others have: one of them may not have heard it.
    return this.context.frames(TURN_FRAMES * (turn > 0 ? turn : order.length + 0.5), 0.5);
  }

  private isWantedOrDone(carried: Carried): boolean {
    if (this.isWanted(carried)) return true;
    this.context.stock.plan(carried, undefined);
    return false;
  }

  /** Whether others repeat it who reach all that hear this box: then it is looked again later whether they have. */
  private leave(carried: Carried): boolean {
    const { neighbourhood, stock, nowMs } = this.context;
    const { mayBeLeft, priority, heardFrom } = carried;
    if (!mayBeLeft || priority === "sos" || !neighbourhood.areReachedWithout(heardFrom)) return false;
    carried.mayBeLeft = false;
    stock.plan(carried, nowMs + this.context.frames(LEFT_FRAMES, 2));
    return true;
  }

  /** Whoever alone can take it on, and was not heard to have it, is asked: a question and its answer are shorter than to send it again. */
  private askDependents(carried: Carried): void {
    const { neighbourhood, pace, asked } = this.context;
    const silent = this.silentOf(carried);
    // The first time only begins to wait.
    const isTime = carried.questions > 0 && carried.questions <= MOST_QUESTIONS;
    if (isTime && pace.ms < this.context.frames(SLOW_FRAMES))
      // Who is not to be heard cannot answer.
      for (const address of silent)
        if (
          neighbourhood.hasSpokenSince(address, carried.lookedAtMs) &&
          asked.grants(address, QUESTION_BYTES)
        )
          this.answers.offer(hopTagOf(address), carried.short);
    this.awaitDependents(carried, silent);
  }

  /** It is looked again later whether dependents that are silent were heard to have it; not for ever. */
  private awaitDependents(carried: Carried, silent: readonly LinkAddress[]): void {
    const { stock, nowMs } = this.context;
    const longer = 2 ** carried.questions;
    const isOver = carried.questions > MOST_QUESTIONS || silent.length === 0;
    carried.questions += 1;
    carried.lookedAtMs = nowMs;
    stock.plan(
      carried,
      isOver ? undefined : nowMs + this.context.frames(ASKED_AFTER_FRAMES * longer, longer),
    );
  }

  /** Dependents that were not heard to have it. */
  private silentOf({ dependents, has, refusedBy, sinceMs }: Carried): LinkAddress[] {
    const { neighbourhood } = this.context;
    const listeners = neighbourhood.listeners();
    return dependents.filter(
      (address) =>
        listeners.includes(address) &&
        !has.has(address) &&
        !refusedBy.has(address) &&
        !neighbourhood.hasHadSameSince(address, sinceMs),
    );
  }

  /** Whether nobody at all was heard to have what was sent. */
  private isLost(carried: Carried): boolean {
    if (carried.has.size > 0 || carried.tries >= MOST_REPEATS) return false;
    carried.believed.clear();
    return true;
  }
}
