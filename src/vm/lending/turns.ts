import { onceAtATime } from "../../host/intervals.ts";
import type { Journal } from "../../store/index.ts";
import {
  type AdmissionState,
  admit,
  type Decision,
  type JournalNote,
  type Policy,
  reputationOf,
  type Source,
} from "../admission/index.ts";
import type { VmImage } from "../image/index.ts";
import type { LeaseNews } from "../leases/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { claimFor, imageFor } from "./can-be-made.ts";
import type { Happening } from "./lent-lease.ts";
import { type Allowed, MAKING_ROOM, RoomMaking, reserved } from "./room-making.ts";
import type { LenderTunnel, RunningLeases, RunningLeasesOptions } from "./running-leases.ts";
import { type Applicant, newApplicant, type Place, WaitingBook, waitFor } from "./waiting-book.ts";

export type LenderAnswer =
  | { is: "admitted"; tunnel: LenderTunnel }
  /** There is no room, or somebody is asked: the rest comes as news. It lasts as long as its requester keeps it alive. */
  | { is: "queued"; why: string }
  | { is: "refused"; why: string };

/** Of one that waits. */
export type WaitingNews = ({ is: "waiting" } & Place) | Extract<LeaseNews, { is: "ended" }>;

/** What a decision depends on, beside the request. */
export interface TurnsOptions
  extends Pick<RunningLeasesOptions, "ground" | "store" | "ports" | "log" | "timers"> {
  policy: Policy;
  /** Public keys of requesters who get nothing, beside those of the policy. */
  blocked?: () => readonly string[];
  images(): readonly VmImage[];
  /** What can be lent in all now, what is lent included. */
  capability(): AdmissionState["capability"];
  /** See `AdmissionState.needsItself`. Default: never anything. */
  needsItself?(): string | undefined;
  localMinuteOfDay(): number;
  journal: Pick<Journal, "append">;
}

interface TurnsDesk {
  running: Pick<RunningLeases, "get" | "live" | "begin" | "end">;
  tell(lease: string, news: WaitingNews): void;
  /** A request was let in: its requester is heard from now on. */
  onTaken(request: LeaseRequest): void;
  /** One that waited is over. */
  onOver(requester: string): void;
}

type OwnNote = Omit<JournalNote, "kind"> & { kind: "lease-ended" | "lease-approved" | "lease-disapproved" };

export const STOPS = "the box stops lending";
const PART = "vm";
/** Quiet hours end, and what can be lent changes, without anybody saying so. */
const DECIDE_ANEW_MS = 5_000;
/** Of a requester's leases, for their reputation. */
const MOST_PAST = 100;

/** Whose turn it is: decides on requests one after the other, and anew on those who wait, and gives what is allowed. */
export class Turns {
  private readonly book = new WaitingBook();
  /** What those who wait were told last, by their ids. */
  private told = new Map<string, Place>();
  /** Each decision must see what the one before has given. */
  private turn: Promise<unknown> = Promise.resolve();
  private readonly again = onceAtATime(() => this.inTurn(() => this.decideOnAll()));
  private decidedAnewMs = 0;
  private readonly roomMaking: RoomMaking;
  private isStopping = false;

  constructor(
    private readonly options: TurnsOptions,
    private readonly desk: TurnsDesk,
  ) {
    const { ground, log, timers, policy } = options;
    this.roomMaking = new RoomMaking({
      ...{ running: desk.running, withCheckpoint: ground.checkpoints !== undefined, log, timers },
      inTurn: (task) => this.inTurn(task),
      isWaiting: (one) => this.isWaiting(one),
      mayWait: () => this.waiting().length <= policy.counts.waiting,
      give: (one, decision) => this.give(one, decision),
      refuse: (one, why) => this.refuse(one, why),
      onMade: () => this.lookAgain(),
    });
  }

  start(): void {
    this.isStopping = false;
  }

  /** Nobody is given anything any more, and who waits is told so. Kept when no decision is under way. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const ends = this.book.values().map((one) => this.happens(one, { type: "hostEnds", why: STOPS }));
    await Promise.all([this.turn, ...ends]);
  }

  /** Room that was being made when it stopped; to be waited for when the leases are over. */
  settle(): Promise<void> {
    return this.roomMaking.settle();
  }

