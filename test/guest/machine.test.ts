import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../lab/lab.ts";
import { describeNeeding, GUEST_NEEDS } from "../needs.ts";
import { GuestMachine } from "./machine/guest-machine.ts";
import { PROJECT } from "./machine/machine-image.ts";

describeNeeding(GUEST_NEEDS, "an emulated machine", () => {
  let machine: GuestMachine;
  beforeAll(async () => {
    machine = await GuestMachine.start("machine");
    console.log(`booted after ${machine.uptimeS} s of its own time`);
  }, 600_000);
  afterAll(() => machine?.stop());

  test("runs Debian's own full kernel", async () => {
    expect(await machine.run(["uname", "-r"])).toMatch(/^\d+\.\d+\.\d+-\d+-amd64\n$/);
  });

  test("gives a program its input and tells of its end and all that it printed", async () => {
    expect(await machine.tryRun(["sh", "-c", "cat; echo no >&2; exit 3"], { input: "naïve\n" })).toEqual({
      exitCode: 3,
      stdout: "naïve\n",
      stderr: "no\n",
    });
    expect((await machine.tryRun(["no-such-program"])).exitCode).toBe(127);
  });

  test("carries a megabyte whole", async () => {
    const text = "0123456789abcdef".repeat(65_536);
    expect(await machine.run(["cat"], { input: text })).toBe(text);
  });

  test("ends a program with all that it started when its time is over", async () => {
    const { exitCode } = await machine.tryRun(["sh", "-c", "sleep 1234 & sleep 1234"], { timeoutMs: 1_000 });
    expect(exitCode).toBe(137);
    expect((await machine.tryRun(["pgrep", "-f", "sleep 1234"])).stdout).toBe("");
  });

  test("keeps a program running and ends it when it is told to", async () => {
    const sleeper = await machine.spawn(["sh", "-c", "echo here; exec sleep 1234"]);
    expect((await machine.tryRun(["kill", "-0", String(sleeper.pid)])).exitCode).toBe(0);
    await sleeper.stop();
    expect(await sleeper.exited).toBe(143);
    expect(sleeper.output()).toBe("here\n");
  });

  test("shares the project, which it cannot change, and a folder for results", async () => {
    expect(await machine.run(["cat", "/project/package.json"])).toBe(
      readFileSync(join(PROJECT, "package.json"), "utf8"),
    );
    expect((await machine.tryRun(["touch", "/project/package.json"])).stderr).toContain("Read-only");
    await machine.write("/results/one", "1");
    expect(readFileSync(join(machine.results, "one"), "utf8")).toBe("1");
  });

  test("runs the project's Bun in a network namespace of its own", async () => {
    const host = await machine.host("one");
    const links = "console.log(Object.keys(require('node:os').networkInterfaces()).join())";
    expect(await host.run(["bun", "-e", links])).toBe("lo\n");
    await machine.run(["ip", "netns", "del", "one"]);
  });

  test("goes with its test's process, and the next one of its name removes what is left", async () => {
    const start = `import { GuestMachine } from "${PROJECT}/test/guest/machine/guest-machine.ts";
      console.log((await GuestMachine.start("machine-crash")).results);
      setInterval(() => {}, 1_000);`;
    const crashing = Bun.spawn([process.execPath, "-e", start], { stdout: "pipe", stderr: "inherit" });
    const { value } = await crashing.stdout
      .getReader()
      .read()
      .finally(() => crashing.kill("SIGKILL"));
    const left = join(new TextDecoder().decode(value).trim(), "..");
    const qemu = readFileSync(join(left, "qemu.pid"), "utf8").trim();
    await crashing.exited;
    // In a container nobody may be there to take leave of it.
    const state = () => Bun.spawnSync(["ps", "-o", "stat=", "-p", qemu]).stdout.toString();
    await until("the end of QEMU", () => /^Z|^$/.test(state().trim()));
    expect(existsSync(left)).toBe(true);

    const next = await GuestMachine.start("machine-crash", { memoryMiB: 768 });
    expect(existsSync(left)).toBe(false);
    const waiting = next.run(["sleep", "1000"], { timeoutMs: 1_000_000 }).catch((error: Error) => error);
    // It is over when it is switched off from within, and whoever waits for it is told at once.
    await next.tryRun(["sh", "-c", "echo o >/proc/sysrq-trigger"]).catch(() => undefined);
    expect(String(await waiting)).toContain("ended");
    await next.stop();
    expect(existsSync(join(next.results, ".."))).toBe(false);
  }, 300_000);
});
