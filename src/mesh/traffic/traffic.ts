import { atIntervals, onceAtATime } from "../../host/intervals.ts";
import type { Logger } from "../../host/log.ts";
import type { NftCommand } from "../../host/nft.ts";
import type { Part } from "../../host/part.ts";
import { RunError } from "../../host/run.ts";
import type { Timers } from "../../host/timers.ts";
import { removeMarks, TRAFFIC_TABLE, type TrafficPorts, tunnelPortCommands } from "./mark-ruleset.ts";
import { type Applied, QueueApplier, type Runner } from "./queue-applier.ts";
import type { Link, Queueing, QueueMode, QueuePlan } from "./queue-plan.ts";
import { type ClassCount, countsByClass, parseCounters } from "./standing-queues.ts";
import { byClass, type Shares, TRAFFIC_CLASSES, type TrafficClass } from "./traffic-class.ts";
import { planTraffic, type TrafficPlan } from "./traffic-plan.ts";

/** How long what somebody else undid stays undone. */
const CONVERGE_EVERY_MS = 10_000;
const ETHERNET_MTU = 1_500;

export interface TrafficOptions {
  shares: Shares;
  /** "cake": the kernel's own four levels instead of shares, where it has cake. */
  prefer: "auto" | "cake";
  ports: TrafficPorts;
  /** "" where there is no guest network. */
  guestBridge: string;
  vmInterfaces: readonly string[];
  timers: Timers;
  log: Logger;
  /** How programs are run: `tryRun` of src/host/run.ts. */
  run: Runner;
}

export interface LinkTraffic {
  link: string;
  /** "absent": no such interface; "foreign": queued by somebody else; "refused": the kernel would not. */
  state: Applied["state"] | "refused";
  mode: QueueMode;
  kbit: number | undefined;
  /** Only where the mode is "shares". */
  classes: Partial<Record<TrafficClass, ClassCount>>;
}

export interface TrafficStatus {
  /** Bytes sent by every link together since the start. */
  sent: Record<TrafficClass, number>;
  links: LinkTraffic[];
}

/** Keeps who goes first on the box's links. Needs root. */
export class Traffic implements Part {
  readonly name = "traffic";
  private readonly queues: QueueApplier;
  private queueing: Queueing | undefined;
  private links: readonly Link[] = [];
  private tunnelPorts: readonly number[] = [];
  private ports: TrafficPorts;
  /** Links that bear something of ours. */
  private readonly touched = new Set<string>();
  private outcome = new Map<string, LinkTraffic["state"]>();
  private readonly failures = new Map<string, string>();
  private plan: TrafficPlan = { queues: [], marks: [] };
  /** The table that stands, without the tunnels' ports; "" while there is none. */
  private marked = "";
  private markedTunnels = "";
  /** Counted by tables that have been replaced. */
  private carried = parseCounters("");
  /** Sent since the start, as of the last round. */
  private sent = parseCounters("");
  private endRounds: () => Promise<void> = async () => {};

  constructor(private readonly options: TrafficOptions) {
    this.queues = new QueueApplier(options.run);
    this.ports = options.ports;
  }

  async start(): Promise<void> {
    this.queueing = await this.queues.probe();
    await this.converge();
    const failed = (error: unknown) => this.options.log.error({ error }, "traffic");
    this.endRounds = atIntervals(CONVERGE_EVERY_MS, () => this.converge(), failed, this.options.timers);
  }

  async stop(): Promise<void> {
    const endRounds = this.endRounds();
    this.queueing = undefined;
    // A round that is under way ends before anything is taken away.
    await endRounds;
    await this.converge();
    for (const link of this.touched) await this.queues.remove(link);
    this.touched.clear();
    await this.nft(removeMarks);
    this.marked = "";
  }

  /** Tells which links there are now: those that the mesh and the uplinks use, and no port of the guest network. */
  refresh(links: readonly Link[]): Promise<void> {
    this.links = links;
    return this.converge();
  }

  /** UDP ports of the WireGuard tunnels that end here. Nothing but these changes in the kernel. */
  setTunnelPorts(ports: readonly number[]): Promise<void> {
    this.tunnelPorts = [...new Set(ports)].sort((a, b) => a - b);
    return this.converge();
  }

  setPorts(ports: TrafficPorts): Promise<void> {
    this.ports = ports;
    return this.converge();
  }

  async status(): Promise<TrafficStatus> {
    const now = await this.counted();
    const links = this.plan.queues.map(async ({ link, mode, kbit }): Promise<LinkTraffic> => {
      const guests = this.links.find((entry) => entry.name === link)?.guestClasses ?? [];
      const state = this.outcome.get(link) ?? "absent";
      const shares = state === "queued" && mode === "shares";
      return {
        ...{ link, state, mode, kbit },
        classes: shares ? countsByClass(await this.queues.classes(link), guests) : {},
      };
    });
    return { sent: sum(this.carried, now), links: await Promise.all(links) };
  }

