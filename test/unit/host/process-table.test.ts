import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  commandLineOf,
  isProcess,
  killProcess,
  parseCommandLine,
  parseProcess,
  processesBy,
  processOf,
  processTable,
} from "../../../src/host/process-table.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

/** The first 22 fields of /proc/PID/stat (proc_pid_stat(5)): the 22nd is when it started. */
const stat = (name: string, state = "S", startTicks = "4711") =>
  `7 (${name}) ${state} 1 7 7 0 -1 4194560 105 0 0 0 1 2 0 0 20 0 1 0 ${startTicks} 2461696 231\n`;

type Files = Partial<Record<"stat" | "cmdline" | "cgroup", string>>;

/** A /proc with these processes, whose network namespaces are files as namespaces are. */
function procWith(processes: Record<string, Files & { netns?: string }>): string {
  const proc = scratch();
  for (const name of ["self", "sys", "12abc", "meminfo"]) mkdirSync(join(proc, name));
  for (const [pid, { netns, ...files }] of Object.entries(processes)) {
    mkdirSync(join(proc, pid, "ns"), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(proc, pid, name), text);
    if (netns !== undefined) symlinkSync(netns, join(proc, pid, "ns", "net"));
  }
  return proc;
}

describe("what the kernel's files say of a process", () => {
  test("is its words, an empty one among them, its start and its groups", () => {
    const cmdline = "wg\0set\0\0omt-a\0";
    const cgroup = "3:cpu,cpuacct:/omerta-vms/a\n2:name=systemd:/a:b\n0::/\n";
    expect(parseProcess({ stat: stat("wg"), cmdline, cgroup })).toEqual({
      startTicks: "4711",
      argv: ["wg", "set", "", "omt-a"],
      cgroups: ["/omerta-vms/a", "/a:b", "/"],
    });
  });

  test.each(["a) b", "(", "))", "S 1 2 3", ") Z 1", ""])(
    "is read past a program that is called %j",
    (name) => {
      const found = parseProcess({ stat: stat(name), cmdline: "it\0", cgroup: "" });
      expect(found?.startTicks).toBe("4711");
    },
  );

  test.each([
    ["waits for its parent", { stat: stat("sh", "Z"), cmdline: "sh\0" }],
    ["is being taken away", { stat: stat("sh", "X"), cmdline: "sh\0" }],
    ["is the kernel's own", { stat: stat("kthreadd"), cmdline: "" }],
    ["ended while it was looked at", { stat: "", cmdline: "sh\0" }],
    ["has a broken file", { stat: "7 (sh", cmdline: "sh\0" }],
  ])("is nothing where it %s", (_, files) => {
    expect(parseProcess({ ...files, cgroup: "0::/\n" })).toBeUndefined();
  });

  test("does no harm whatever it is, and a command line comes back as it was", () => {
    const text = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(text, text, text, (one, two, three) => {
        const found = parseProcess({ stat: one, cmdline: two, cgroup: three });
        expect(found?.argv.length).not.toBe(0);
      }),
    );
    const word = fc.string().map((one) => one.replaceAll("\0", ""));
    fc.assert(
      fc.property(fc.array(word), (words) => {
        expect(parseCommandLine(words.map((one) => `${one}\0`).join(""))).toEqual(words);
      }),
    );
  });
});

describe("the table of processes", () => {
  const netns = join(scratch(), "netns");
  writeFileSync(netns, "");
  const sleep = { stat: stat("sleep"), cmdline: "sleep\x00100\0" };
  const proc = procWith({
    "1": { stat: stat("init", "S", "2"), cmdline: "/sbin/init\0", cgroup: "0::/\n", netns },
    "2": { stat: stat("kthreadd"), cmdline: "", cgroup: "" },
    "30": sleep,
    "31": { ...sleep, stat: stat("sleep", "Z") },
    "32": { ...sleep, cmdline: "sleep\x00100\x00\0" },
    // It ended between the look at the folder and that at its files.
    "33": {},
  });

  test("has all that run, each with what is known of it", () => {
    const found = processTable(proc).toSorted((one, other) => one.pid - other.pid);
    expect(found.map(({ pid, argv, netns: number }) => [pid, argv.join(" "), number !== undefined])).toEqual([
      [1, "/sbin/init", true],
      [30, "sleep 100", false],
      [32, "sleep 100 ", false],
    ]);
    expect(found[0]).toMatchObject({ startTicks: "2", cgroups: ["/"] });
    expect(processOf(31, proc)).toBeUndefined();
    expect(processOf(34, proc)).toBeUndefined();
  });

  test("tells those with certain words, and not one with a word more or less", () => {
    expect(
      processesBy((argv) => argv[0] === "sleep" && argv.length === 2, proc).map(({ pid }) => pid),
    ).toEqual(expect.arrayContaining([30, 31]));
    expect(isProcess(30, ["sleep", "100"], proc)).toBe(true);
    expect(isProcess(32, ["sleep", "100"], proc)).toBe(false);
    expect(isProcess(30, ["sleep"], proc)).toBe(false);
    expect(isProcess(34, ["sleep", "100"], proc)).toBe(false);
  });

  test("takes a number without a process, or without words, for no command", () => {
    expect(commandLineOf(34, proc)).toEqual([]);
    expect(isProcess(34, [], proc)).toBe(false);
    expect(isProcess(2, [], proc)).toBe(false);
    expect(processesBy(() => true, proc).map(({ pid }) => pid)).not.toContain(2);
  });

  test("of this machine has this process and another, which is killed only while it is the same", async () => {
    expect(processOf(process.pid)?.argv.length).toBeGreaterThan(0);
    const child = Bun.spawn(["sleep", "1000"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
    // The kernel goes on with the parent before it has the child's words.
    while (!isProcess(child.pid, ["sleep", "1000"])) await Bun.sleep(1);
    const found = processTable().find(({ pid }) => pid === child.pid);
    if (!found) throw new Error("it is not in the table");
    expect(killProcess({ pid: found.pid, startTicks: `${found.startTicks}0` })).toBe(false);
    expect(processOf(found.pid)?.startTicks).toBe(found.startTicks);
    expect(killProcess(found)).toBe(true);
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    expect(killProcess(found)).toBe(false);
  });
});