  /** The same request again, while it waits or its lease lives, is answered as before. */
  async ask(request: LeaseRequest, source: Source): Promise<LenderAnswer> {
    const first = await this.inTurn(() => this.decideFirst(request, source));
    return "made" in first ? this.roomMaking.soon(first.made) : first;
  }

  get(id: string): Applicant | undefined {
    return this.book.get(id);
  }

  isAnyOf(requester: string): boolean {
    return this.book.of(requester);
  }

  placeOf(id: string): Place | undefined {
    return this.told.get(id);
  }

  /** Who waits, whose turn it is first. */
  waiting(): Applicant[] {
    return this.book.inTurn().filter(({ isNext }) => !isNext);
  }

  tick(): void {
    // Who is next has been heard, and is about to be told.
    for (const one of this.waiting()) void this.happens(one, { type: "tick" });
    if (this.options.timers.monotonicMs() - this.decidedAnewMs >= DECIDE_ANEW_MS) this.lookAgain();
  }

  /** Something has changed: perhaps it is somebody's turn. */
  lookAgain(): void {
    if (this.book.size === 0 || this.isStopping) return;
    this.again().catch((error: unknown) =>
      this.options.log.error({ error }, "those who wait could not be decided on"),
    );
  }

  /** As {@link lookAgain}. Kept when it is done. */
  decideAnew(): Promise<void> {
    return this.again();
  }

  /** The operator's word on one that waits: yes lets it in as soon as there is room, no ends it. @returns whether there is one */
  async operatorSays(id: string, word: "yes" | "no"): Promise<boolean> {
    const one = this.book.get(id);
    if (!one) return false;
    const { requester, activity } = one.request;
    await this.write({
      kind: word === "yes" ? "lease-approved" : "lease-disapproved",
      ...{ subject: id, detail: { requester, activity, waitedFor: one.waitsFor } },
    });
    if (word === "no") {
      await this.happens(one, { type: "refused", why: "The operator of this box has refused it." });
      return true;
    }
    one.isApproved = true;
    await this.again();
    return true;
  }

  /** With no more leases than there are ports, so that one that is allowed has one. */
  policyInForce(): Policy {
    const { policy, ports, blocked } = this.options;
    const atOnce = Math.min(policy.counts.atOnce, ports.last - ports.first + 1);
    return {
      ...policy,
      counts: { ...policy.counts, atOnce },
      blocked: [...policy.blocked, ...(blocked?.() ?? [])],
    };
  }

  reputationOf(requester: string): number {
    return reputationOf(this.options.store.endedOf(requester, MOST_PAST));
  }

