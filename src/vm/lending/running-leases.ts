import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { makeWireGuardKey, wireGuardPublicKey } from "../../host/wireguard-key.ts";
import type { KeptEnd } from "../../mesh/tunnels/kept-end.ts";
import type { Journal } from "../../store/index.ts";
import type { LeaseLimits, LiveLease, Source } from "../admission/index.ts";
import type { RestoreClaim } from "../checkpoint/index.ts";
import type { LeaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import { type LeaseNews, type LeaseState, type LeaseStore, newLease, USUAL_LIMITS } from "../leases/index.ts";
import type { DomainEvent } from "../libvirt/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { type Punishment, punish, type RogueEvent } from "../watch/index.ts";
import { type Happening, LentLease } from "./lent-lease.ts";
import { LentMachine, type MachineGround } from "./lent-machine.ts";

/** Where the box's end of a lease's tunnel is. */
export interface LenderTunnel {
  publicKey: string;
  endpoint: { address: string; port: number } | undefined;
}

/** As far as lending needs it. */
export type LenderStore = Pick<
  LeaseStore,
  "begin" | "keep" | "end" | "count" | "see" | "seen" | "recover" | "endedOf" | "tick"
>;

export interface RunningLeasesOptions {
  ground: MachineGround;
  store: LenderStore;
  journal: Pick<Journal, "append">;
  /** For the time from the permission to a machine that can be used; default: the usual one. */
  prepareMs?: number | undefined;
  /** UDP ports of tunnels, one a lease. */
  ports: { first: number; last: number };
  /** The box's address by which a requester reaches its tunnel; undefined: the box comes to the requester. */
  heardAt(source: Source): string | undefined;
  tell(lease: string, news: LeaseNews, tunnel: LenderTunnel): void;
  /** Nothing of it is left. */
  onGone(lease: string, requester: string): void;
  log: Logger;
  timers: Timers;
}

const PART = "vm";
/** The step function gives it 5 s, libvirt may take some. */
const GONE_WITHIN_MS = 15_000;
/** A namespace and a tunnel take less than a second, on a cold kernel a minute. */
const NETWORK_WITHIN_MS = 60_000;
/** What is remembered of one lease for punishment that grows. */
const MOST_EVENTS = 200;

/** A lease with what the box knows of it beside its state. */
export interface Lent {
  readonly lease: LentLease;
  readonly source: Source;
  readonly priority: number;
  /** ms since 1970 by the box's clock. */
  readonly startedMs: number;
  readonly tunnel: LenderTunnel;
  /** What it tried past its tunnel, the last {@link MOST_EVENTS}. */
  rogue: RogueEvent[];
  /** Nothing of it is left. */
  readonly gone: PromiseWithResolvers<void>;
}

/** What a lease is begun with. */
export interface Granted {
  request: LeaseRequest;
  source: Source;
  limits: LeaseLimits;
  priority: number;
  image: VmImage;
  /** The saved machine that is to go on; undefined: a new one. */
  restore?: RestoreClaim | undefined;
}

/** The leases that have been given, until nothing of them is left. */
export class RunningLeases {
  private readonly lent = new Map<string, Lent>();

  constructor(private readonly options: RunningLeasesOptions) {}

  get(id: string): Lent | undefined {
    return this.lent.get(id);
  }

  values(): Lent[] {
    return [...this.lent.values()];
  }

  of(requester: string): Lent[] {
    return this.values().filter(({ lease }) => lease.state.requester === requester);
  }

  /** For decisions, for an operator, and for what a box says of itself. */
  live(): LiveLease[] {
    return this.values().map(({ lease, priority, source, startedMs }) => {
      const { id, requester, resources } = lease.order.request;
      const { cpus, memoryMiB, diskMiB } = resources;
      const endsMs = startedMs + lease.state.limits.durationMs;
      return {
        ...{ id, requester, priority, sourceAddress: source.address },
        ...{ cpus, memoryMiB, diskMiB, startedMs, endsMs },
      };
    });
  }

  /** @throws Error when no port is free, which those who decide see to */
  begin({ request, source, limits, priority, image, restore }: Granted): LenderTunnel {
    const { ground, store, journal, log, timers, heardAt, tell, onGone } = this.options;
    const { id, requester, durationS } = request;
    const listenPort = this.freePort();
    const privateKey = makeWireGuardKey();
    const address = heardAt(source);
    const tunnel: LenderTunnel = {
      publicKey: wireGuardPublicKey(privateKey),
      endpoint: address === undefined ? undefined : { address, port: listenPort },
    };
    const lease: LentLease = new LentLease({
      state: newLease(
        { id, requester, limits: this.limitsOf(durationS) },
        timers.monotonicMs(),
        restore !== undefined,
      ),
      order: { request, limits, image, tunnel: { privateKey, listenPort }, restore },
      machine: new LentMachine(id, ground),
      ...{ store, log, timers },
      note: async (kind, note) => void (await journal.append(PART, kind, id, { why: note })),
      tell: (news) => tell(id, news, tunnel),
      noteUnkept: async ({ outcome, why: reason }) => {
        const note = { outcome, why: reason, activity: request.activity, requester };
        await journal.append(PART, "lease-ended", id, note);
      },
      onGone: () => {
        const one = this.lent.get(id);
        this.lent.delete(id);
        one?.gone.resolve();
        onGone(id, requester);
      },
    });
    const startedMs = ground.clock.wallMs();
    const gone = Promise.withResolvers<void>();
    this.lent.set(id, { lease, source, priority, startedMs, tunnel, gone, rogue: [] });
    void lease.on({ type: "allowed" });
    return tunnel;
  }

  /** @returns whether nothing of them is left, within a time */
  async end(ids: readonly string[], happening: Happening): Promise<boolean> {
    const ends = await Promise.all(ids.map((id) => this.endOne(this.lent.get(id), happening)));
    return !ends.includes(false);
  }

  /**
   * The box's end of a lease's tunnel, once its network is there.
   * @param key WireGuard's, base64, of who asks: nobody but its requester's
   */
  async tunnelEnd(id: string, key: string): Promise<KeptEnd | undefined> {
    const { ground } = this.options;
    const lease = this.lent.get(id)?.lease;
    if (lease?.order.request.tunnel.publicKey !== key) return undefined;
    return lease.machine.tunnelEnd(lease.order, ground.clock.monotonicMs() + NETWORK_WITHIN_MS);
  }

  tick(): void {
    for (const { lease } of this.lent.values()) void lease.on({ type: "tick" });
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
    const one = this.values().find(({ lease }) => lease.machine.names.domain === name);
    const why = `its machine has ended: ${detail}`;
    void one?.lease.on({ type: "vmGone", isShutDown: detail === "shut down", why });
  }

  /** Of a machine whose tunnel is gone nobody has anything any more. */
  onTunnelLost({ tunnel }: Pick<LeaseNames, "tunnel">): void {
    const one = this.values().find(({ lease }) => lease.machine.names.tunnel === tunnel);
    void one?.lease.on({ type: "failed", why: "its tunnel is gone" });
  }

  private async endOne(one: Lent | undefined, happening: Happening): Promise<boolean> {
    if (!one) return true;
    void one.lease.on(happening);
    const late = Promise.withResolvers<false>();
    const isSaved = happening.type === "displaced" && happening.withCheckpoint;
    const withinMs = GONE_WITHIN_MS + (isSaved ? USUAL_LIMITS.checkpointMs : 0);
    const callOff = this.options.timers.after(withinMs, () => late.resolve(false));
    const isGone = await Promise.race([one.gone.promise.then(() => true), late.promise]);
    callOff();
    return isGone;
  }

  private limitsOf(durationS: number): LeaseState["limits"] {
    const { prepareMs = USUAL_LIMITS.prepareMs } = this.options;
    return { ...USUAL_LIMITS, prepareMs, durationMs: durationS * 1_000 };
  }

  private freePort(): number {
    const { first, last } = this.options.ports;
    const taken = new Set(this.values().map(({ lease }) => lease.order.tunnel.listenPort));
    for (let port = first; port <= last; port += 1) if (!taken.has(port)) return port;
    throw new Error(`of the ports ${first} to ${last} none is free`);
  }
}
