import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../host/wireguard-key.ts";
import type { Journal } from "../../store/index.ts";
import {
  type AdmissionState,
  admit,
  type Decision,
  type LiveLease,
  type Policy,
  type Source,
} from "../admission/index.ts";
import { NAME_PREFIXES } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import { type LeaseNews, type LeaseStore, newLease, USUAL_LIMITS } from "../leases/index.ts";
import type { DomainEvent } from "../libvirt/index.ts";
import {
  HeardSerials,
  type LeaseRequest,
  LeaseRequestError,
  openLeaseCommand,
  openSignedLeaseRequest,
} from "../request/index.ts";
import { type Punishment, punish, type RogueEvent } from "../watch/index.ts";
import { type Happening, LentLease } from "./lent-lease.ts";
import { LentMachine, type MachineGround } from "./lent-machine.ts";

/** Where the box's end of a lease's tunnel is. */
export interface LenderTunnel {
  publicKey: string;
  endpoint: { address: string; port: number } | undefined;
}

export type LenderAnswer = { is: "admitted"; tunnel: LenderTunnel } | { is: "refused"; why: string };

export type LenderCommandAnswer =
  | { is: "done" }
  | { is: "unknown" }
  | { is: "refused"; why: string; beyond: number | undefined };

/** Of a lease, for its requester. */
export type LenderNews = Exclude<LeaseNews, { is: "admitted" }> | { is: "admitted"; tunnel: LenderTunnel };

export interface LenderOptions {
  ground: MachineGround;
  policy: Policy;
  store: LeaseStore;
  journal: Pick<Journal, "append">;
  images(): readonly VmImage[];
  /** What can be lent in all now, what is lent included. */
  capability(): AdmissionState["capability"];
  /** UDP ports of tunnels, one a lease. */
  ports: { first: number; last: number };
  /** The box's address by which a requester reaches its tunnel; undefined: the box comes to the requester. */
  heardAt(source: Source): string | undefined;
  /** The box's own key, which a request may name by whatever way it comes. */
  self: string | undefined;
  localMinuteOfDay(): number;
  log: Logger;
  timers: Timers;
}

const TICK_MS = 1_000;
const PART = "vm";
/** The step function gives it 5 s, libvirt may take some. */
const GONE_WITHIN_MS = 15_000;
/** What is remembered of one lease for punishment that grows. */
const MOST_EVENTS = 200;

/** A lease with what the box knows of it beside its state. */
interface Lent {
  lease: LentLease;
  source: Source;
  priority: number;
  startedMs: number;
  tunnel: LenderTunnel;
  /** What it tried past its tunnel, the last {@link MOST_EVENTS}. */
  rogue: RogueEvent[];
  /** Nothing of it is left. */
  gone: PromiseWithResolvers<void>;
}

/** Lends virtual machines: decides on requests, and has every lease go its way to its end. */
export class Lender {
  private readonly lent = new Map<string, Lent>();
  private readonly serials = new HeardSerials();
  private readonly listeners = new Map<string, Set<(news: LenderNews) => void>>();
  /** Requests are decided on one after the other: each must see what the one before was given. */
  private turn: Promise<unknown> = Promise.resolve();
  private stopTicking: (() => Promise<void>) | undefined;
  private isStopping = false;

  constructor(private readonly options: LenderOptions) {}

  /** Ends what an earlier daemon left. The store is open. */
  async start(): Promise<void> {
    const { store, timers, log } = this.options;
    this.isStopping = false;
    await this.sweep();
    this.stopTicking = atIntervals(
      TICK_MS,
      async () => {
        for (const { lease } of this.lent.values()) void lease.on({ type: "tick" });
        store.tick();
      },
      (error) => log.error({ error }, "leases"),
      timers,
    );
  }

  /** Ends all leases, and returns when nothing of them is left. */
  async stop(): Promise<void> {
    this.isStopping = true;
    await this.turn;
    const why = "the box stops lending";
    const ends = [...this.lent.values()].map((one) => this.endBy(one, { type: "hostEnds", why }));
    const stays = (await Promise.all(ends)).filter((isGone) => !isGone).length;
    // The reaper and the next start go on.
    if (stays > 0) this.options.log.error(`something of ${stays} leases stays`);
    await this.stopTicking?.();
  }

  /**
   * @param bytes a signed request. The same again, while its lease lives, is answered as before
   * @param self the box's own key where the request came by, which it may name
   */
  request(bytes: Uint8Array, source: Source, self = this.options.self): Promise<LenderAnswer> {
    const answer = this.turn.then(() => this.answer(bytes, source, self));
    this.turn = answer.catch(() => undefined);
    return answer;
  }

