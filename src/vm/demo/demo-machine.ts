import { randomUUID } from "node:crypto";
import { chownSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Timers } from "../../host/timers.ts";
import { domainXml } from "../domain/index.ts";
import type { GuestAgent } from "../guest-agent/index.ts";
import { leaseNames } from "../guest-link.ts";
import type { VmImage } from "../image/index.ts";
import type { MachineGround } from "../lending/index.ts";
import { LateDomains } from "../libvirt/index.ts";
import { ConsoleLine } from "./console-line.ts";
import { type DemoSize, demoCommandLine } from "./demo-size.ts";

/** What a visitor's machine needs of the box: no network of any kind is among it. */
export interface DemoGround
  extends Pick<MachineGround, "folder" | "architecture" | "accelerator" | "partition" | "owner"> {
  libvirt: Pick<MachineGround["libvirt"], "create" | "suspend" | "resume" | "destroy">;
  /** The agent of the guest whose line is this socket. */
  agentAt(socket: string): Pick<GuestAgent, "hello" | "refresh" | "close">;
  isMemoryHeld: boolean;
  randomBytes(count: number): Uint8Array;
  wallMs(): number;
  timers: Timers;
}

export interface DemoOrder {
  /** 32 hexadecimal digits, as a lease's: by it the reaper knows what belongs to it. */
  id: string;
  image: VmImage;
  cpus: number;
  memoryMiB: number;
  size: DemoSize;
}

const GUEST_TIMEOUT_MS = 60_000;

/** A machine for a visitor of the portal: no disk, no network, a console, and gone when it is ended. */
export class DemoMachine {
  readonly console: ConsoleLine;
  /** While it is being made. */
  private making: Promise<void> | undefined;
  private isOver = false;
  /** libvirt was asked for it and has not answered: it may still come. */
  private readonly late: LateDomains;

  /** @param ended told when the machine ends by itself */
  constructor(
    private readonly order: DemoOrder,
    private readonly ground: DemoGround,
    ended: () => void,
  ) {
    const { timers } = ground;
    this.late = new LateDomains(() => timers.monotonicMs());
    this.console = new ConsoleLine({ path: this.path("console"), onEnd: ended, timers });
  }

  get domain(): string {
    return leaseNames(this.order.id).domain;
  }

  /** Kept when its console can be read. @throws what libvirt says, and where it was ended before */
  async start(): Promise<void> {
    if (this.isOver) throw new Error("nobody waits for it any more");
    this.making = this.make();
    await this.making.finally(() => {
      this.making = undefined;
    });
    void this.tellTime();
  }

  private async make(): Promise<void> {
    const { image, cpus, memoryMiB, size } = this.order;
    const { libvirt, architecture, accelerator, isMemoryHeld, partition, owner } = this.ground;
    mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    if (owner) chownSync(this.folder, owner.uid, owner.gid);
    const xml = domainXml({
      ...{ name: this.domain, uuid: randomUUID(), architecture, accelerator, memoryMiB, vcpus: cpus },
      boot: {
        kernel: image.kernel,
        initrd: image.initrd,
        commandLine: demoCommandLine(image.kernelCommandLine, size),
      },
      ...{ disk: undefined, tap: undefined },
      agentSocket: this.path("agent"),
      consoleSocket: this.path("console"),
      limits: { isMemoryHeld, cpuPercent: undefined, shares: undefined },
      ...{ partition, owner: owner?.name },
    });
    await this.late.asked(this.domain, () =>
      libvirt.create(xml, { isPaused: false, endsWithConnection: true }),
    );
    await this.console.open();
  }

  /** Whatever of it there is. @throws what libvirt says, when the machine stays; {@link LateDomainError} while it may still come */
  async end(): Promise<void> {
    const { making } = this;
    const { libvirt } = this.ground;
    this.isOver = true;
    this.console.close();
    await this.late.destroy(libvirt, this.domain);
    if (making) {
      // What libvirt had not begun when it was asked to end it has come since.
      await making.catch(() => undefined);
      await this.late.destroy(libvirt, this.domain);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Its clock and its randomness, when it has come so far. A visitor can do without. */
  private async tellTime(): Promise<void> {
    const { agentAt, randomBytes, wallMs } = this.ground;
    const agent = agentAt(this.path("agent"));
    try {
      await agent.hello(GUEST_TIMEOUT_MS);
      await agent.refresh({ seed: randomBytes(64), timeMs: Math.round(wallMs()) }, GUEST_TIMEOUT_MS);
    } catch {
      // It is gone again, or busy with its visitor.
    } finally {
      agent.close();
    }
  }

  private get folder(): string {
    return join(this.ground.folder, this.order.id);
  }

  private path(name: "agent" | "console"): string {
    return join(this.folder, name);
  }
}
