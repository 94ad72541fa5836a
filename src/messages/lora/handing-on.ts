import type { LinkAddress } from "../../lora/index.ts";
import type { Answers } from "./answers.ts";
import type { LoraContext } from "./context.ts";
import type { Digests } from "./digests.ts";
import { hopTagOf, type ShortId } from "./items.ts";
import { ONE_HOP } from "./neighbourhood.ts";
import type { Carried } from "./stock.ts";

/** How long an answer is awaited beyond the time that a frame of the same length takes, in frames of the largest size. */
const ANSWER_FRAMES = 0.5;
/**
 * And at random up to so much longer, twice that with each try: two boxes that do not hear each other and send to a third
 * would else go on at the same moments.
 */
const JITTER_FRAMES = 1.5;
const MOST_DOUBLINGS = 4;
/** Where nobody answers, the channel is full: then all wait longer, up to so many times. */
const PATIENCE = 12;
const WEIGHT = 0.1;
/** What an offer is answered with, for each that is offered. */
const ANSWER_BYTES = 5;
/** After so many offers that nobody answered the bundle itself goes. */
const MOST_OFFERS = 3;
/** Without a path for so long, whoever is near takes it along: they may meet whom it is for. */
const STRANDED_MS = 10 * 60_000;
/** After a neighbour has refused it and there is no other. */
const REFUSED_MS = 10 * 60_000;
/** What is sought is named to all near after so long, and half as often each time: it may have been lost on the air. */
const SEEK_AGAIN_MS = 10 * 60_000;
const MOST_SEEK_DOUBLINGS = 4;
const NAME_BYTES = 4;

/**
 * Bundles for one person: from box to box until the one where that person is. The custody of each is handed to the next
 * box on the way, and is handed over when that box was heard to have it: it says so, or hands it on itself.
 */
export class HandingOn {
  /** Share of what was sent lately that was not answered. */
  pressure = 0;
  /** How often what is sought was named. */
  private readonly named = new WeakMap<Carried, number>();

  constructor(
    private readonly context: LoraContext,
    private readonly answers: Answers,
    private readonly digests: Pick<Digests, "name" | "isGone">,
    /** The paths are not what they seemed. */
    private readonly isAmiss: () => void,
  ) {}

  /** It is new here. */
  begin(carried: Carried): void {
    if (!this.isHere(carried)) this.context.stock.plan(carried, this.context.nowMs);
  }

  /**
   * What is due with it.
   * @returns to whom it goes; `everyone`, where nobody knows where that person is; undefined: nothing now
   */
  next(carried: Carried): LinkAddress | "everyone" | undefined {
    const { stock, homes, nowMs } = this.context;
    if (carried.awaited !== undefined) this.onUnanswered(carried, carried.awaited);
    if (carried.person === undefined) return "everyone";
    if (this.isHere(carried)) carried.isHandedOn = true;
    // Whatever it was planned for: nobody's answer would end what nobody waits for any more.
    if (carried.isHandedOn) {
      stock.plan(carried, undefined);
      return undefined;
    }
    const home = homes.of(carried.person);
    if (home === undefined) {
      carried.isSought = true;
      return "everyone";
    }
    const via = this.viaOf(carried);
    if (via !== undefined) {
      carried.isSought = false;
      carried.strandedMs = undefined;
      return via;
    }
    carried.strandedMs ??= nowMs;
    if (nowMs - carried.strandedMs >= STRANDED_MS) {
      if (!carried.isSought) carried.isAskedFor = true;
      carried.isSought = true;
      return "everyone";
    }
    const wasRefused = carried.refusedBy.size > 0;
    carried.refusedBy.clear();
    stock.plan(carried, wasRefused ? nowMs + REFUSED_MS : carried.strandedMs + STRANDED_MS);
    return undefined;
  }

  /** @param airMs of the frame that it went in */
  onSent(carried: Carried, hop: LinkAddress, airMs: number): void {
    const { stock, nowMs } = this.context;
    carried.sent += 1;
    // That it is there was heard while it was on its way once more, in one frame with others.
    if (carried.isHandedOn) return;
    carried.awaited = hop;
    const patience = (1 + PATIENCE * this.pressure) * 2 ** Math.min(carried.tries, MOST_DOUBLINGS);
    stock.plan(carried, nowMs + airMs + this.context.frames(ANSWER_FRAMES, JITTER_FRAMES * patience));
  }

  /** A neighbour has it. @param hops how many had handed it on when it came there */
  onHas(carried: Carried, from: LinkAddress, hops: number): void {
    const { neighbourhood, homes, stock } = this.context;
    if (carried.person === undefined || carried.isHandedOn) return;
    // What it had before says nothing of whether it has come there from here.
    if (hops <= carried.hops && from !== homes.of(carried.person)) return;
    const isAwaited = carried.awaited === from;
    if (isAwaited) {
      neighbourhood.answered(from, true);
      this.pressure -= WEIGHT * this.pressure;
    }
    if (!isAwaited && !this.isNearer(from, carried.person)) return;
    carried.awaited = undefined;
    carried.isHandedOn = true;
    carried.takenBy = from;
    stock.plan(carried, undefined);
  }

