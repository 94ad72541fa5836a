import { randomUUID } from "node:crypto";
import { chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../host/clock.ts";
import type { LeaseLimits } from "../admission/index.ts";
import { type Accelerator, type Architecture, domainXml } from "../domain/index.ts";
import { type Egress, type EgressPlan, planEgress } from "../egress/index.ts";
import { type GuestAgent, hostKeyFrom } from "../guest-agent/index.ts";
import { type LeaseNames, leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import type { Libvirt } from "../libvirt/index.ts";
import type { OverlayStore } from "../overlay/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import { cutOn, type LeaseTraffic, type LeaseWatch, type PunishmentPolicy } from "../watch/index.ts";

/** What all machines of a box have in common. */
export interface MachineGround {
  libvirt: Pick<Libvirt, "create" | "resume" | "suspend" | "destroy" | "list">;
  egress: Pick<Egress, "up" | "attach" | "cut" | "down" | "sweep">;
  overlays: Pick<OverlayStore, "create" | "destroy" | "sweep">;
  watch: Pick<LeaseWatch, "add" | "remove">;
  /** The agent of the guest whose line is this socket. */
  agentAt(socket: string): Pick<GuestAgent, "hello" | "prepare" | "close">;
  /** For the sockets of agents, a folder a lease: beneath /run. */
  folder: string;
  architecture: Architecture;
  accelerator: Accelerator;
  /** The control group of all machines, which must be there. */
  partition: string | undefined;
  /** Whom QEMU runs as: in libvirt's form, and for files. Undefined: as libvirt is configured. */
  owner: { name: string; uid: number; gid: number } | undefined;
  isMemoryHeld: boolean;
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
}

/** A kernel and its first programs take seconds, in emulation some more, on a busy box a minute. */
const GUEST_TIMEOUT_MS = 110_000;

/** What one lease has on this machine: made step by step, and taken away whatever of it there is. */
export class LentMachine {
  readonly names: LeaseNames;
  private plan: EgressPlan | undefined;
  private agent: ReturnType<MachineGround["agentAt"]> | undefined;
  private traffic: LeaseTraffic | undefined;

  constructor(
    readonly lease: string,
    private readonly ground: MachineGround,
  ) {
    this.names = leaseNames(lease);
  }

  /** @throws {EgressError} with nothing left */
  async prepareNetwork({ request, limits, tunnel }: MachineOrder): Promise<void> {
    const { egress, punishment, forbidden } = this.ground;
    const { publicKey: peerKey, endpoint, address, dns } = request.tunnel;
    const plan = planEgress({
      lease: this.lease,
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

  /** It is there, and has run no instruction. It ends with this process. */
  async startPaused({ request, image }: MachineOrder): Promise<void> {
    const { ground, lease, names } = this;
    const { cpus, memoryMiB, diskMiB } = request.resources;
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    if (ground.owner) chownSync(this.folder, ground.owner.uid, ground.owner.gid);
    const disk =
      image.base === undefined
        ? undefined
        : await ground.overlays.create(lease, diskMiB, { path: image.base, format: "raw" });
    const xml = domainXml({
      name: names.domain,
      uuid: randomUUID(),
      architecture: ground.architecture,
      accelerator: ground.accelerator,
      vcpus: cpus,
      memoryMiB,
      boot: { kernel: image.kernel, initrd: image.initrd, commandLine: image.kernelCommandLine },
      disk: disk?.path,
      tap: names.tap,
      agentSocket: this.agentSocket,
      consoleSocket: undefined,
      limits: { isMemoryHeld: ground.isMemoryHeld, cpuPercent: undefined, shares: undefined },
      partition: ground.partition,
      owner: ground.owner?.name,
    });
    await ground.libvirt.create(xml, { isPaused: true, endsWithConnection: true });
  }

  /** Puts its link into its namespace, once, and looks that everything there is as planned. @throws {EgressError} */
  async verify(): Promise<void> {
    if (this.plan === undefined) throw new Error(`lease ${this.lease} has no network`);
    await this.ground.egress.attach(this.plan);
    this.ground.watch.add({ lease: this.lease, namespace: this.names.namespace });
  }

  async resume(): Promise<void> {
    await this.ground.libvirt.resume(this.names.domain);
  }

  /** Randomness, time and keys, and only then SSH. */
  async prepareGuest({ request }: MachineOrder): Promise<void> {
    const { randomBytes, clock, agentAt } = this.ground;
    const agent = agentAt(this.agentSocket);
    this.agent = agent;
    try {
      await agent.hello(GUEST_TIMEOUT_MS);
      await agent.prepare(
        {
          seed: randomBytes(64),
          timeMs: Math.round(clock.wallMs()),
          dns: request.tunnel.dns,
          sshKey: request.sshKey,
          hostKey: hostKeyFrom(randomBytes(32)),
        },
        GUEST_TIMEOUT_MS,
      );
    } finally {
      // What a guest says from now on is its requester's word: nobody listens.
      agent.close();
      this.agent = undefined;
    }
  }

  async suspend(): Promise<void> {
    await this.ground.libvirt.suspend(this.names.domain);
  }

  /** Both ways, for good. */
  async cut(): Promise<void> {
    await this.ground.egress.cut(this.names);
  }

  async destroy(): Promise<void> {
    await this.ground.libvirt.destroy(this.names.domain);
  }

  /**
   * May be done again, and after any part of it: what fails holds up nothing but what needs it.
   * @returns what passed its link, as far as known
   * @throws {AggregateError} when something stays
   */
  async tearDown(): Promise<LeaseTraffic | undefined> {
    const { watch, egress, overlays, libvirt } = this.ground;
    this.agent?.close();
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
    const isGone = attempt(() => libvirt.destroy(this.names.domain));
    // Whether the machine goes or not, it is cut off.
    await attempt(() => egress.down(this.names));
    // Its disk is in use as long as it is there.
    if (await isGone) {
      await attempt(() => overlays.destroy(this.lease));
      rmSync(this.folder, { recursive: true, force: true });
    }
    if (failed.length > 0) throw new AggregateError(failed, `something of ${this.names.domain} stays`);
    return this.traffic;
  }

  private get folder(): string {
    return join(this.ground.folder, this.lease);
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
