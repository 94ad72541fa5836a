import { randomUUID } from "node:crypto";
import { chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../host/clock.ts";
import type { KeptEnd } from "../../mesh/tunnels/kept-end.ts";
import type { LeaseLimits } from "../admission/index.ts";
import {
  type Checkpoints,
  NotSavedError,
  type RestoreClaim,
  restoreMachine,
  saveMachine,
} from "../checkpoint/index.ts";
import { domainXml, type MachineHouse, machinePlan } from "../domain/index.ts";
import { type Egress, EgressError, type EgressPlan, planEgress } from "../egress/index.ts";
import { type GuestAgent, GuestAgentError, hostKeyFrom } from "../guest-agent/index.ts";
import { type LeaseNames, leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import { LateDomains, type Libvirt } from "../libvirt/index.ts";
import type { OverlayStore } from "../overlay/index.ts";
import type { Pool, PooledMachine } from "../pool/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { cutOn, type LeaseTraffic, type LeaseWatch, type PunishmentPolicy } from "../watch/index.ts";
import { tunnelEndOf } from "./tunnel-end.ts";

/** What all machines of a box have in common. */
export interface MachineGround extends MachineHouse {
  libvirt: Pick<Libvirt, "create" | "resume" | "suspend" | "destroy" | "list" | "save" | "restore">;
  egress: Pick<Egress, "up" | "attach" | "cut" | "down" | "sweep" | "tunnelStatus" | "point" | "stir">;
  overlays: Pick<OverlayStore, "create" | "room" | "pathOf" | "destroy" | "sweep">;
  watch: Pick<LeaseWatch, "add" | "remove">;
  /** The agent of the guest whose line is this socket. */
  agentAt(socket: string): Pick<GuestAgent, "hello" | "prepare" | "renew" | "refresh" | "close">;
  /** For the sockets of agents, a folder a lease: beneath /run. */
  folder: string;
  /** Whom QEMU runs as: in libvirt's form, and for files. Undefined: as libvirt is configured. */
  owner: { name: string; uid: number; gid: number } | undefined;
  /** Machines that wait already; undefined: each lease starts its own. */
  pool?: Pick<Pool, "claim" | "discard"> | undefined;
  /** Undefined: this box saves no machines, and lets none go on. */
  checkpoints?: Pick<Checkpoints, "promise" | "claim"> | undefined;
  /**
   * Whether somebody would end a machine that libvirt does not, were this process to die: libvirt promises it for none that was
   * restored, as those of the pool are. `ReaperKeeper.isWatching`. Undefined: not known, and no saved machine goes on.
   */
  isSupervised?: (() => boolean) | undefined;
  punishment: PunishmentPolicy;
  /** The box's own networks and those around it, now. */
  forbidden(): readonly string[];
  randomBytes(count: number): Uint8Array;
  clock: Clock;
}

export interface MachineOrder {
  request: LeaseRequest;
  limits: LeaseLimits;
  image: VmImage;
  /** The box's end of its tunnel. */
  tunnel: { privateKey: string; listenPort: number };
  /** The saved machine that is to go on; undefined: a new one. */
  restore?: RestoreClaim | undefined;
}

/** A kernel and its first programs take seconds, in emulation some more, on a slow box minutes: the lease's own limit comes first. */
const GUEST_TIMEOUT_MS = 3_700_000;
/** A machine that goes on has its agent already; whoever has it may have ended that. */
const RENEW_TIMEOUT_MS = 30_000;
/** A requester keeps the tunnel alive each 5 s and less. */
const HANDSHAKE_TIMEOUT_MS = 60_000;
const HANDSHAKE_LOOK_MS = 100;

/** What one lease has on this machine: made step by step, and taken away whatever of it there is. */
export class LentMachine {
  /** By which all of it is named: the lease's, or that of a machine that waited for it. */
  private id: string;
  private plan: EgressPlan | undefined;
  private disk: string | undefined;
  private agent: ReturnType<MachineGround["agentAt"]> | undefined;
  private traffic: LeaseTraffic | undefined;
  /** It waited for this lease. */
  private pooled: PooledMachine | undefined;
  private order: MachineOrder | undefined;
  private restore: RestoreClaim | undefined;
  /** For SSH, type and base64; "": not known. */
  private publicHostKey = "";
  /** libvirt was asked for it and has not answered: it may still come. */
  private readonly late: LateDomains;
  /** The guest's preparation was ended from here: it is no fault of the machine's. */
  private isBrokenOff = false;
  /** Nobody waits any more for what is just being made. */
  private isOver = false;

  constructor(
    readonly lease: string,
    private readonly ground: MachineGround,
  ) {
    this.id = lease;
    this.late = new LateDomains(() => ground.clock.monotonicMs());
  }

  get names(): LeaseNames {
    return leaseNames(this.id);
  }

  /** What all of it is named by, for who looks after what belongs to nobody: the lease's id, or a waiting machine's. */
  get namedBy(): string {
    return this.id;
  }

  /** The machine's own key for SSH, type and base64, once it has it; undefined: not known. */
  get hostKey(): string | undefined {
    return this.publicHostKey || undefined;
  }

  /** @throws {EgressError} with nothing left */
  async prepareNetwork(order: MachineOrder): Promise<void> {
    const { request, restore } = order;
    this.order = order;
    this.restore = restore;
    const isSupervised = this.ground.isSupervised?.();
    if (restore && isSupervised !== true)
      throw new Error("nobody would end the machine if the box's program died");
    if (!restore && isSupervised !== false) this.pooled = await this.ground.pool?.claim(request);
    if (this.pooled) this.id = this.pooled.id;
    await this.orOwn(() => this.bringUp(order));
  }

  private async bringUp({ request, limits, tunnel }: MachineOrder): Promise<void> {
    const { egress, punishment, forbidden } = this.ground;
    const { publicKey: peerKey, endpoint, address, dns } = request.tunnel;
    const plan = planEgress({
      lease: this.id,
      tunnel: { ...tunnel, peerKey, endpoint, address, dns },
      limits: {
        upKbit: least(request.resources.upKbit, limits.upKbit),
        downKbit: least(request.resources.downKbit, limits.downKbit),
        newConnectionsPerS: limits.connectionsPerS,
      },
      punishment: { cutOn: cutOn(punishment) },
      forbidden: forbidden(),
    });
    await egress.up(plan);
    this.plan = plan;
  }

  /**
   * Its end of the tunnel, for who finds the way to its requester's; undefined: there will be none any more.
   * @param until how long its network is waited for, by the monotonic clock
   */
  async tunnelEnd(order: MachineOrder, untilMs: number): Promise<KeptEnd | undefined> {
    const { egress, clock } = this.ground;
    while ((await egress.tunnelStatus(this.names)) === undefined) {
      if (this.isOver || clock.monotonicMs() > untilMs) return undefined;
      await Bun.sleep(HANDSHAKE_LOOK_MS);
    }
    return tunnelEndOf(egress, order, () => this.names);
  }

  /** It is there, and has run no instruction. It ends with this process: by libvirt, or by the reaper where it was restored. */
  async startPaused({ request, image, restore }: MachineOrder): Promise<void> {
    if (this.pooled) return;
    const { ground, names } = this;
    const { cpus, memoryMiB, diskMiB } = request.resources;
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    if (ground.owner) chownSync(this.folder, ground.owner.uid, ground.owner.gid);
    const { base } = image;
    if (base !== undefined)
      this.disk = (await ground.overlays.create(this.id, diskMiB, { path: base, format: "raw" })).path;
    const identity = {
      ...{ name: names.domain, uuid: randomUUID(), tap: names.tap, disk: this.disk },
      ...{ agentSocket: this.agentSocket, consoleSocket: undefined },
    };
    const xml = domainXml(machinePlan(ground, image, { cpus, memoryMiB }, identity));
    await this.late.asked(names.domain, async () => {
      if (!restore) return ground.libvirt.create(xml, { isPaused: true, endsWithConnection: true });
      const disk = this.disk !== undefined && base !== undefined ? { path: this.disk, base } : undefined;
      await restoreMachine(ground, restore, xml, disk);
      this.publicHostKey = restore.header.hostKey;
      return undefined;
    });
  }

  /**
   * Puts its link into its namespace, once, and looks that everything there is as planned. One that goes on, with connections of
   * its own perhaps, waits for its requester's end of the tunnel.
   * @throws {EgressError}
   */
  async verify(): Promise<void> {
    await this.orOwn(
      () => this.attach(),
      (order) => this.start(order),
    );
  }

  private async attach(): Promise<void> {
    if (this.plan === undefined) throw new Error(`lease ${this.lease} has no network`);
    await this.ground.egress.attach(this.plan);
    this.ground.watch.add({ lease: this.lease, namespace: this.names.namespace });
    if (this.restore) await this.untilHandshake();
  }

  async resume(): Promise<void> {
    await this.orOwn(
      () => this.ground.libvirt.resume(this.names.domain),
      (order) => this.start(order),
      () => this.attach(),
    );
    // What is in the file is older than the machine from now on.
    this.restore?.done(true);
  }

  /**
   * Randomness, time and keys, and only then SSH.
   * @returns why one that goes on could not be told them; undefined: it could
   */
  async prepareGuest(order: MachineOrder): Promise<string | undefined> {
    this.isBrokenOff = false;
    const why = await this.orOwn(
      () => this.tellGuest(order),
      () => this.start(order),
      () => this.attach(),
      // Was its processor taken away meanwhile, it gets it back like any other.
      async () => void (this.isBrokenOff || (await this.ground.libvirt.resume(this.names.domain))),
    );
    // What its requester has in it from now on no other machine has.
    this.pooled = undefined;
    return why;
  }

  /**
   * A machine of the pool with which a step fails is ended, and the lease has one of its own, which boots.
   * @param before what has to be done with that before the step
   */
  private async orOwn<T>(
    step: () => Promise<T>,
    ...before: ((order: MachineOrder) => Promise<unknown>)[]
  ): Promise<T> {
    try {
      return await step();
    } catch (error) {
      const { pooled, order } = this;
      const { pool, watch } = this.ground;
      if (!pooled || !order || !pool || this.isOver || this.isBrokenOff) throw error;
      await watch.remove(this.lease);
      // Before the other one goes: what libvirt tells of its end is no end of this lease's machine.
      this.pooled = undefined;
      this.id = this.lease;
      await pool.discard(pooled, error);
      for (const again of before) {
        if (this.isOver) throw error;
        await again(order);
      }
      if (this.isOver || this.isBrokenOff) throw error;
      return step();
    }
  }

  private async start(order: MachineOrder): Promise<void> {
    await this.bringUp(order);
    await this.startPaused(order);
  }

  private async tellGuest({ request, restore }: MachineOrder): Promise<string | undefined> {
    const { randomBytes, clock, agentAt } = this.ground;
    const agent = agentAt(this.agentSocket);
    this.agent = agent;
    const { sshKey } = request;
    const { dns } = request.tunnel;
    const fresh = () => ({ seed: randomBytes(64), timeMs: Math.round(clock.wallMs()), dns, sshKey });
    try {
      if (restore) {
        await agent.hello(RENEW_TIMEOUT_MS);
        await agent.renew(fresh(), RENEW_TIMEOUT_MS);
        return undefined;
      }
      // One that waited has its agent already.
      const timeoutMs = this.pooled ? RENEW_TIMEOUT_MS : GUEST_TIMEOUT_MS;
      await agent.hello(timeoutMs);
      const hostKey = hostKeyFrom(randomBytes(32));
      this.publicHostKey = (await agent.prepare({ ...fresh(), hostKey }, timeoutMs)).hostKey;
      return undefined;
    } catch (error) {
      // Its requester was root in it: an agent that they have ended is missed by nobody else, and their keys are there.
      if (!restore || !(error instanceof GuestAgentError) || this.agent === undefined) throw error;
      return error.message;
    } finally {
      // What a guest says from now on is its requester's word: nobody listens.
      agent.close();
      this.agent = undefined;
    }
  }

  /** Ends a preparation of the guest that is under way, which fails by it: what follows need not wait for it. */
  breakOffGuest(): void {
    const { agent } = this;
    this.isBrokenOff = true;
    this.agent = undefined;
    agent?.close();
  }

  async suspend(): Promise<void> {
    await this.ground.libvirt.suspend(this.names.domain);
  }

  /**
   * Its machine ends in a file. @param leftS what is left of its time
   * @throws {NotSavedError} where it is there as before, without a processor
   */
  async save({ request, image }: MachineOrder, leftS: number): Promise<void> {
    const { libvirt, overlays, checkpoints } = this.ground;
    await this.suspend();
    if (!checkpoints) throw new NotSavedError("this box saves no machines");
    const { cpus, memoryMiB, diskMiB } = request.resources;
    const disk = image.base === undefined ? undefined : (this.disk ?? overlays.pathOf(this.id));
    await saveMachine(
      { libvirt, overlays, checkpoints },
      {
        ...{ lease: this.lease, requester: request.requester, image, leftS, disk },
        resources: { cpus, memoryMiB, diskMiB: disk === undefined ? 0 : diskMiB },
        ...{ domain: this.names.domain, hostKey: this.publicHostKey },
      },
    );
  }

  /** Both ways, for good. */
  async cut(): Promise<void> {
    await this.ground.egress.cut(this.names);
  }

  async destroy(): Promise<void> {
    this.isOver = true;
    await this.ground.libvirt.destroy(this.names.domain);
  }

  /**
   * May be done again, and after any part of it: what fails holds up nothing but what needs it.
   * @returns what passed its link, as far as known
   * @throws {AggregateError} when something stays
   */
  async tearDown(): Promise<LeaseTraffic | undefined> {
    const { watch, egress, overlays, libvirt } = this.ground;
    this.isOver = true;
    this.breakOffGuest();
    this.restore?.done(false);
    this.traffic = (await watch.remove(this.lease)) ?? this.traffic;
    const failed: unknown[] = [];
    const attempt = async (part: () => Promise<unknown>): Promise<boolean> => {
      try {
        await part();
        return true;
      } catch (error) {
        failed.push(error);
        return false;
      }
    };
    const isGone = attempt(() => this.late.destroy(libvirt, this.names.domain));
    // Whether the machine goes or not, it is cut off.
    await attempt(() => egress.down(this.names));
    // Its disk is in use as long as it is there.
    if (await isGone) {
      await attempt(() => overlays.destroy(this.id));
      rmSync(this.folder, { recursive: true, force: true });
    }
    if (failed.length > 0) throw new AggregateError(failed, `something of ${this.names.domain} stays`);
    return this.traffic;
  }

  /** @throws {EgressError} when its requester's end does not come */
  private async untilHandshake(): Promise<void> {
    const { egress, clock } = this.ground;
    const untilMs = clock.monotonicMs() + HANDSHAKE_TIMEOUT_MS;
    while (((await egress.tunnelStatus(this.names))?.peer?.handshakeAt ?? 0) === 0) {
      if (this.isOver) throw new EgressError("tunnel", "is not wanted any more");
      if (clock.monotonicMs() > untilMs)
        throw new EgressError("tunnel", "its requester does not answer, so that the machine stays as it was");
      await Bun.sleep(HANDSHAKE_LOOK_MS);
    }
  }

  private get folder(): string {
    return join(this.ground.folder, this.id);
  }

  private get agentSocket(): string {
    return join(this.folder, "agent");
  }
}

/** Undefined: no limit. */
function least(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