  /** @param bytes a signed command @throws {LeaseCommandError} */
  async command(bytes: Uint8Array): Promise<LenderCommandAnswer> {
    const command = openLeaseCommand(bytes);
    const { requester, serial, kind } = command;
    const beyond = this.serials.lastOf(requester);
    if (beyond === undefined) return { is: "unknown" };
    if (!this.serials.hear(requester, serial))
      return { is: "refused", why: "its serial is not above the last", beyond };
    const own = (kind === "keep-alive" ? command.leases : [command.lease])
      .map((id) => this.lent.get(id)?.lease)
      .filter((lease) => lease?.state.requester === requester);
    for (const lease of own) void lease?.on({ type: HAPPENINGS[kind], by: requester });
    return own.length === 0 ? { is: "unknown" } : { is: "done" };
  }

  /** Tells of a lease how it stands, and from now on. @returns a function that ends it */
  events(lease: string, told: (news: LenderNews) => void): () => void {
    const all = this.listeners.get(lease) ?? new Set();
    this.listeners.set(lease, all.add(told));
    const one = this.lent.get(lease);
    if (one?.lease.news) told(newsOf(one.lease.news, one.tunnel));
    return () => {
      all.delete(told);
      if (all.size === 0) this.listeners.delete(lease);
    };
  }

  /** What the watch has seen. Nothing is thrown: it is written down even where a punishment fails. */
  async onRogue(event: RogueEvent): Promise<void> {
    const one = this.lent.get(event.lease);
    if (!one) return;
    const { journal, ground, log } = this.options;
    const punishment: Punishment = punish(ground.punishment, one.rogue, event);
    one.rogue = [...one.rogue, event].slice(-MOST_EVENTS);
    const { evidence, offence, packets } = event;
    // First the punishment: the medium may be slow.
    if (punishment === "cut")
      await one.lease.machine.cut().catch((error: unknown) => {
        log.error({ error }, `lease ${event.lease} could not be cut off`);
        void one.lease.on({ type: "punished", by: "end", why: `${offence}, and it could not be cut off` });
      });
    if (punishment === "suspend") void one.lease.on({ type: "punished", by: "suspension", why: offence });
    if (punishment === "destroy") void one.lease.on({ type: "punished", by: "end", why: offence });
    await journal
      .append(PART, "lease-rogue", event.lease, { offence, packets, evidence, punishment })
      .catch((error: unknown) => log.error({ error }, `what lease ${event.lease} did is not in the journal`));
  }

  /** What libvirt has told. */
  onDomain({ name, kind, detail }: DomainEvent): void {
    if (kind !== "stopped") return;
    const one = [...this.lent.values()].find(({ lease }) => lease.machine.names.domain === name);
    const why = `its machine has ended: ${detail}`;
    void one?.lease.on({ type: "vmGone", isShutDown: detail === "shut down", why });
  }

  /** For decisions, for an operator, and for what a box says of itself. */
  live(): LiveLease[] {
    return [...this.lent.values()].map(({ lease, priority, source, startedMs }) => {
      const { id, requester, resources } = lease.order.request;
      const { cpus, memoryMiB, diskMiB } = resources;
      const endsMs = startedMs + lease.state.limits.durationMs;
      return {
        id,
        requester,
        cpus,
        memoryMiB,
        diskMiB,
        startedMs,
        priority,
        sourceAddress: source.address,
        endsMs,
      };
    });
  }

  /** Ids of leases that are on their way out, of which something may still be there. */
  ending(): string[] {
    const phases: readonly string[] = ["ending", "ended"];
    return [...this.lent.values()].flatMap(({ lease }) =>
      phases.includes(lease.state.phase) ? [lease.state.id] : [],
    );
  }

  private async answer(bytes: Uint8Array, source: Source, self: string | undefined): Promise<LenderAnswer> {
    const { journal } = this.options;
    let request: LeaseRequest;
    try {
      request = openSignedLeaseRequest(bytes, self);
    } catch (error) {
      if (error instanceof LeaseRequestError) return { is: "refused", why: error.message };
      throw error;
    }
    const known = this.lent.get(request.id);
    if (known?.lease.state.requester === request.requester && known.lease.state.phase !== "ended")
      return { is: "admitted", tunnel: known.tunnel };
    if (this.isStopping) return { is: "refused", why: "the box stops lending" };
    const decision = this.decide(request, source);
    const image = this.options.images().find(({ name }) => name === request.image);
    const listenPort = this.freePort();
    if (decision.kind === "allow" && (image === undefined || listenPort === undefined))
      return {
        is: "refused",
        why: image === undefined ? `there is no image ${request.image}` : "no port is free",
      };
    const { kind, subject, detail } = decision.journal;
    await journal.append(PART, kind, subject, detail);
    // Nobody waits here: who is told why may ask again.
    if (decision.kind !== "allow") return { is: "refused", why: decision.reason.words };
    if (image === undefined || listenPort === undefined)
      throw new Error("an image and a port were found before");
    return this.begin(request, source, decision, image, listenPort);
  }

