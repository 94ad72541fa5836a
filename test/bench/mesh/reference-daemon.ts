import { readFileSync } from "node:fs";
import { type Lab, type LabProcess, until } from "../../lab/lab.ts";
import type { Restore } from "../../lab/mesh-faults.ts";
import type { MeshTopology } from "../../lab/mesh-topology.ts";
import { cpuSeconds } from "../cpu-time.ts";
import { Reach } from "./reach.ts";

/** How one routing daemon is started on a host of a lab. */
export interface DaemonKind {
  readonly name: string;
  /** The intervals that it was given, in words for the report. */
  readonly intervals: string;
  /** Makes what a host needs before its daemon starts. @returns its address in the mesh, and the command */
  prepare(
    topology: MeshTopology,
    host: number,
    folder: string,
  ): Promise<{ address: string; command: string[] }>;
}

/** A fleet of somebody else's daemons, measured as the box's own mesh is. */
export class ReferenceDaemon {
  private readonly processes: LabProcess[] = [];
  private reach: Reach | undefined;
  private startedMs = 0;
  private isConverged = false;

  constructor(
    readonly kind: DaemonKind,
    private readonly lab: Lab,
    private readonly topology: MeshTopology,
  ) {}

  /** @throws when not all have their address in time */
  async start(timeoutMs = 30_000): Promise<void> {
    const { hosts } = this.topology;
    const prepared = await Promise.all(
      hosts.map((_, index) => this.kind.prepare(this.topology, index, this.lab.folder)),
    );
    this.startedMs = performance.now();
    for (const [index, { command }] of prepared.entries()) {
      this.processes.push(this.topology.host(index).spawn(command));
    }
    for (const [index, { address }] of prepared.entries()) {
      await until(
        `${this.kind.name} on host ${index}`,
        () => hasAddress(this.topology, index, address),
        timeoutMs,
      );
    }
    const reachable = hosts.map((host, index) => ({ host, address: prepared[index]?.address ?? "" }));
    this.reach = await new Reach(reachable).open();
  }

  /** From the start of the daemons until every host has had an answer of every other. */
  async convergedMs(timeoutMs = 120_000): Promise<number> {
    const spent = performance.now() - this.startedMs;
    const tookMs = spent + (await this.opened.allPairs(timeoutMs));
    this.isConverged = true;
    return tookMs;
  }

  /**
   * The longest silence between two hosts that a fault makes, in ms; then the fault is undone.
   * @param fault makes it on the segment by which the first host sends to the other now
   */
  async failoverMs(
    fault: (segment: number) => Promise<Restore>,
    { from = 0, to = 1, forMs = 25_000 } = {},
  ): Promise<number> {
    const before = await this.sentByPort();
    let restore: Restore | undefined;
    const gap = await this.opened.longestGap(
      from,
      to,
      async () => {
        const after = await this.sentByPort();
        const sent = this.topology
          .portsOf(from)
          .map(({ segment, switchPort: port }) => ({
            segment,
            bytes: (after.get(port) ?? 0) - (before.get(port) ?? 0),
          }))
          .sort((a, b) => b.bytes - a.bytes);
        restore = await fault(sent[0]?.segment ?? 0);
      },
      forMs,
    );
    await restore?.();
    return gap;
  }

  /** All pairs, 1, once it has converged; before, nobody can be asked. */
  async knownShare(): Promise<number> {
    return this.isConverged ? 1 : Number.NaN;
  }

  /** CPU time of one daemon since its start, the mean of all. */
  cpuS(): number {
    return cpuSeconds(this.processes.map(({ pid }) => pid)) / this.processes.length;
  }

  /** Resident memory of one daemon, the mean of all. */
  rssMiB(): number {
    const kib = this.processes.map(({ pid }) => {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    });
    return kib.reduce((sum, each) => sum + each, 0) / kib.length / 1_024;
  }

  /** What one host sends in an hour by all of its interfaces while nobody uses the mesh, the mean of all. */
  async idleBytesPerHour(forMs = 30_000): Promise<number> {
    const [before, from] = [await this.sentBytes(), performance.now()];
    await Bun.sleep(forMs);
    const [after, tookMs] = [await this.sentBytes(), performance.now() - from];
    return ((after - before) / this.topology.hosts.length) * (3_600_000 / tookMs);
  }

  async stop(): Promise<void> {
    this.reach?.close();
    this.reach = undefined;
    await Promise.all(this.processes.splice(0).map((process) => process.stop()));
  }

  /** What the daemons printed, for whoever looks into one that does not converge. */
  output(): string {
    return this.processes.map((process) => process.output()).join("\n");
  }

  private get opened(): Reach {
    if (this.reach === undefined) throw new Error(`${this.kind.name} is not started`);
    return this.reach;
  }

  private async sentBytes(): Promise<number> {
    const byPort = await this.sentByPort();
    return this.topology.ports.reduce((sum, port) => sum + (byPort.get(port.switchPort) ?? 0), 0);
  }

  /** The switches' ports count what the hosts send, all in one namespace. */
  private async sentByPort(): Promise<Map<string, number>> {
    const text = await this.topology.switchHost.run(["cat", "/proc/net/dev"]);
    return new Map(
      text.split("\n").map((line) => {
        const [name = "", counters = ""] = line.trim().split(/:\s*/);
        return [name, Number(counters.split(/\s+/)[0])];
      }),
    );
  }
}

async function hasAddress(topology: MeshTopology, host: number, address: string): Promise<boolean> {
  const { stdout } = await topology
    .host(host)
    .tryRun(["ip", "-6", "-br", "addr", "show", "to", address, "up"]);
  return stdout.trim() !== "";
}
