import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import {
  type AdmissionState,
  admit,
  type Decision,
  type JournalNote,
  type LiveLease,
  type Policy,
  reputationOf,
  type Source,
} from "../admission/index.ts";
import { standingOf } from "../admission/standing.ts";
import { debianArchitecture } from "../capability/index.ts";
import { CheckpointError, type RestoreClaim } from "../checkpoint/index.ts";
import type { VmImage } from "../image/index.ts";
import type { LeaseNews } from "../leases/index.ts";
import type { DomainEvent } from "../libvirt/index.ts";
import {
  HeardSerials,
  type LeaseRequest,
  LeaseRequestError,
  openLeaseCommand,
  openSignedLeaseRequest,
} from "../request/index.ts";
import type { RogueEvent } from "../watch/index.ts";
import { LeaseListeners } from "./lease-listeners.ts";
import { endWhatIsLeft } from "./left-behind.ts";
import type { Happening } from "./lent-lease.ts";
import { type LenderTunnel, type Lent, RunningLeases, type RunningLeasesOptions } from "./running-leases.ts";
import { type Applicant, newApplicant, type Place, WaitingBook, waitFor } from "./waiting-book.ts";

export type LenderAnswer =
  | { is: "admitted"; tunnel: LenderTunnel }
  /** There is no room, or somebody is asked: the rest comes as news. It lasts as long as its requester keeps it alive. */
  | { is: "queued"; why: string }
  | { is: "refused"; why: string };

export type LenderCommandAnswer =
  | { is: "done" }
  | { is: "unknown" }
  | { is: "refused"; why: string; beyond: number | undefined };

/** Of a lease, for its requester. */
export type LenderNews =
  | Exclude<LeaseNews, { is: "admitted" | "queued" }>
  | { is: "admitted"; tunnel: LenderTunnel }
  | ({ is: "waiting" } & Place);

export interface LenderOptions extends Omit<RunningLeasesOptions, "tell" | "onGone"> {
  policy: Policy;
  /** Public keys of requesters who get nothing, beside those of the policy. */
  blocked?: () => readonly string[];
  images(): readonly VmImage[];
  /** What can be lent in all now, what is lent included. */
  capability(): AdmissionState["capability"];
  /** The box's own key, which a request may name by whatever way it comes. */
  self: string | undefined;
  localMinuteOfDay(): number;
}

const TICK_MS = 1_000;
/** Quiet hours end, and what can be lent changes, without anybody saying so. */
const DECIDE_ANEW_MS = 5_000;
const PART = "vm";
const STOPS = "the box stops lending";
/** Of a requester's leases, for their reputation. */
const MOST_PAST = 100;

/** Lends virtual machines: decides on requests, now or later, and has every lease go its way to its end. */
export class Lender {
  private readonly running: RunningLeases;
  private readonly book = new WaitingBook();
  private readonly listeners: LeaseListeners<LenderNews>;
  private readonly serials = new HeardSerials();
  /** What those who wait were told last, by their ids. */
  private told = new Map<string, Place>();
  /** Requests are decided on one after the other: each must see what the one before was given. */
  private turn: Promise<unknown> = Promise.resolve();
  private readonly decideAnew = onceAtATime(() => this.inTurn(() => this.decideOnAll()));
  private decidedAnewMs = 0;
  private stopTicking: (() => Promise<void>) | undefined;
  private isStopping = false;

  constructor(private readonly options: LenderOptions) {
    const { log } = options;
    this.listeners = new LeaseListeners((id, error) =>
      log.warn({ error }, `lease ${id}: who listens to its news fails`),
    );
    this.running = new RunningLeases({
      ...options,
      tell: (id, news, tunnel) => this.listeners.tell(id, newsOf(news, tunnel)),
      onGone: (_, requester) => {
        this.forgetIfNothing(requester);
        this.lookAgain();
      },
    });
  }

  /** Ends what an earlier daemon left. The store is open. */
  async start(): Promise<void> {
    const { ground, store, timers, log } = this.options;
    this.isStopping = false;
    await endWhatIsLeft(ground, store, log);
    this.stopTicking = atIntervals(
      TICK_MS,
      () => this.tick(),
      (error) => log.error({ error }, "leases"),
      timers,
    );
  }

  /** Ends all leases, and returns when nothing of them is left. Who waits is told. */
  async stop(): Promise<void> {
    this.isStopping = true;
    const waiting = this.book.values().map((one) => this.happens(one, { type: "hostEnds", why: STOPS }));
    await this.turn;
    const ids = this.running.values().map(({ lease }) => lease.state.id);
    // The reaper and the next start go on.
    if (!(await this.running.end(ids, { type: "hostEnds", why: STOPS })))
      this.options.log.error("something of a lease stays");
    await Promise.all(waiting);
    await this.stopTicking?.();
  }