  /** Something of one that waits. */
  async happens(one: Applicant, happening: Happening): Promise<void> {
    const { timers, log } = this.options;
    const { id, requester, activity } = one.request;
    let written: Promise<unknown> = Promise.resolve();
    for (const action of this.book.step(one, happening, timers.monotonicMs())) {
      if (action.type === "journalEnd") {
        const { outcome, why } = action;
        const detail = { outcome, why, activity, requester };
        written = this.write({ kind: "lease-ended", subject: id, detail }).catch((error: unknown) =>
          log.error({ error }, `the end of request ${id} is not in the journal`),
        );
      }
      // How it waits is told with its place.
      if (action.type === "tell" && action.what.is === "ended") this.desk.tell(id, action.what);
    }
    if (one.state.phase === "ended") {
      this.told.delete(id);
      this.desk.onOver(requester);
      this.lookAgain();
    }
    await written;
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.turn.then(task);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private async decideFirst(
    request: LeaseRequest,
    from: Source,
  ): Promise<LenderAnswer | { made: Promise<LenderAnswer> }> {
    const { ground, timers, store } = this.options;
    const { id, requester } = request;
    const lent = this.desk.running.get(id);
    if (lent?.lease.state.requester === requester && lent.lease.state.phase !== "ended")
      return { is: "admitted", tunnel: lent.tunnel };
    const waiting = this.book.get(id);
    if (waiting?.request.requester === requester) return { is: "queued", why: waiting.why };
    if (this.isStopping) return { is: "refused", why: STOPS };
    // Those who wait may have room by now: they are not passed.
    if (this.book.size > 0) await this.decideOnAll();
    const source = { ...from, reputation: this.reputationOf(requester) };
    const one = newApplicant(request, source, ground.clock.wallMs(), timers.monotonicMs());
    const decision = this.decide(one);
    await this.write(decision.journal);
    if (decision.kind === "deny") return { is: "refused", why: decision.reason.words };
    await store.see(request);
    this.desk.onTaken(request);
    this.book.add(one);
    // Whether a saved machine can go on here nobody needs to wait for.
    const claim = await claimFor(request, ground);
    if ("why" in claim) return this.refuse(one, claim.why);
    claim.restore?.done(false);
    if (!this.isWaiting(one)) return { is: "refused", why: one.state.why };
    if (decision.kind === "allow" && decision.displaces.length === 0) return this.give(one, decision);
    this.wait(one, decision);
    await this.happens(one, { type: "queued" });
    const made = decision.kind === "allow" ? this.roomMaking.make(one, decision) : undefined;
    this.tellPlaces();
    return made ? { made } : { is: "queued", why: one.why };
  }

  /** Whose turn it is first comes first: what one gets the next ones see. */
  private async decideOnAll(): Promise<void> {
    this.decidedAnewMs = this.options.timers.monotonicMs();
    for (const one of this.waiting()) {
      if (this.isStopping || !this.isWaiting(one)) continue;
      const decision = this.decide(one);
      const isOther = !("waitsFor" in decision) || decision.waitsFor !== one.waitsFor;
      if (isOther) await this.write(decision.journal);
      // Meanwhile it may have been given up.
      if (!this.isWaiting(one)) continue;
      if (decision.kind === "deny") await this.refuse(one, decision.reason.words);
      else if (decision.kind !== "allow") this.wait(one, decision);
      else if (decision.displaces.length === 0) await this.give(one, decision);
      else {
        this.wait(one, decision);
        void this.roomMaking.make(one, decision);
      }
    }
    this.tellPlaces();
  }

  private decide(one: Applicant): Decision {
    const { store, capability, localMinuteOfDay, ground } = this.options;
    const { request, source, isApproved } = one;
    const nowMs = ground.clock.wallMs();
    const next = this.book.values().filter(({ isNext }) => isNext);
    const state = {
      capability: capability(),
      needsItself: this.options.needsItself?.(),
      live: [...this.desk.running.live(), ...next.map((other) => reserved(other, nowMs))],
      waiting: this.book.forAdmission(),
      seen: store.seen,
    };
    return admit(request, {
      ...{ policy: this.policyInForce(), state, source, approved: isApproved },
      ...{ nowMs, localMinuteOfDay: localMinuteOfDay() },
    });
  }

  private wait(one: Applicant, decision: Exclude<Decision, { kind: "deny" }>): void {
    one.priority = decision.priority;
    one.why = decision.kind === "allow" ? MAKING_ROOM : decision.reason.words;
    waitFor(one, decision.kind === "allow" ? "room" : decision.waitsFor);
  }

  private async refuse(one: Applicant, why: string): Promise<LenderAnswer> {
    await this.happens(one, { type: "refused", why });
    return { is: "refused", why };
  }

  /** There is room for it now. */
  private async give(one: Applicant, { limits, priority }: Allowed): Promise<LenderAnswer> {
    const { ground, images } = this.options;
    const { request, source } = one;
    const found = imageFor(request, images(), ground);
    if ("why" in found) return this.refuse(one, found.why);
    const claim = await claimFor(request, ground);
    if ("why" in claim) return this.refuse(one, claim.why);
    // Meanwhile it may have been given up.
    if (!this.isWaiting(one) || this.isStopping) {
      claim.restore?.done(false);
      return { is: "refused", why: one.state.why || STOPS };
    }
    this.book.remove(request.id);
    this.told.delete(request.id);
    const { image } = found;
    const { restore } = claim;
    const tunnel = this.desk.running.begin({ request, source, limits, priority, image, restore });
    return { is: "admitted", tunnel };
  }

  private isWaiting(one: Applicant): boolean {
    return this.book.get(one.request.id) === one;
  }

  /** Tells those who wait where they stand, where that is not what they were told last. */
  private tellPlaces(): void {
    const before = this.told;
    this.told = this.book.places();
    for (const [id, place] of this.told) {
      const last = before.get(id);
      if (last?.place === place.place && last.why === place.why) continue;
      this.desk.tell(id, { is: "waiting", ...place });
    }
  }

  private write({ kind, subject, detail }: JournalNote | OwnNote): Promise<unknown> {
    return this.options.journal.append(PART, kind, subject, detail);
  }
}
