import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunResult } from "../../../../src/host/run.ts";
import { applyReaping, findDomains } from "../../../../src/vm/reaper/apply-reaping.ts";
import type { Belonging, LeaseObject } from "../../../../src/vm/reaper/belongings.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const lease = "0123456789";
const one = (kind: LeaseObject["kind"], name: string): Belonging => ({ kind, lease, name });

/** Looks on, and answers the same to all. */
function tools(answer: Partial<RunResult> = {}) {
  const done: string[] = [];
  return {
    done,
    run: async (command: readonly string[], options: { input?: string } = {}) => {
      done.push([...command, ...(options.input ?? "").split("\n").filter(Boolean)].join(" "));
      return { exitCode: 0, stdout: "", stderr: "", ...answer };
    },
    closeVolume: async ({ name }: { name: string }) => {
      done.push(`close ${name}`);
      throw new Error("somebody has it open");
    },
  };
}

describe("what is done to end a lease's belongings", () => {
  test("is done in this order, whatever of it fails", async () => {
    const folder = scratch();
    const file = join(folder, "omvm-0123456789.sock");
    mkdirSync(file);
    writeFileSync(join(file, "inside"), "");
    const { done, ...others } = tools({ exitCode: 1 });
    const plan = [
      { kind: "process" as const, lease, name: "qemu-system-x86_64", pid: 4_194_305, startTicks: "1" },
      one("namespace", "omvm-0123456789"),
      one("link", "omt0123456789"),
      one("cgroup", "/nonexistent/omvm-0123456789"),
      one("mount", "/run/x/omvm-0123456789"),
      one("volume", "omvm-0123456789"),
      one("file", file),
      one("file", "/proc/nonexistent/omvm-0123456789"),
      one("domain", "omvm-0123456789"),
    ];
    await applyReaping(plan, "test:///default", others);
    expect(done).toEqual([
      "ip -force -batch - netns del omvm-0123456789 link del omt0123456789",
      "umount --lazy /run/x/omvm-0123456789",
      "close omvm-0123456789",
      "virsh --quiet --connect test:///default destroy omvm-0123456789",
      "virsh --quiet --connect test:///default undefine omvm-0123456789 --managed-save",
    ]);
    expect(existsSync(file)).toBe(false);
  });

  test("is nothing where there is nothing", async () => {
    const { done, ...others } = tools();
    await applyReaping([], "test:///default", others);
    expect(done).toEqual([]);
  });
});

describe("what libvirt knows", () => {
  test("is of a lease only by its exact name, and nothing where libvirt does not answer", async () => {
    const listed = "omvm-0123456789\nwork\nomvm-0123456789a\n  omvm-abcdefabcd \n\n";
    const { run } = tools({ stdout: listed });
    expect((await findDomains("test:///default", run)).map(({ name }) => name)).toEqual([
      "omvm-0123456789",
      "omvm-abcdefabcd",
    ]);
    expect(await findDomains("test:///default", tools({ stdout: listed, exitCode: 1 }).run)).toEqual([]);
  });
});
