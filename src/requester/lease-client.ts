import type { Clock } from "../host/clock.ts";
import { atIntervals } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import { systemTimers, type Timers } from "../host/timers.ts";
import type { SigningKey } from "../identity/index.ts";
import { type LeaseCommand, signLeaseCommand } from "../vm/request/index.ts";
import { type Course, type CourseAction, type CourseEvent, courseStep, newCourse } from "./lease-course.ts";
import type { CommandAnswer, LeaseTransport, ProviderNews } from "./lease-transport.ts";
import type { KeptLease, RequesterState } from "./requester-state.ts";
import { type Try, untilOne } from "./ssh-banner.ts";
import type { LedEnd, VpnPeer } from "./vpn-peer.ts";

/** As far as a lease needs the VPN. */
export interface LeaseVpn {
  addPeer(peer: VpnPeer): Promise<void>;
  /** Begins with it anew, where it is us who begin and it has not answered yet. */
  knock(publicKey: string): Promise<void>;
  removePeer(publicKey: string): Promise<void>;
  /** Our end of a peer's tunnel. */
  ledEnd(publicKey: string): LedEnd;
}

export interface LeaseClientOptions {
  transport: LeaseTransport;
  vpn: LeaseVpn;
  state: RequesterState;
  /** By which the lease was asked for; default: the state's own. */
  key?: SigningKey;
  /** Asks once for SSH's first line at a machine's address; undefined: none yet. */
  askSsh: (address: string, one: Try) => Promise<string | undefined>;
  log: Logger;
  clock: Clock;
  timers?: Timers;
  /** Between two tries of {@link askSsh}; default 100. */
  seekEveryMs?: number;
  /** Told of each step when it is done, for whoever waits. */
  onStep?: (step: LeaseStep) => void;
}

/** Something that was reached on the way to a machine, or of what became of it. */
export interface LeaseStep {
  /** "asked", "queued", "admitted", the provider's own steps, "running", "ssh", "releasing", "ended", and a few more. */
  name: string;
  /** ms since this process began with the lease. */
  afterMs: number;
  /** In words, where there is something to say. */
  why?: string;
}

/** The provider ends what it has not heard of for 15 s. */
const KEEP_ALIVE_MS = 5_000;
const SEEK_EVERY_MS = 100;
const SEEK_AT_ONCE = 12;
/** So many tries at once leave no other login room for a moment: dropbear keeps five of one address at its door. */
const CROWD = 4;
const LOOK_AGAIN_MS = 250;
/** From when the machine has its keys, as its provider says, to its SSH by the tunnel. */
const READY_WITHIN_MS = 180_000;
/** Until then. How long a machine may take to start is its provider's to say, for an hour at the most. */
const RUNS_WITHIN_MS = 3_900_000;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 5_000;
/** How often a release is said that nothing is heard to: by then the silence has ended the lease. */
const RELEASE_TRIES = 6;
const ASK_TRIES = 6;
/** What is kept for who looks later: a provider may tell of something new for ever. */
const MOST_SHOWN = 500;

/** One lease, from its request to its end. What it needs to go on after a restart is kept before it is acted upon. */
export class LeaseClient {
  private course: Course = newCourse();
  private lease: KeptLease;
  private readonly began: number;
  private readonly shown: LeaseStep[] = [];
  private readonly timers: Timers;
  private ending = Promise.withResolvers<Course>();
  private readiness = Promise.withResolvers<Course>();
  private firstAnswer = Promise.withResolvers<Course>();
  private stopEvents = () => {};
  private stopLeading: (() => void) | undefined;
  private stopKeepAlive: (() => Promise<void>) | undefined;
  private stopSeeking = new AbortController();
  private callOffDeadline = () => {};
  private isStarted = false;
  /** Left to the next start: whatever still comes is for that. */
  private isLeft = false;
  /** Actions are carried out one after the other. */
  private work = Promise.resolve();
  private banner: string | undefined;

