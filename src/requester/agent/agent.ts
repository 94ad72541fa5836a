import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "../../host/clock.ts";
import { atIntervals } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import { serveSocket } from "../../host/socket-server.ts";
import type { Timers } from "../../host/timers.ts";
import type { SigningKey } from "../../identity/index.ts";
import type { LeaseClient, LeaseStep } from "../lease-client.ts";
import { askInTurn } from "../provider-turns.ts";
import { type ChosenProvider, ProviderError, type ProviderWays } from "../provider-ways.ts";
import { newLeaseId, Requester } from "../requester.ts";
import { RequesterState } from "../requester-state.ts";
import type { VpnGround } from "../vpn-ground.ts";
import { VpnServer } from "../vpn-server.ts";
import { type AgentDesk, AgentError, agentApp, type Follower } from "./agent-app.ts";
import { bringThere, checkpointsAt, saveThere } from "./agent-checkpoints.ts";
import { type AgentFolders, agentSocket, stateFile } from "./agent-folders.ts";
import type { AgentList, AgentWish, LeaseView } from "./agent-wire.ts";
import { LeaseFolders } from "./lease-folders.ts";
import { type SshAccess, shortId, sshAccess } from "./ssh-access.ts";

export interface AgentOptions {
  folders: AgentFolders;
  ground: VpnGround;
  ways: ProviderWays;
  /** See `RequesterOptions`. */
  keyIn?: (network: string) => SigningKey | undefined;
  /** The command by which ssh(1) gets a connection to a machine that it cannot reach by itself. */
  proxyCommand: (lease: string) => readonly string[];
  log: Logger;
  clock: Clock;
  timers: Timers;
  /** There has been nothing to do for a while. */
  onIdle: () => void;
}

const LOOK_EVERY_MS = 500;
const IDLE_MS = 5_000;
/** For who holds a lease, to come back after the agent was killed. */
const HOLDER_AWAY_MS = 5_000;
/** Where there are others to ask. */
const ANSWER_WITHIN_MS = 20_000;
/** How long a stop waits for providers that do not answer: they hear no more keep-alives then. */
const RELEASE_WITHIN_MS = 15_000;

/**
 * Serves the VPN and keeps the leases alive while their requester works, and answers on a socket who wants to know or change
 * something of them. It takes up what a killed one left.
 */
export class RequesterAgent implements AgentDesk {
  private readonly leaseFolders: LeaseFolders;
  private readonly followers = new Map<string, Set<Follower>>();
  private state: RequesterState | undefined;
  private server: ReturnType<typeof serveSocket> | undefined;
  private requester: Requester | undefined;
  private beginning: Promise<Requester> | undefined;
  private stopLooking: (() => Promise<void>) | undefined;
  private underWay = 0;
  private busyUntilMs = 0;

  constructor(private readonly options: AgentOptions) {
    this.leaseFolders = new LeaseFolders(join(options.folders.state, "leases"));
  }

  /** @throws when the state or the socket cannot be opened */
  async start(): Promise<void> {
    const { folders, log, clock, timers } = this.options;
    mkdirSync(dirname(stateFile(folders)), { recursive: true, mode: 0o700 });
    const state = RequesterState.open(stateFile(folders), undefined, (message) => log.warn(message));
    this.state = state;
    for (const { id } of state.expired(clock.wallMs())) state.forget(id);
    this.leaseFolders.sweep(new Set(state.leases.map(({ id }) => id)));
    this.busyUntilMs = timers.monotonicMs() + IDLE_MS;
    this.server = serveSocket(agentSocket(folders), agentApp(this, timers).fetch, undefined, 0);
    const failed = (error: unknown) => log.error({ error }, "the requester's agent");
    this.stopLooking = atIntervals(LOOK_EVERY_MS, () => this.lookWhetherIdle(), failed, timers);
    // Why it could not be is told to whoever asks next.
    if (state.leases.length > 0) await this.begun().catch(failed);
  }

  /** Releases all leases and puts everything back. */
  async stop(): Promise<void> {
    await this.stopLooking?.();
    // Who asks from now on finds nobody here, and starts the next one.
    void this.server?.stop(false);
    const requester = await this.beginning?.catch(() => undefined);
    if (requester) {
      const releases = Promise.all(requester.leases().map((client) => client.release()));
      const late = Promise.withResolvers<void>();
      const callOff = this.options.timers.after(RELEASE_WITHIN_MS, late.resolve);
      await Promise.race([releases, late.promise]);
      callOff();
      await requester.leave();
    }
    await this.server?.stop(true);
  }

