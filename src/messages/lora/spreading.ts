import type { LinkAddress } from "../../lora/index.ts";
import type { Answers } from "./answers.ts";
import type { LoraContext } from "./context.ts";
import { relayOrder } from "./relays.ts";
import type { Carried } from "./stock.ts";

/** Between two that repeat the same, in frames of the largest size. */
const TURN_FRAMES = 0.7;
/** Time for somebody to be heard to repeat what was sent. */
const REPEATED_WITHIN_FRAMES = 1.8;
/** What nobody was heard to take on is sent so often again, each time over a longer span at random. */
const MOST_REPEATS = 8;

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
    for (const other of this.context.neighbourhood.around(from)) carried.believed.add(other);
  }

  /** It is new here. @param from the neighbour that it came from; undefined: it begins here */
  begin(carried: Carried, from: LinkAddress | undefined): void {
    const waitMs = from === undefined ? 0 : this.waitMs(carried, from);
    this.context.stock.plan(carried, this.context.nowMs + waitMs);
  }

  /** Whether it has to go now, which is due. */
  isToGo(carried: Carried): boolean {
    if (carried.sent > 0 && !carried.isAskedFor && !this.isLost(carried)) return false;
    return this.isWanted(carried);
  }

  /** Whether there is anybody who has most likely not got it. */
  isWanted({ has, believed }: Carried): boolean {
    return this.context.neighbourhood
      .listeners()
      .some((address) => !has.has(address) && !believed.has(address));
  }

  onSent(carried: Carried): void {
    const { neighbourhood, stock, nowMs } = this.context;
    carried.sent += 1;
    for (const address of neighbourhood.listeners()) carried.believed.add(address);
    const againMs = this.context.frames(REPEATED_WITHIN_FRAMES, 2 ** carried.tries);
    // What was asked for may be lost again: then it is asked for again. A call for help goes on until somebody has it.
    const isLostYet = carried.priority === "sos" && carried.has.size === 0;
    stock.plan(carried, carried.isAskedFor && !isLostYet ? undefined : nowMs + againMs);
    carried.isAskedFor = false;
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
      this.answers.takeWord(carried.short);
      return 0;
    }
    // Those that need not repeat it wait until all others have: one of them may not have heard it.
    return this.context.frames(TURN_FRAMES * (turn > 0 ? turn : order.length + 0.5), 0.5);
  }

  /** Whether nobody at all was heard to have what was sent. */
  private isLost(carried: Carried): boolean {
    if (carried.has.size > 0 || carried.tries >= MOST_REPEATS) return false;
    carried.tries += 1;
    carried.believed.clear();
    return true;
  }
}