  /** It is handed to us that was here before: again for want of an answer, or because it went in a circle. */
  onReturn(carried: Carried, from: LinkAddress, hops: number): void {
    if (hops <= carried.hops) return;
    carried.hops = hops;
    if (!carried.isHandedOn || carried.person === undefined || this.isHere(carried)) return;
    this.isAmiss();
    carried.isHandedOn = false;
    carried.refusedBy.clear();
    carried.refusedBy.add(from);
    carried.returns += 1;
    const waitMs = this.context.frames(1, 1) * 2 ** Math.min(carried.returns, 8);
    this.context.stock.plan(carried, this.context.nowMs + waitMs);
  }

  onRefused(carried: Carried, from: LinkAddress): void {
    if (carried.awaited !== from) return;
    carried.awaited = undefined;
    carried.refusedBy.add(from);
    this.context.stock.plan(carried, this.context.nowMs);
  }

  /** A neighbour asks whether these are to go on from here. */
  onOffer(from: LinkAddress, ids: readonly ShortId[]): void {
    if (!this.context.asked.grants(from, ids.length * ANSWER_BYTES)) return;
    const lacking = ids.filter((id) => !this.context.stock.isHeld(id) && !this.digests.isGone(id));
    for (const id of ids) if (!lacking.includes(id)) this.answers.owe(id, 0);
    if (lacking.length > 0) this.answers.ask({ kind: "want", of: hopTagOf(from), ids: lacking });
  }

  /** A neighbour wants what it was offered. */
  onWanted(carried: Carried, from: LinkAddress): void {
    if (carried.isHandedOn || !this.context.asked.grantsAgain(from, carried)) return;
    carried.isDoubtful = false;
    carried.awaited = undefined;
    this.context.stock.plan(carried, this.context.nowMs);
  }

  /** Somebody is near again, or has told of paths: what had none may have one now. */
  onPaths(): void {
    const { stock, nowMs } = this.context;
    for (const carried of stock.all()) {
      this.takeUpAgain(carried);
      if (carried.person === undefined || carried.isHandedOn || carried.awaited !== undefined) continue;
      const isStill = carried.dueMs === undefined || carried.strandedMs !== undefined || carried.isSought;
      if (isStill && this.viaOf(carried) !== undefined) stock.plan(carried, nowMs);
    }
  }

  /** It has gone to everyone, or nobody near seems to lack it: whoever does may ask for it when it is named. */
  seekLater(carried: Carried): void {
    const { stock, neighbourhood, nowMs } = this.context;
    const times = this.named.get(carried) ?? 0;
    const waitMs = SEEK_AGAIN_MS * 2 ** Math.min(times, MOST_SEEK_DOUBLINGS);
    // What nobody hears has not been said.
    if (neighbourhood.listeners().length > 0) this.named.set(carried, times + 1);
    this.digests.name(carried.short);
    stock.plan(carried, nowMs + waitMs);
  }

  /** Somebody is near who was not, or hears this box now: what finds no way may go with them. */
  onListener(from: LinkAddress): void {
    const { stock, asked, nowMs } = this.context;
    const sought = [...stock.all()].filter(
      ({ person, isHandedOn, isSought }) => person !== undefined && !isHandedOn && isSought,
    );
    // Some may have gone just now, when this one could not hear them yet.
    if (sought.length > 0 && asked.grants(from, sought.length * NAME_BYTES))
      for (const { short } of sought) this.digests.name(short);
    for (const carried of sought) {
      if (!asked.grantsAgain(from, carried)) continue;
      carried.isAskedFor = true;
      stock.plan(carried, nowMs + this.context.frames(1, 4));
    }
  }

  /** Whoever took it further is not heard any more, and it may be lost with them: another is asked whether it has come. */
  private takeUpAgain(carried: Carried): void {
    const { takenBy } = carried;
    if (!carried.isHandedOn || takenBy === undefined || this.context.neighbourhood.isNear(takenBy)) return;
    carried.isHandedOn = false;
    carried.isDoubtful = true;
    carried.takenBy = undefined;
    carried.tries = 0;
    this.context.stock.plan(carried, this.context.nowMs);
  }

  private isHere({ person }: Carried): boolean {
    return person !== undefined && this.context.homes.of(person) === this.context.address;
  }

  private viaOf({ person, refusedBy }: Carried): LinkAddress | undefined {
    const home = person && this.context.homes.of(person);
    if (home === undefined) return undefined;
    return this.context.routes.to(home, refusedBy.size > 0 ? refusedBy : undefined)?.via;
  }

  private isNearer(neighbour: LinkAddress, person: Uint8Array): boolean {
    const home = this.context.homes.of(person);
    if (home === undefined || neighbour === home) return neighbour === home;
    const theirs = this.context.routes.offeredBy(neighbour, home);
    const ours = this.context.routes.to(home)?.metric;
    return theirs !== undefined && ours !== undefined && theirs < ours - ONE_HOP / 2;
  }

  private onUnanswered(carried: Carried, hop: LinkAddress): void {
    this.context.neighbourhood.answered(hop, false);
    this.pressure += WEIGHT * (1 - this.pressure);
    carried.awaited = undefined;
    carried.tries += 1;
    if (carried.tries >= MOST_OFFERS) carried.isDoubtful = false;
  }
}
