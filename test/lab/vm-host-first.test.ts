import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/host/run.ts";
import { readControllerPlaces, VmsGroup } from "../../src/vm/host-first/index.ts";
import { describeNeeding } from "../needs.ts";
import { Lab, type LabProcess, until } from "./lab.ts";

const GROUP = "omb-vm-first";
/** The job and what stands for virtual machines share one processor, or there would be room for both. */
const PROCESSOR = "0";
const BURNERS = 3;
const TIMEOUT_MS = 180_000;
/**
 * It is told the processes beside it and says how long it took, what it had of the processor and what they had
 * meanwhile, in milliseconds (proc_pid_stat(5): utime and stime, behind the name in brackets).
 */
const JOB = `const { readFileSync } = require("node:fs");
const had = () => process.argv.slice(1).reduce((sum, pid) => {
  const fields = readFileSync("/proc/" + pid + "/stat", "utf8").split(") ").at(-1).split(" ");
  return sum + (Number(fields[11]) + Number(fields[12])) * 10;
}, 0);
const [theirs, from, { user }] = [had(), performance.now(), process.cpuUsage()];
let x = 1;
for (let i = 0; i < 200_000_000; i += 1) x = Math.imul(x, i) ^ i;
console.log(performance.now() - from, (process.cpuUsage().user - user) / 1_000, had() - theirs, x);`;

interface Job {
  wallMs: number;
  ownMs: number;
  /** What those beside it had of the processor meanwhile. */
  theirsMs: number;
}

describeNeeding(["root", "program:taskset"], "the group of all virtual machines", () => {
  const lab = new Lab("vmfirst");
  const group = new VmsGroup(readControllerPlaces(), GROUP);
  const processes: LabProcess[] = [];

  const burner = () => {
    // What a virtual machine is to the kernel: a process that takes all it gets.
    const child = lab.spawn(["taskset", "-c", PROCESSOR, "sh", "-c", "while :; do :; done"]);
    processes.push(child);
    return child;
  };
  const endBurners = async () => {
    await Promise.all(processes.splice(0).map((child) => child.stop("SIGKILL")));
  };
  /** A job of the box's own, with those beside it busy. */
  const job = async (beside: readonly LabProcess[]): Promise<Job> => {
    const pids = beside.map(({ pid }) => String(pid));
    const said = await run(["taskset", "-c", PROCESSOR, process.execPath, "-e", JOB, ...pids], {
      timeoutMs: TIMEOUT_MS,
    });
    const [wallMs = Number.NaN, ownMs = Number.NaN, theirsMs = Number.NaN] = said.split(" ").map(Number);
    return { wallMs, ownMs, theirsMs };
  };

  const leftOver = async () => {
    for (const pid of group.processes()) process.kill(pid, "SIGKILL");
    await until("the group's processes to be gone", () => group.processes().length === 0);
    group.remove();
  };

  beforeAll(async () => {
    await lab.open();
    await leftOver();
  });
  afterAll(async () => {
    await lab.close();
    await leftOver();
  });

  test("is made as often as it is asked for, and says what this kernel keeps to", () => {
    const limits = { memoryMaxMiB: 512, memoryHighMiB: 448 };
    const first = group.apply(limits);
    console.log(JSON.stringify(first));
    expect(group.apply(limits)).toEqual(first);
    const inForce = new Map(first.map(({ aim, means }) => [aim, means]));
    const cpu = group.folder("cpu");
    if (cpu) {
      expect(inForce.get("cpu")).toBeString();
      const idle = join(cpu, "cpu.idle");
      if (existsSync(idle)) expect(readFileSync(idle, "utf8")).toBe("1\n");
    }
    const memory = group.folder("memory");
    if (memory) {
      const [file] = ["memory.max", "memory.limit_in_bytes"]
        .map((name) => join(memory, name))
        .filter(existsSync);
      expect(readFileSync(file ?? "", "utf8")).toBe(`${512 * 1_048_576}\n`);
    }
    // Nothing is claimed that is not so: whatever is not in force says why.
    for (const { means, refused } of first) expect(means !== undefined || refused.length > 0).toBe(true);
    const wider = new Map(
      group.apply({ ...limits, memoryMaxMiB: 600 }).map(({ aim, means }) => [aim, means]),
    );
    if (memory) expect(wider.get("memoryMax")).toBe("at most 600 MiB");
  });

  test("has its processes, and goes when they are gone", async () => {
    group.apply({ memoryMaxMiB: undefined, memoryHighMiB: undefined });
    const child = burner();
    group.join(child.pid);
    expect(group.processes()).toContain(child.pid);
    expect(() => group.remove()).toThrow("cannot be removed");
    await endBurners();
    await until("the group to be empty", () => group.processes().length === 0);
    group.remove();
    expect(existsSync(group.folder("cpu") ?? "/nowhere")).toBe(false);
    group.remove();
  });

  test(
    "leaves the processor to the box's own work, which the same processes outside of it do not",
    async () => {
      const cpu = group
        .apply({ memoryMaxMiB: undefined, memoryHighMiB: undefined })
        .find(({ aim }) => aim === "cpu");
      // A container's kernel may have none to give; then there is nothing to be measured, and the group says so.
      if (!cpu?.means) return expect(cpu?.refused).not.toEqual([]);
      const alone = await job([]);
      const inside = Array.from({ length: BURNERS }, burner);
      for (const { pid } of inside) group.join(pid);
      const beside = await job(inside);
      await endBurners();
      const outside = Array.from({ length: BURNERS }, burner);
      const among = await job(outside);
      await endBurners();
      const ratio = ({ wallMs }: Job) => `${(wallMs / alone.wallMs).toFixed(2)}×`;
      const share = ({ ownMs, theirsMs }: Job) => ownMs / (ownMs + theirsMs);
      const percent = (one: Job) => `${(100 * share(one)).toFixed(1)} %`;
      console.log(
        `a job of ${alone.wallMs.toFixed(0)} ms beside ${BURNERS} busy processes in the group (${cpu.means}): ${ratio(beside)}, and ${percent(beside)} of their processor time; with them outside of it: ${ratio(among)}, and ${percent(among)}`,
      );
      // Whatever else this machine does takes as much from the job as from those beside it: so shares, not times.
      expect(share(beside)).toBeGreaterThan(2 * share(among));
    },
    TIMEOUT_MS,
  );
});
