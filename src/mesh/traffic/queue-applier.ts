import { RunError, type RunOptions, type RunResult } from "../../host/run.ts";
import { DISCIPLINES, type Queueing, type QueuePlan } from "./queue-plan.ts";
import { parseClasses, parseMtus, parseRoot, parseRootLinks, type StandingRoot } from "./standing-queues.ts";
import { CLASS_TRAITS, classId } from "./traffic-class.ts";

/** Runs a program to its end (src/host/run.ts, tryRun). */
export type Runner = (command: readonly string[], options?: RunOptions) => Promise<RunResult>;

/** What became of a link's plan. */
export type Applied =
  | { state: "queued"; changed: boolean }
  /** There is no such interface now. */
  | { state: "absent" }
  /** Somebody else has set the root, and it is left alone. */
  | { state: "foreign"; root: StandingRoot };

/** Makes links' queues as planned, in place where that is possible, and removes what it made. */
export class QueueApplier {
  /** The lines below the root that were last put in place, by link. */
  private readonly placed = new Map<string, string>();

  constructor(private readonly run: Runner) {}

  /** Tells what the kernel queues with by trying it on an interface made for that. */
  async probe(): Promise<Queueing> {
    const name = "omt-probe";
    await this.run(["ip", "link", "del", name]);
    const refusals: string[] = [];
    for (const kind of ["veth", "dummy", "ifb"]) {
      const made = await this.run(["ip", "link", "add", name, "type", kind]);
      if (made.exitCode === 0) return await this.probeOn(name);
      refusals.push(`${kind}: ${made.stderr.trim()}`);
    }
    throw new Error(`no interface to try queueing disciplines on (${refusals.join("; ")})`);
  }

  private async probeOn(name: string): Promise<Queueing> {
    const has: Record<(typeof DISCIPLINES)[number], boolean> = {
      cake: false,
      htb: false,
      fq_codel: false,
      tbf: false,
      pfifo_fast: false,
    };
    try {
      for (const kind of DISCIPLINES) {
        const options = kind === "tbf" ? ["rate", "1mbit", "burst", "2000", "limit", "10000"] : [];
        const added = await this.run(["tc", "qdisc", "replace", "dev", name, "root", kind, ...options]);
        has[kind] = added.exitCode === 0;
        await this.run(["tc", "qdisc", "del", "dev", name, "root"]);
      }
    } finally {
      await this.run(["ip", "link", "del", name]);
    }
    return has;
  }

  /** @throws {RunError} with tc's own words when the kernel refuses the plan */
  async apply(plan: QueuePlan): Promise<Applied> {
    const root = await this.rootOf(plan.link);
    if (root === undefined) return { state: "absent" };
    const owner = await this.ownerOf(plan.link, root);
    if (owner === "foreign") return { state: "foreign", root };
    if (plan.mode === "none") {
      return { state: "queued", changed: owner === "ours" && (await this.remove(plan.link)) };
    }
    if (owner === "ours" && isOfMode(root, plan) && (await this.changeInPlace(plan))) {
      return { state: "queued", changed: false };
    }
    if (owner !== "kernel") await this.run(["tc", "qdisc", "del", "dev", plan.link, "root"]);
    await this.batch([...plan.root, ...plan.below]);
    this.placed.set(plan.link, plan.below.join("\n"));
    return { state: "queued", changed: true };
  }

  /** Leaves a link as the kernel makes it. @returns whether there was anything of ours */
  async remove(link: string): Promise<boolean> {
    this.placed.delete(link);
    const root = await this.rootOf(link);
    if (root === undefined || (await this.ownerOf(link, root)) !== "ours") return false;
    await this.run(["tc", "qdisc", "del", "dev", link, "root"]);
    return true;
  }

  /** Leaves every link as the kernel makes it that has a root of ours, whoever made it. */
  async removeAll(): Promise<void> {
    for (const link of parseRootLinks((await this.run(["tc", "-j", "qdisc", "show"])).stdout)) {
      await this.remove(link);
    }
  }

  /** The most that one IP packet has, in bytes, by interface. */
  async mtus(): Promise<Map<string, number>> {
    return parseMtus((await this.run(["ip", "-j", "link", "show"])).stdout);
  }

  async classes(link: string): Promise<ReturnType<typeof parseClasses>> {
    return parseClasses((await this.run(["tc", "-s", "class", "show", "dev", link])).stdout);
  }

  /** Classes are changed without a packet lost. @returns whether it went; otherwise all is made anew */
  private async changeInPlace(plan: QueuePlan): Promise<boolean> {
    const text = plan.below.join("\n");
    const wanted = plan.below.filter((line) => line.startsWith("class ")).length;
    if (plan.mode === "shares" && (await this.classes(plan.link)).size > wanted) return false;
    const stands = plan.mode !== "shares" || (await this.classes(plan.link)).size === wanted;
    if (stands && this.placed.get(plan.link) === text) return true;
    try {
      await this.batch(plan.below);
    } catch {
      return false;
    }
    this.placed.set(plan.link, text);
    return true;
  }

  private async rootOf(link: string): Promise<StandingRoot | undefined> {
    const shown = await this.run(["tc", "-j", "qdisc", "show", "dev", link]);
    if (shown.exitCode !== 0) return undefined;
    // An interface that has no discipline at all, not even "noqueue", is one that is not up yet.
    return parseRoot(shown.stdout) ?? { kind: "noop", handle: "0:" };
  }

  /** Whose a root is. The gateway's own root, of a box that ran without the mesh, is a leftover like any of ours. */
  private async ownerOf(
    link: string,
    { kind, handle }: StandingRoot,
  ): Promise<"ours" | "kernel" | "foreign"> {
    if (handle === "0:") return "kernel";
    if (handle === "2:" && OURS_WITHOUT_CLASSES.has(kind)) return "ours";
    if (kind !== "htb" || handle !== "1:") return "foreign";
    const classes = await this.classes(link);
    const known = [classId(CLASS_TRAITS.control.minor), GATEWAY_REST];
    return classes.size === 0 || known.some((id) => classes.has(id)) ? "ours" : "foreign";
  }

  private async batch(lines: readonly string[]): Promise<void> {
    if (lines.length === 0) return;
    const command = ["tc", "-batch", "-"];
    const done = await this.run(command, { input: `${lines.join("\n")}\n` });
    if (done.exitCode !== 0) throw new RunError(command, done.exitCode, done.stderr);
  }
}

/** With "2:" as handle. fq_codel is the gateway's, which queues by itself on a box without the mesh (src/gateway/uplink-shaping.ts). */
const OURS_WITHOUT_CLASSES = new Set(["cake", "pfifo_fast", "fq_codel"]);
/** The class of what is no guest's where the gateway shapes by itself (src/gateway/shaping.ts). */
const GATEWAY_REST = "1:fff";

function isOfMode(root: StandingRoot, plan: QueuePlan): boolean {
  const kinds = { shares: "htb", cake: "cake", bands: "pfifo_fast", none: "" };
  return root.kind === kinds[plan.mode];
}