  /**
   * @param bytes a signed request. The same again, while it waits or its lease lives, is answered as before
   * @param self the box's own key where the request came by, which it may name
   */
  request(bytes: Uint8Array, source: Source, self = this.options.self): Promise<LenderAnswer> {
    return this.inTurn(() => this.answer(bytes, source, self));
  }

  /** @param bytes a signed command @throws {LeaseCommandError} */
  async command(bytes: Uint8Array): Promise<LenderCommandAnswer> {
    const command = openLeaseCommand(bytes);
    const { requester, serial, kind } = command;
    const beyond = this.serials.lastOf(requester);
    if (beyond === undefined) return { is: "unknown" };
    if (!this.serials.hear(requester, serial))
      return { is: "refused", why: "its serial is not above the last", beyond };
    const ids = kind === "keep-alive" ? command.leases : [command.lease];
    const happening = { type: HAPPENINGS[kind], by: requester };
    let isAny = false;
    for (const id of ids) {
      const lent = this.running.get(id);
      const waiting = this.book.get(id);
      if (lent?.lease.state.requester === requester) void lent.lease.on(happening);
      else if (waiting?.request.requester === requester) void this.happens(waiting, happening);
      else continue;
      isAny = true;
    }
    return isAny ? { is: "done" } : { is: "unknown" };
  }

  /** Tells of a lease how it stands, and from now on. @returns a function that ends it */
  events(lease: string, told: (news: LenderNews) => void): () => void {
    const end = this.listeners.add(lease, told);
    const one = this.running.get(lease);
    const place = this.told.get(lease);
    if (one?.lease.news) for (const news of newsSoFar(one.lease.news, one.tunnel)) told(news);
    else if (place) told({ is: "waiting", ...place });
    return end;
  }

  /** What the watch has seen. */
  onRogue(event: RogueEvent): Promise<void> {
    return this.running.onRogue(event);
  }

  /** What libvirt has told. */
  onDomain(event: DomainEvent): void {
    this.running.onDomain(event);
  }

  /** Why somebody may bring no saved machine here; undefined: they may. Whoever has, or had, a lease here is no stranger. */
  refusalOfOffer(requester: string, source: Source): string | undefined {
    const policy = this.policyInForce();
    if (this.isStopping) return STOPS;
    if (policy.blocked.includes(requester)) return "The operator of this box lends you nothing.";
    const isKnown =
      this.running.of(requester).length > 0 || this.options.store.endedOf(requester, 1).length > 0;
    const reputation = reputationOf(this.options.store.endedOf(requester, MOST_PAST));
    const { verdict } = standingOf({ requester, network: undefined }, { ...source, reputation }, policy);
    if (isKnown || verdict !== "deny") return undefined;
    return "This box takes saved machines from those alone whom it lends something.";
  }

  /** For decisions, for an operator, and for what a box says of itself. */
  live(): LiveLease[] {
    return this.running.live();
  }

  /** Ids of leases that are on their way out, of which something may still be there. */
  ending(): string[] {
    const phases: readonly string[] = ["ending", "ended"];
    return this.leases().flatMap(({ lease }) => (phases.includes(lease.state.phase) ? [lease.state.id] : []));
  }

  /** Leases as they stand, for the operator. */
  leases(): readonly Readonly<Lent>[] {
    return this.running.values();
  }

  /** Who waits, whose turn it is first. */
  waiting(): readonly Readonly<Applicant>[] {
    return this.book.inTurn().filter(({ isNext }) => !isNext);
  }