  async list(): Promise<AgentList> {
    const { leases } = this.opened();
    if (leases.length > 0) await this.begun();
    const trouble = this.requester?.trouble();
    const views = leases.flatMap(({ id }) => this.requester?.lease(id) ?? []).map(viewOf);
    return { leases: views, ...(trouble === undefined ? {} : { trouble }) };
  }

  async request(wish: AgentWish): Promise<string> {
    const { ways, log } = this.options;
    const { provider, durationS, image } = wish;
    const resources = { ...wish.resources, upKbit: undefined, downKbit: undefined };
    const chosen = await ways.choose(provider, { resources, durationS, image }).catch((error: unknown) => {
      throw error instanceof ProviderError ? new AgentError(error.message) : error;
    });
    const last = chosen.at(-1);
    const { what } = await askInTurn<ChosenProvider, string>(
      chosen,
      async (one) => {
        const id = await this.ask(one, wish);
        // Whoever waits sees what becomes of it.
        const why = one === last ? undefined : await this.whyNotLent(id);
        return why === undefined ? { is: "lent", what: id } : { is: "not lent", why };
      },
      ({ name, title = name }, why) => log.info(`${title} does not lend: ${why}`),
    );
    if (what === undefined) throw new AgentError("there is no box to ask", "failed");
    return what;
  }

  /** @returns the lease's id */
  private async ask(provider: ChosenProvider, wish: AgentWish): Promise<string> {
    const { provider: _named, key, isHeld: _held, restore, ...asked } = wish;
    const requester = await this.begun();
    const restoreFrom = restore === undefined ? {} : { restoreFrom: await this.bring(provider, restore) };
    const id = newLeaseId();
    try {
      requester.request(provider.name, {
        ...{ ...asked, ...restoreFrom },
        resources: { ...wish.resources, upKbit: undefined, downKbit: undefined },
        ...{ id, heardAt: wish.heardAt, network: provider.network },
        sshKey: key?.line ?? (await this.leaseFolders.makeKey(id)),
        ...(key === undefined ? {} : { identity: key.identity }),
        ...(provider.key === undefined ? {} : { providerKey: provider.key }),
        ...(provider.title === undefined ? {} : { providerTitle: provider.title }),
      });
    } catch (error) {
      this.leaseFolders.remove(id);
      throw error;
    }
    this.watch(id);
    return id;
  }

  /** Brings a saved machine to a box, signed as the request for it will be. */
  private bring({ name, network }: ChosenProvider, path: string): ReturnType<typeof bringThere> {
    const { ways, keyIn } = this.options;
    const key = (network === undefined ? undefined : keyIn?.(network)) ?? this.opened().key;
    return bringThere(ways.transportTo(name), key, path);
  }

  /** Why a lease that was just asked for does not come about; one that is not answered in time is given back. */
  private async whyNotLent(id: string): Promise<string | undefined> {
    const client = this.client(id);
    const late = Promise.withResolvers<undefined>();
    const callOff = this.options.timers.after(ANSWER_WITHIN_MS, () => late.resolve(undefined));
    const course = await Promise.race([client.answered(), late.promise]);
    callOff();
    if (course === undefined) void client.release();
    if (course === undefined) return `it has not answered within ${ANSWER_WITHIN_MS / 1_000} s`;
    const isOver = course.phase === "ended" || course.phase === "releasing";
    return isOver ? course.why || "it has refused" : undefined;
  }

  async find(id: string): Promise<LeaseView> {
    const { leases } = await this.list();
    const [only, ...others] = leases.filter((lease) => lease.id.startsWith(id));
    if (only === undefined) throw new AgentError(`no virtual machine's id begins with ${id}`, "unknown");
    if (others.length > 0) throw new AgentError(`several virtual machines' ids begin with ${id}`, "unknown");
    return only;
  }

  follow(id: string, follower: Follower): () => void {
    const client = this.client(id);
    const all = this.followers.get(id) ?? new Set();
    for (const step of client.status.steps) follower.told(step, viewOf(client));
    this.followers.set(id, all.add(follower));
    void client.ended().then(() => follower.over());
    return () => {
      all.delete(follower);
      if (all.size === 0) this.followers.delete(id);
      if (follower.isHolder && client.status.phase !== "ended") this.unlessHeld(id);
    };
  }