  /** @param lease a new one, with phase "asking", or one that was kept */
  constructor(
    lease: KeptLease,
    private readonly options: LeaseClientOptions,
  ) {
    this.lease = lease;
    this.timers = options.timers ?? systemTimers;
    this.began = options.clock.monotonicMs();
  }

  get id(): string {
    return this.lease.id;
  }

  /** As it is kept for a restart. */
  get kept(): Readonly<KeptLease> {
    return this.lease;
  }

  get status(): Readonly<Course> & {
    steps: readonly LeaseStep[];
    banner: string | undefined;
    address: string;
  } {
    return { ...this.course, steps: this.shown, banner: this.banner, address: this.lease.address };
  }

  /** Asks for the lease, or goes on with it. Returns at once; see {@link ready} and {@link ended}. */
  start(): void {
    if (this.isStarted) return;
    this.isStarted = true;
    const { phase, tunnel } = this.lease;
    const known = tunnel && { publicKey: tunnel.publicKey, endpoint: tunnel.endpoint };
    // Whether one that was asked for was ever heard of is not known.
    const isAskedAgain = this.options.state.leases.some(({ id }) => id === this.id);
    this.course = { ...this.course, phase, tunnel: known, isAskedAgain };
    if (phase !== "asking") this.firstAnswer.resolve(this.course);
    this.keep();
    this.stopEvents = this.options.transport.events(this.id, (news) => this.hear(news));
    if (phase === "asking" || phase === "queued") this.queue(() => this.ask());
    else if (phase === "releasing") this.carryOut([{ type: "sayRelease" }]);
    else this.goOn(known);
    const failed = (error: unknown) => this.options.log.warn({ error }, `lease ${this.id}: no keep-alive`);
    this.stopKeepAlive = atIntervals(KEEP_ALIVE_MS, () => this.keepAlive(), failed, this.timers);
  }

  /** Kept when the provider has said something of it, or the lease is over. */
  answered(): Promise<Course> {
    return this.firstAnswer.promise;
  }

  /** Kept when SSH answers, or when it never will: see the phase. */
  ready(): Promise<Course> {
    return this.readiness.promise;
  }

  /** Kept when the lease is over. */
  ended(): Promise<Course> {
    return this.ending.promise;
  }

  /** Ends the lease. May be asked for again; nothing happens when it is over. */
  release(): Promise<Course> {
    this.on({ type: "releaseWished" });
    return this.ended();
  }

  /**
   * Has its provider save the machine. What becomes of it is told as steps: "checkpointed", or "not saved".
   * @throws Error when the provider does not begin
   */
  async checkpoint(): Promise<void> {
    const answer = await this.say((serial) => ({
      ...this.said(serial),
      kind: "checkpoint",
      lease: this.id,
    }));
    if (answer.is === "done") return;
    throw new Error(answer.is === "unknown" ? "its provider has it no more" : answer.why);
  }

  /** Leaves the lease as it is, for the next start to go on with. The provider ends it if that does not come in time. */
  async leave(): Promise<void> {
    this.isLeft = true;
    this.stopSeeking.abort();
    this.callOffDeadline();
    this.stopEvents();
    this.stopLeading?.();
    await this.stopKeepAlive?.();
  }

  private goOn(tunnel: Course["tunnel"]): void {
    if (tunnel === undefined) return;
    // Whether it still answers is to be seen again.
    if (this.course.phase === "ready") this.course.phase = "preparing";
    this.carryOut([{ type: "letIn", tunnel }, { type: "seekSsh" }]);
    void this.keepAlive().catch((error) =>
      this.options.log.warn({ error }, `lease ${this.id}: no keep-alive`),
    );
  }

  private hear(news: ProviderNews): void {
    if (this.isLeft) return;
    const isFirstRun = news.is === "running" || (news.is === "preparing" && news.step === "resume");
    if (isFirstRun && this.lease.runsSince === undefined)
      this.note({ runsSince: this.options.clock.wallMs() });
    if (news.is === "running" && news.hostKey !== undefined) this.note({ hostKey: news.hostKey });
    if (news.is === "running" && this.course.phase === "preparing") this.endUnlessReady(READY_WITHIN_MS);
    this.on({ type: "told", news });
  }