  private decide(request: LeaseRequest, source: Source): Decision {
    const { policy, store, capability, localMinuteOfDay, ground } = this.options;
    const state = { capability: capability(), live: this.live(), waiting: [], seen: store.seen };
    const nowMs = ground.clock.wallMs();
    return admit(request, { policy, state, source, nowMs, localMinuteOfDay: localMinuteOfDay() });
  }

  private async begin(
    request: LeaseRequest,
    source: Source,
    { limits, priority, displaces }: Extract<Decision, { kind: "allow" }>,
    image: VmImage,
    listenPort: number,
  ): Promise<LenderAnswer> {
    const { ground, store, journal, log, timers } = this.options;
    await store.see(request);
    const why = "one that goes first needs the room";
    const ends = displaces.map((other) =>
      this.endBy(this.lent.get(other), { type: "displaced", withCheckpoint: false, why }),
    );
    if ((await Promise.all(ends)).includes(false)) return { is: "refused", why: "no room could be made" };
    const privateKey = makeWireGuardKey();
    const address = this.options.heardAt(source);
    const tunnel: LenderTunnel = {
      publicKey: wireGuardPublicKey(privateKey),
      endpoint: address === undefined ? undefined : { address, port: listenPort },
    };
    const { id, requester, createdAt, durationS } = request;
    const durationMs = durationS * 1_000;
    const lease: LentLease = new LentLease({
      state: newLease({ id, requester, limits: { ...USUAL_LIMITS, durationMs } }, timers.monotonicMs()),
      order: { request, limits, image, tunnel: { privateKey, listenPort } },
      machine: new LentMachine(id, ground),
      ...{ store, log, timers },
      note: async (kind, note) => void (await journal.append(PART, kind, id, { why: note })),
      tell: (news) => {
        for (const told of this.listeners.get(id) ?? []) told(newsOf(news, tunnel));
      },
      noteUnkept: async ({ outcome, why: reason }) => {
        const note = { outcome, why: reason, activity: request.activity, requester };
        await journal.append(PART, "lease-ended", id, note);
      },
      onGone: () => this.forget(id),
    });
    const startedMs = ground.clock.wallMs();
    const gone = Promise.withResolvers<void>();
    this.lent.set(id, { lease, source, priority, startedMs, tunnel, gone, rogue: [] });
    this.serials.begin(requester, createdAt);
    void lease.on({ type: "allowed" });
    return { is: "admitted", tunnel };
  }

  /** No machine outlives the daemon that lent it. What cannot be taken away is logged, and is for the next sweep. */
  private async sweep(): Promise<void> {
    const { store, ground, log } = this.options;
    const attempt = (what: string, part: () => Promise<unknown>) =>
      part().catch((error: unknown) => log.error({ error }, `${what} stays`));
    // Also of leases that no row names any more.
    await attempt("a machine", async () => {
      const names = (await ground.libvirt.list()).map(({ name }) => name);
      for (const name of names.filter((one) => one.startsWith(NAME_PREFIXES.domain)))
        await attempt(name, () => ground.libvirt.destroy(name));
    });
    for (const { state, awayMs } of await store.recover())
      await attempt(`lease ${state.id}`, async () => {
        await new LentMachine(state.id, ground).tearDown();
        const { outcome = "swept", why } = state;
        const usedMs = state.usedMs + awayMs;
        await store.end({ ...state, outcome, why: why || "the box was restarted", usedMs });
      });
    await attempt("an egress", () => ground.egress.sweep([]));
    await attempt("a disk", () => ground.overlays.sweep(new Set()));
  }

  /** @returns whether nothing of it is left, within a time */
  private async endBy(one: Lent | undefined, happening: Happening): Promise<boolean> {
    if (!one) return true;
    void one.lease.on(happening);
    const late = Promise.withResolvers<false>();
    const callOff = this.options.timers.after(GONE_WITHIN_MS, () => late.resolve(false));
    const isGone = await Promise.race([one.gone.promise.then(() => true), late.promise]);
    callOff();
    return isGone;
  }

  private freePort(): number | undefined {
    const { first, last } = this.options.ports;
    const taken = new Set([...this.lent.values()].map(({ lease }) => lease.order.tunnel.listenPort));
    for (let port = first; port <= last; port += 1) if (!taken.has(port)) return port;
    return undefined;
  }

  private forget(id: string): void {
    const one = this.lent.get(id);
    if (!one) return;
    this.lent.delete(id);
    const { requester } = one.lease.state;
    const hasOther = [...this.lent.values()].some(({ lease }) => lease.state.requester === requester);
    if (!hasOther) this.serials.end(requester);
    one.gone.resolve();
  }
}

const HAPPENINGS = { "keep-alive": "keptAlive", release: "released", checkpoint: "checkpointAsked" } as const;

const newsOf = (news: LeaseNews, tunnel: LenderTunnel): LenderNews =>
  news.is === "admitted" ? { is: "admitted", tunnel } : news;