  release(id: string): void {
    void this.client(id).release();
  }

  async save(id: string, path: string | undefined): Promise<void> {
    const { ways, keyIn } = this.options;
    const client = this.client(id);
    const { provider, signedIn } = client.kept;
    const key = (signedIn === undefined ? undefined : keyIn?.(signedIn)) ?? this.opened().key;
    // Before anything is stopped: whether it could be fetched at all.
    const there = path === undefined ? undefined : checkpointsAt(ways.transportTo(provider), key);
    await saveThere(client);
    if (path !== undefined) await there?.fetch(id, path);
  }

  access(id: string): SshAccess {
    const { kept } = this.client(id);
    const isStraight = this.requester?.proxy(kept.address, 22) === undefined;
    if (kept.hostKey !== undefined) this.leaseFolders.knowHost(id, kept.hostKey);
    return sshAccess(kept, this.leaseFolders.of(id), isStraight ? undefined : this.options.proxyCommand(id));
  }

  proxy(id: string, port: number): { address: string; command: readonly string[] | undefined } {
    const { address } = this.client(id).kept;
    return { address, command: this.requester?.proxy(address, port) };
  }

  busy(): () => void {
    this.underWay += 1;
    return () => {
      this.underWay -= 1;
    };
  }

  /** The requester, whose VPN is served from the first lease on. @throws {AgentError} when it cannot be */
  private async begun(): Promise<Requester> {
    this.beginning ??= this.begin();
    try {
      return await this.beginning;
    } catch (error) {
      // Whatever it was may be mended by the next time.
      this.beginning = undefined;
      const why = error instanceof Error ? error.message : String(error);
      throw new AgentError(`the VPN for virtual machines cannot be served: ${why}`, "failed");
    }
  }

  private async begin(): Promise<Requester> {
    const { ground, log, clock, ways, keyIn } = this.options;
    const state = this.opened();
    const vpn = new VpnServer({ ...state.vpn, allowLan: false }, ground, log);
    const requester = new Requester({
      ...{ state, vpn, log, clock },
      ...(keyIn ? { keyIn } : {}),
      transportTo: (provider) => ways.transportTo(provider),
      onStep: (lease, step) => this.onStep(lease, step),
    });
    this.requester = requester;
    await requester.start();
    for (const { id } of requester.leases()) this.watch(id);
    return requester;
  }

  private onStep(lease: string, step: LeaseStep): void {
    const client = this.requester?.lease(lease);
    this.options.log.info(`lease ${shortId(lease)}: ${step.name}${step.why ? `: ${step.why}` : ""}`);
    if (client) for (const { told } of this.followers.get(lease) ?? []) told(step, viewOf(client));
  }

  private watch(id: string): void {
    void this.client(id)
      .ended()
      .then(() => this.leaseFolders.remove(id));
  }

  private unlessHeld(id: string): void {
    this.options.timers.after(HOLDER_AWAY_MS, () => {
      const isHeld = [...(this.followers.get(id) ?? [])].some(({ isHolder }) => isHolder);
      if (isHeld) return;
      this.options.log.info(`lease ${shortId(id)}: who asked for it has gone`);
      void this.requester?.lease(id)?.release();
    });
  }

  private lookWhetherIdle(): void {
    const { timers, onIdle } = this.options;
    const nowMs = timers.monotonicMs();
    if (this.underWay > 0 || this.opened().leases.length > 0) this.busyUntilMs = nowMs + IDLE_MS;
    if (nowMs >= this.busyUntilMs) onIdle();
  }

  private client(id: string): LeaseClient {
    const client = this.requester?.lease(id);
    if (client === undefined) throw new AgentError("this virtual machine is there no more", "unknown");
    return client;
  }

  private opened(): RequesterState {
    if (this.state === undefined) throw new AgentError("the agent does not run", "failed");
    return this.state;
  }
}

function viewOf(client: LeaseClient): LeaseView {
  const { id, address, activity = "", askedAt, durationS, runsSince } = client.kept;
  const { provider: name, providerTitle: provider = name } = client.kept;
  const { phase, outcome, why } = client.status;
  return {
    ...{ id, provider, address, phase, why, activity, askedAt, durationS },
    ...(outcome === undefined ? {} : { outcome }),
    ...(runsSince === undefined ? {} : { runsSince }),
  };
}