  private note(more: Partial<Pick<KeptLease, "runsSince" | "hostKey">>): void {
    this.lease = { ...this.lease, ...more };
    this.keep();
  }

  private on(event: CourseEvent): void {
    if (this.isLeft) return;
    const { course, actions } = courseStep(this.course, event);
    const isOther = course.phase !== this.course.phase;
    this.course = course;
    if (isOther && course.phase !== "ended") this.keep();
    this.carryOut(actions);
    if (course.phase !== "asking") this.firstAnswer.resolve(course);
    if (course.phase === "ready" || course.phase === "ended") this.readiness.resolve(course);
  }

  private keep(): void {
    const { phase, tunnel } = this.course;
    if (phase === "ended") return;
    this.lease = {
      ...this.lease,
      phase,
      ...(tunnel
        ? {
            tunnel: {
              publicKey: tunnel.publicKey,
              ...(tunnel.endpoint ? { endpoint: tunnel.endpoint } : {}),
            },
          }
        : {}),
    };
    try {
      this.options.state.keep(this.lease);
    } catch (error) {
      // A full medium must not end a lease that goes well.
      this.options.log.error({ error }, `lease ${this.id}: not kept`);
    }
  }

  private carryOut(actions: readonly CourseAction[]): void {
    for (const action of actions) {
      switch (action.type) {
        case "show":
          this.show(action.step, this.course.why);
          break;
        case "letIn":
          this.queue(() => this.letIn(action.tunnel));
          break;
        case "knock":
          this.queue(() => this.knock(action.tunnel.publicKey));
          break;
        case "seekSsh":
          // Behind what lets it in; it is not waited for.
          this.queue(async () => void this.seekSsh());
          break;
        case "sayRelease":
          this.queue(() => this.sayRelease());
          break;
        case "forget":
          this.forget();
          break;
      }
    }
  }

  private queue(task: () => Promise<void>): void {
    this.work = this.work.then(task).catch((error: unknown) => {
      this.options.log.warn({ error }, `lease ${this.id}`);
      this.on({ type: "gaveUp", why: error instanceof Error ? error.message : String(error) });
    });
  }

  private async ask(): Promise<void> {
    const bytes = Uint8Array.from(Buffer.from(this.lease.request, "base64"));
    this.show("asked");
    for (let tries = 1; this.course.phase === "asking" || this.course.phase === "queued"; tries += 1) {
      try {
        this.on({ type: "answered", answer: await this.options.transport.request(bytes) });
        return;
      } catch (error) {
        this.show("unanswered", error instanceof Error ? error.message : String(error));
        if (tries >= ASK_TRIES) throw error;
        // It may have come to the provider, and the answer not to us.
        this.course = { ...this.course, isAskedAgain: true };
        await this.wait(retryMs(tries));
      }
    }
  }

  private async letIn({ publicKey, endpoint }: VpnPeer | NonNullable<Course["tunnel"]>): Promise<void> {
    const { vpn, transport } = this.options;
    await vpn.addPeer({ publicKey, endpoint, address: this.lease.address });
    if (this.isLeft || !transport.lead) return;
    this.stopLeading?.();
    this.stopLeading = transport.lead(this.id, vpn.ledEnd(publicKey));
  }

  private async knock(publicKey: string): Promise<void> {
    try {
      await this.options.vpn.knock(publicKey);
    } catch (error) {
      // It comes about all the same, some seconds later.
      this.options.log.debug({ error }, `lease ${this.id}: not knocked`);
    }
  }

  private endUnlessReady(withinMs: number): void {
    this.callOffDeadline();
    this.callOffDeadline = this.timers.after(withinMs, () => {
      if (this.course.phase === "preparing")
        this.on({ type: "gaveUp", why: `no SSH within ${withinMs / 1000} s` });
    });
  }

