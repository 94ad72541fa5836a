import { atIntervals } from "../../host/intervals.ts";
import type { KeptEnd } from "../../mesh/tunnels/kept-end.ts";
import type { LiveLease, Source } from "../admission/index.ts";
import { standingOf } from "../admission/standing.ts";
import type { LeaseNames } from "../guest-link.ts";
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
import { type LenderTunnel, type Lent, RunningLeases, type RunningLeasesOptions } from "./running-leases.ts";
import { type LenderAnswer, STOPS, Turns, type TurnsOptions } from "./turns.ts";
import type { Applicant, Place } from "./waiting-book.ts";

export type LenderCommandAnswer =
  | { is: "done" }
  | { is: "unknown" }
  | { is: "refused"; why: string; beyond: number | undefined };

/** Of a lease, for its requester. */
export type LenderNews =
  | Exclude<LeaseNews, { is: "admitted" | "queued" }>
  | { is: "admitted"; tunnel: LenderTunnel }
  | ({ is: "waiting" } & Place);

export interface LenderOptions extends TurnsOptions, Omit<RunningLeasesOptions, "tell" | "onGone"> {
  /** The box's own key, which a request may name by whatever way it comes. */
  self: string | undefined;
}

const TICK_MS = 1_000;

/** Lends virtual machines: decides on requests, now or later, and has every lease go its way to its end. */
export class Lender {
  private readonly running: RunningLeases;
  private readonly turns: Turns;
  private readonly listeners: LeaseListeners<LenderNews>;
  private readonly serials = new HeardSerials();
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
        this.turns.lookAgain();
      },
    });
    this.turns = new Turns(options, {
      running: this.running,
      tell: (id, news) => this.listeners.tell(id, news),
      onTaken: ({ requester, createdAt }) => this.serials.begin(requester, createdAt),
      onOver: (requester) => this.forgetIfNothing(requester),
    });
  }

  /** Ends what an earlier daemon left. The store is open. */
  async start(): Promise<void> {
    const { ground, store, timers, log } = this.options;
    this.isStopping = false;
    this.turns.start();
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
    await this.turns.stop();
    const ids = this.running.values().map(({ lease }) => lease.state.id);
    // The reaper and the next start go on.
    if (!(await this.running.end(ids, { type: "hostEnds", why: STOPS })))
      this.options.log.error("something of a lease stays");
    await this.turns.settle();
    await this.stopTicking?.();
  }

  /**
   * @param bytes a signed request. The same again, while it waits or its lease lives, is answered as before
   * @param self the box's own key where the request came by, which it may name
   */
  async request(bytes: Uint8Array, source: Source, self = this.options.self): Promise<LenderAnswer> {
    let request: LeaseRequest;
    try {
      request = openSignedLeaseRequest(bytes, self);
    } catch (error) {
      if (error instanceof LeaseRequestError) return { is: "refused", why: error.message };
      throw error;
    }
    return this.turns.ask(request, source);
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
      const waiting = this.turns.get(id);
      if (lent?.lease.state.requester === requester) void lent.lease.on(happening);
      else if (waiting?.request.requester === requester) void this.turns.happens(waiting, happening);
      else continue;
      isAny = true;
    }
    return isAny ? { is: "done" } : { is: "unknown" };
  }

  /** Tells of a lease how it stands, and from now on. @returns a function that ends it */
  events(lease: string, told: (news: LenderNews) => void): () => void {
    const end = this.listeners.add(lease, told);
    const one = this.running.get(lease);
    const place = this.turns.placeOf(lease);
    if (one?.lease.news) for (const news of newsSoFar(one.lease.news, one.tunnel)) told(news);
    else if (place) told({ is: "waiting", ...place });
    return end;
  }

  /** See {@link RunningLeases.tunnelEnd}. */
  tunnelEnd(lease: string, key: string): Promise<KeptEnd | undefined> {
    return this.running.tunnelEnd(lease, key);
  }

  /** What the watch has seen. */
  onRogue(event: RogueEvent): Promise<void> {
    return this.running.onRogue(event);
  }

  /** What libvirt has told. */
  onDomain(event: DomainEvent): void {
    this.running.onDomain(event);
  }

  /** What its egress has told. */
  onTunnelLost(names: Pick<LeaseNames, "tunnel">): void {
    this.running.onTunnelLost(names);
  }

  /** Why somebody may bring no saved machine here; undefined: they may. Whoever has, or had, a lease here is no stranger. */
  refusalOfOffer(requester: string, source: Source): string | undefined {
    const policy = this.turns.policyInForce();
    if (this.isStopping) return STOPS;
    if (policy.blocked.includes(requester)) return "The operator of this box lends you nothing.";
    const isKnown =
      this.running.of(requester).length > 0 || this.options.store.endedOf(requester, 1).length > 0;
    const reputation = this.turns.reputationOf(requester);
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
    return this.turns.waiting();
  }

  /**
   * The operator's word on one that waits: yes lets it in as soon as there is room, no ends it.
   * @returns whether there is one
   */
  operatorSays(id: string, word: "yes" | "no"): Promise<boolean> {
    return this.turns.operatorSays(id, word);
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
    const { blocked } = this.turns.policyInForce();
    const why = "the operator of the box lends its requester nothing any more";
    for (const { lease } of this.running.values())
      if (blocked.includes(lease.state.requester)) void lease.on({ type: "hostEnds", why });
    await this.turns.decideAnew();
  }

  private tick(): void {
    this.running.tick();
    this.turns.tick();
    this.options.store.tick();
  }

  /** Serials are heard as long as somebody has something here. */
  private forgetIfNothing(requester: string): void {
    if (this.running.of(requester).length === 0 && !this.turns.isAnyOf(requester))
      this.serials.end(requester);
  }
}

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