  /**
   * The operator's word on one that waits: yes lets it in as soon as there is room, no ends it.
   * @returns whether there is one
   */
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
    await this.decideAnew();
    return true;
  }

  /** Ends a lease, or refuses one that waits, by the operator's word. @returns whether there is one */
  async operatorEnds(id: string): Promise<boolean> {
    const one = this.running.get(id);
    if (!one) return this.operatorSays(id, "no");
    void one.lease.on({ type: "hostEnds", why: "the operator of the box has ended it" });
    return true;
  }

  /** Who is blocked from now on keeps nothing, and gets nothing. */
  async blockedHasChanged(): Promise<void> {
    const blocked = this.policyInForce().blocked;
    const why = "the operator of the box lends its requester nothing any more";
    for (const { lease } of this.running.values())
      if (blocked.includes(lease.state.requester)) void lease.on({ type: "hostEnds", why });
    await this.decideAnew();
  }

  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const result = this.turn.then(task);
    this.turn = result.catch(() => undefined);
    return result;
  }

  private tick(): void {
    const { store, timers } = this.options;
    this.running.tick();
    // Who is next has been heard, and is about to be told.
    for (const one of this.book.values()) if (!one.isNext) void this.happens(one, { type: "tick" });
    if (timers.monotonicMs() - this.decidedAnewMs >= DECIDE_ANEW_MS) this.lookAgain();
    store.tick();
  }

  /** Something has changed: perhaps it is somebody's turn. */
  private lookAgain(): void {
    if (this.book.size === 0 || this.isStopping) return;
    this.decideAnew().catch((error: unknown) =>
      this.options.log.error({ error }, "those who wait could not be decided on"),
    );
  }

  private async answer(bytes: Uint8Array, from: Source, self: string | undefined): Promise<LenderAnswer> {
    const { store, ground, timers } = this.options;
    let request: LeaseRequest;
    try {
      request = openSignedLeaseRequest(bytes, self);
    } catch (error) {
      if (error instanceof LeaseRequestError) return { is: "refused", why: error.message };
      throw error;
    }
    const { id, requester } = request;
    const known = this.running.get(id);
    if (known?.lease.state.requester === requester && known.lease.state.phase !== "ended")
      return { is: "admitted", tunnel: known.tunnel };
    const waiting = this.book.get(id);
    if (waiting?.request.requester === requester) return { is: "queued", why: waiting.why };
    if (this.isStopping) return { is: "refused", why: STOPS };
    const reputation = reputationOf(store.endedOf(requester, MOST_PAST));
    const source = { ...from, reputation };
    const one = newApplicant(request, source, ground.clock.wallMs(), timers.monotonicMs());
    return this.decideFirst(one);
  }

  private async decideFirst(one: Applicant): Promise<LenderAnswer> {
    const { request } = one;
    // Those who wait may have room by now: they are not passed.
    if (this.book.size > 0) await this.decideOnAll();
    const decision = this.decide(one);
    await this.write(decision.journal);
    if (decision.kind === "deny") return { is: "refused", why: decision.reason.words };
    await this.options.store.see(request);
    this.serials.begin(request.requester, request.createdAt);
    this.book.add(one);
    const why = await this.cannotGoOn(request);
    if (why !== undefined) {
      await this.happens(one, { type: "refused", why });
      return { is: "refused", why };
    }
    if (decision.kind === "allow") {
      const given = await this.give(one, decision);
      if ("tunnel" in given) return { is: "admitted", tunnel: given.tunnel };
      await this.happens(one, { type: "refused", why: given.why });
      return { is: "refused", why: given.why };
    }
    this.wait(one, decision);
    await this.happens(one, { type: "queued" });
    this.tellPlaces();
    return { is: "queued", why: one.why };
  }

  /** Whose turn it is first comes first: what one gets the next ones see. */
  private async decideOnAll(): Promise<void> {
    this.decidedAnewMs = this.options.timers.monotonicMs();
    for (const one of this.book.inTurn()) {
      if (this.isStopping || !this.isWaiting(one)) continue;
      const decision = this.decide(one);
      const isOther = !("waitsFor" in decision) || decision.waitsFor !== one.waitsFor;
      if (isOther) await this.write(decision.journal);
      // Meanwhile it may have been given up.
      if (!this.isWaiting(one)) continue;
      if (decision.kind === "deny") await this.happens(one, { type: "refused", why: decision.reason.words });
      else if (decision.kind === "allow") await this.give(one, decision);
      else this.wait(one, decision);
    }
    this.tellPlaces();
  }

  private wait(one: Applicant, decision: Extract<Decision, { kind: "queue" | "ask" }>): void {
    one.priority = decision.priority;
    one.why = decision.reason.words;
    waitFor(one, decision.waitsFor);
  }

  private decide(one: Applicant): Decision {
    const { store, capability, localMinuteOfDay, ground } = this.options;
    const { request, source, isApproved } = one;
    const state = {
      capability: capability(),
      live: this.live(),
      waiting: this.book.forAdmission(),
      seen: store.seen,
    };
    return admit(request, {
      ...{ policy: this.policyInForce(), state, source, approved: isApproved },
      ...{ nowMs: ground.clock.wallMs(), localMinuteOfDay: localMinuteOfDay() },
    });
  }

  /** With no more leases than there are ports, so that one that is allowed has one. */
  private policyInForce(): Policy {
    const { policy, ports, blocked } = this.options;
    const atOnce = Math.min(policy.counts.atOnce, ports.last - ports.first + 1);
    return {
      ...policy,
      counts: { ...policy.counts, atOnce },
      blocked: [...policy.blocked, ...(blocked?.() ?? [])],
    };
  }

  /** @returns its tunnel, or why it was not given: then it is in the book as before, unless it was given up */
  private async give(
    one: Applicant,
    { limits, priority, displaces }: Extract<Decision, { kind: "allow" }>,
  ): Promise<{ tunnel: LenderTunnel } | { why: string }> {
    const { request, source } = one;
    const { architecture, checkpoints } = this.options.ground;
    const image = this.options.images().find(({ name }) => name === request.image);
    if (!image) return { why: `there is no image ${request.image}` };
    const ours = debianArchitecture(architecture);
    if (image.architecture !== ours)
      return { why: `the image ${image.name} is for ${image.architecture}, and this box is ${ours}` };
    one.isNext = true;
    const why = "one that goes first needs the room";
    const withCheckpoint = checkpoints !== undefined;
    const isRoom = await this.running.end(displaces, { type: "displaced", withCheckpoint, why });
    one.isNext = false;
    if (!isRoom) return { why: "no room could be made" };
    if (!this.isWaiting(one)) return { why: one.state.why };
    if (this.isStopping) return { why: STOPS };
    let restore: RestoreClaim | undefined;
    try {
      restore = await this.claimed(request);
    } catch (error) {
      if (error instanceof CheckpointError) return { why: error.message };
      throw error;
    }
    // Meanwhile it may have been given up.
    if (!this.isWaiting(one)) {
      restore?.done(false);
      return { why: one.state.why };
    }
    this.book.remove(request.id);
    this.told.delete(request.id);
    return { tunnel: this.running.begin({ request, source, limits, priority, image, restore }) };
  }

  /** @throws {CheckpointError} when the saved machine that is asked for cannot go on here */
  private async claimed(request: LeaseRequest): Promise<RestoreClaim | undefined> {
    if (request.restoreFrom === undefined) return undefined;
    const { checkpoints } = this.options.ground;
    if (checkpoints) return checkpoints.claim(request);
    throw new CheckpointError("request.restoreFrom", "this box lets no saved machines go on");
  }

  /** Why the saved machine that is asked for cannot go on here: whoever asks need not wait to hear it. */
  private async cannotGoOn(request: LeaseRequest): Promise<string | undefined> {
    try {
      (await this.claimed(request))?.done(false);
      return undefined;
    } catch (error) {
      if (error instanceof CheckpointError) return error.message;
      throw error;
    }
  }

  private isWaiting(one: Applicant): boolean {
    return this.book.get(one.request.id) === one;
  }

  /** Something of one that waits. */
  private async happens(one: Applicant, happening: Happening): Promise<void> {
    const { timers, log } = this.options;
    const { id, requester, activity } = one.request;
    const actions = this.book.step(one, happening, timers.monotonicMs());
    let written: Promise<unknown> = Promise.resolve();
    for (const action of actions) {
      if (action.type === "journalEnd") {
        const { outcome, why } = action;
        const detail = { outcome, why, activity, requester };
        written = this.write({ kind: "lease-ended", subject: id, detail }).catch((error: unknown) =>
          log.error({ error }, `the end of request ${id} is not in the journal`),
        );
      }
      // How it waits is told with its place.
      if (action.type === "tell" && action.what.is === "ended") this.listeners.tell(id, action.what);
    }
    if (one.state.phase === "ended") {
      this.told.delete(id);
      this.forgetIfNothing(requester);
      this.lookAgain();
    }
    await written;
  }

  /** Tells those who wait where they stand, where that is not what they were told last. */
  private tellPlaces(): void {
    const before = this.told;
    this.told = this.book.places();
    for (const [id, place] of this.told) {
      const last = before.get(id);
      if (last?.place === place.place && last.why === place.why) continue;
      this.listeners.tell(id, { is: "waiting", ...place });
    }
  }

  private write({ kind, subject, detail }: JournalNote | OwnNote): Promise<unknown> {
    return this.options.journal.append(PART, kind, subject, detail);
  }

  /** Serials are heard as long as somebody has something here. */
  private forgetIfNothing(requester: string): void {
    if (this.running.of(requester).length === 0 && !this.book.of(requester)) this.serials.end(requester);
  }
}

type OwnNote = Omit<JournalNote, "kind"> & { kind: "lease-ended" | "lease-approved" | "lease-disapproved" };

const HAPPENINGS = { "keep-alive": "keptAlive", release: "released", checkpoint: "checkpointAsked" } as const;

function newsOf(news: LeaseNews, tunnel: LenderTunnel): LenderNews {
  // One that runs has waited: nothing tells so any more.
  if (news.is === "queued" || news.is === "admitted") return { is: "admitted", tunnel };
  return news;
}

/** For who begins to listen: that it was admitted as well, which may have been told while nobody heard it. */
function newsSoFar(news: LeaseNews, tunnel: LenderTunnel): LenderNews[] {
  const last = newsOf(news, tunnel);
  return last.is === "admitted" || last.is === "ended" ? [last] : [{ is: "admitted", tunnel }, last];
}