  private async seekSsh(): Promise<void> {
    const seeking = new AbortController();
    this.stopSeeking.abort();
    this.stopSeeking = seeking;
    this.endUnlessReady(RUNS_WITHIN_MS);
    let tries = 0;
    let most = 0;
    const ask = async (one: Try) => {
      tries += 1;
      most = Math.max(most, tries);
      return await this.options.askSsh(this.lease.address, one).finally(() => {
        tries -= 1;
      });
    };
    const everyMs = this.options.seekEveryMs ?? SEEK_EVERY_MS;
    let banner = await untilOne(ask, everyMs, SEEK_AT_ONCE, seeking.signal, this.timers);
    // Whoever logs in now is to find it open: those who came with this one may stand there yet.
    if (banner !== undefined && most >= CROWD)
      banner = await untilOne(ask, LOOK_AGAIN_MS, 1, seeking.signal, this.timers);
    if (banner === undefined || seeking.signal.aborted) return;
    this.callOffDeadline();
    this.banner = banner;
    this.on({ type: "banner" });
  }

  private async keepAlive(): Promise<void> {
    const { phase } = this.course;
    // Before the provider's first answer there is nothing to keep alive, and after our leave nothing may be.
    if (phase === "asking" || phase === "releasing" || phase === "ended") return;
    const answer = await this.say((serial) => ({
      ...this.said(serial),
      kind: "keep-alive",
      leases: [this.id],
    }));
    if (answer.is === "unknown") this.on({ type: "unknown" });
    if (answer.is === "refused") this.options.log.warn(`lease ${this.id}: keep-alive refused: ${answer.why}`);
  }

  private async sayRelease(): Promise<void> {
    for (let tries = 1; this.course.phase === "releasing"; tries += 1) {
      try {
        const answer = await this.say((serial) => ({
          ...this.said(serial),
          kind: "release",
          lease: this.id,
        }));
        if (answer.is === "refused") throw new Error(`release refused: ${answer.why}`);
        this.on({ type: answer.is === "done" ? "released" : "unknown" });
        return;
      } catch (error) {
        if (tries >= RELEASE_TRIES) throw error;
        await this.wait(retryMs(tries));
      }
    }
  }

  /** Signs a command and says it; again with a higher serial where the provider has heard a higher one. */
  private async say(command: (serial: number) => LeaseCommand): Promise<CommandAnswer> {
    const { transport, state, clock } = this.options;
    const tell = (beyond?: number) =>
      transport.command(signLeaseCommand(command(state.nextSerial(clock.wallMs(), beyond)), this.key));
    const answer = await tell();
    return answer.is === "refused" && answer.beyond !== undefined ? tell(answer.beyond) : answer;
  }

  private get key(): SigningKey {
    return this.options.key ?? this.options.state.key;
  }

  private said(serial: number): { requester: string; serial: number } {
    return { requester: Buffer.from(this.key.publicKey).toString("hex"), serial };
  }

  private forget(): void {
    this.stopSeeking.abort();
    this.callOffDeadline();
    this.stopEvents();
    const { tunnel } = this.course;
    const clear = async () => {
      // Not awaited by itself: this may be a keep-alive's round that is under way.
      void this.stopKeepAlive?.();
      // Behind what was queued, which may have begun it.
      this.stopLeading?.();
      try {
        if (tunnel) await this.options.vpn.removePeer(tunnel.publicKey);
        this.options.state.forget(this.id);
      } catch (error) {
        this.options.log.error({ error }, `lease ${this.id}: not everything of it is cleared away`);
      }
      this.ending.resolve(this.course);
    };
    this.work = this.work.then(clear);
  }

  private show(name: string, why = ""): void {
    const afterMs = this.options.clock.monotonicMs() - this.began;
    const step = { name, afterMs, ...(why === "" ? {} : { why }) };
    this.shown.push(step);
    if (this.shown.length > MOST_SHOWN) this.shown.shift();
    this.options.onStep?.(step);
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(ms, resolve);
    });
  }
}

const retryMs = (tries: number): number => Math.min(FIRST_RETRY_MS * 2 ** (tries - 1), LONGEST_RETRY_MS);