  detail(): string {
    const words = { shares: "shared", cake: "four levels", bands: "urgent first", none: "not queued" };
    const each = this.plan.queues
      .filter(({ link }) => this.outcome.get(link) === "queued")
      .map(
        ({ link, mode, kbit }) => `${link} ${words[mode]}${kbit === undefined ? "" : ` at ${kbit} kbit/s`}`,
      );
    if (each.length === 0) return "no link to shape";
    const sent = TRAFFIC_CLASSES.filter((name) => this.sent[name] > 0).map(
      (name) => `${name} ${(this.sent[name] / 1e6).toFixed(1)}`,
    );
    return `${each.join(", ")}${sent.length > 0 ? `; sent, in MB: ${sent.join(", ")}` : ""}`;
  }

  trouble(): string | undefined {
    const texts = [...this.failures].map(([what, text]) => `${what}: ${text}`);
    return texts.length > 0 ? texts.join("; ") : undefined;
  }

  private readonly converge = onceAtATime(async () => {
    if (this.queueing === undefined) return;
    const mtus = await this.queues.mtus();
    const links = this.links.map((link) => ({
      ...link,
      mtu: link.mtu ?? mtus.get(link.name) ?? ETHERNET_MTU,
    }));
    const input = {
      ...{ links, shares: this.options.shares, ports: this.ports, tunnelPorts: this.tunnelPorts },
      ...{ guestBridge: this.options.guestBridge, vmInterfaces: this.options.vmInterfaces },
      ...{ queueing: this.queueing, prefer: this.options.prefer },
    };
    this.plan = planTraffic(input);
    const planned = new Set(links.map((link) => link.name));
    for (const link of this.touched) {
      if (planned.has(link)) continue;
      await this.queues.remove(link);
      this.touched.delete(link);
    }
    // Marks first: a queue that knows no marks would take everything for control.
    await this.attempt("marks", () =>
      this.mark(this.plan.marks, planTraffic({ ...input, tunnelPorts: [] }).marks),
    );
    this.outcome = new Map();
    for (const queue of this.plan.queues) await this.attempt(queue.link, () => this.queue(queue));
    for (const what of this.failures.keys()) {
      if (what !== "marks" && !planned.has(what)) this.failures.delete(what);
    }
    this.sent = sum(this.carried, await this.counted());
  });

  private async queue(plan: QueuePlan): Promise<void> {
    this.outcome.set(plan.link, "refused");
    const applied = await this.queues.apply(plan);
    this.outcome.set(plan.link, applied.state);
    if (applied.state === "queued") {
      this.touched.add(plan.link);
      if (applied.changed) this.options.log.info(`traffic: ${plan.link}: ${plan.mode}`);
    }
    if (applied.state === "foreign") {
      const { kind, handle } = applied.root;
      throw new Error(`queued by somebody else (${kind} ${handle}), left as it is`);
    }
  }

  /**
   * @param commands the whole table; none where no link is marked
   * @param fixed the same without the tunnels' ports
   */
  private async mark(commands: readonly NftCommand[], fixed: readonly NftCommand[]): Promise<void> {
    const wanted = commands.length > 0 ? JSON.stringify(fixed) : "";
    const tunnels = this.tunnelPorts.join();
    const tables = await this.options.run(["nft", "list", "tables"]);
    const stands = tables.stdout.includes(`table inet ${TRAFFIC_TABLE}\n`);
    if (stands === (wanted !== "") && wanted === this.marked) {
      if (stands && tunnels !== this.markedTunnels) await this.nft(tunnelPortCommands(this.tunnelPorts));
    } else {
      if (stands && this.marked !== "") this.carried = sum(this.carried, await this.counted());
      await this.nft(commands.length > 0 ? commands : removeMarks);
    }
    this.marked = wanted;
    this.markedTunnels = tunnels;
  }

  private async counted(): Promise<Record<TrafficClass, number>> {
    const listed = await this.options.run(["nft", "-j", "list", "counters", "table", "inet", TRAFFIC_TABLE]);
    return parseCounters(listed.exitCode === 0 ? listed.stdout : "");
  }

  private async nft(commands: readonly NftCommand[]): Promise<void> {
    const command = ["nft", "-j", "-f", "-"];
    const done = await this.options.run(command, { input: JSON.stringify({ nftables: commands }) });
    if (done.exitCode !== 0) throw new RunError(command, done.exitCode, done.stderr);
  }

  /** What fails is said once, and tried again with the next round. */
  private async attempt(what: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.failures.delete(what);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (this.failures.get(what) !== text) this.options.log.warn({ error }, `traffic: ${what}`);
      this.failures.set(what, text);
    }
  }
}

const sum = (
  a: Record<TrafficClass, number>,
  b: Record<TrafficClass, number>,
): Record<TrafficClass, number> => byClass((name) => a[name] + b[name]);
