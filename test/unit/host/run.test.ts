import { describe, expect, test } from "bun:test";
import { RunError, run, tryRun } from "../../../src/host/run.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

describe("trying to run a program", () => {
  test("gives what it printed and its exit status, whatever that is", async () => {
    expect(await tryRun(["sh", "-c", "echo out; echo err >&2; exit 3"])).toEqual({
      exitCode: 3,
      stdout: "out\n",
      stderr: "err\n",
    });
  });

  test("gives 127 for one that is not there, as a shell would", async () => {
    const { exitCode, stdout, stderr } = await tryRun(["no-such-program-at-all"]);
    expect([exitCode, stdout]).toEqual([127, ""]);
    expect(stderr).toContain("no-such-program-at-all");
  });

  test("hands it its input, and an empty one where there is none", async () => {
    expect((await tryRun(["cat"], { input: "grüß dich\n" })).stdout).toBe("grüß dich\n");
    expect((await tryRun(["cat"])).stdout).toBe("");
  });

  test("takes no harm from a program that does not read its input", async () => {
    expect((await tryRun(["true"], { input: "x".repeat(1_000_000) })).exitCode).toBe(0);
  });

  test("sets variables and folder, and leaves the other variables", async () => {
    const folder = scratch();
    const { stdout } = await tryRun(["sh", "-c", 'echo "$WORD" "$PATH"; pwd'], {
      env: { WORD: "here" },
      cwd: folder,
    });
    expect(stdout).toBe(`here ${process.env.PATH}\n${folder}\n`);
  });

  test("reads both outputs at once, so that neither can fill up", async () => {
    const { stdout, stderr } = await tryRun([
      "sh",
      "-c",
      "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero",
    ]);
    expect([stdout.length, stderr.length]).toEqual([300_000, 300_000]);
  });

  test("ends it when its time is over", async () => {
    const before = performance.now();
    const { exitCode } = await tryRun(["sleep", "20"], { timeoutMs: 50 });
    expect(exitCode).not.toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  test("is over when its time is over, also when a grandchild still holds its output", async () => {
    const before = performance.now();
    const { exitCode } = await tryRun(["sh", "-c", "sleep 4; :"], { timeoutMs: 50 });
    expect(exitCode).not.toBe(0);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});

describe("running a program", () => {
  test("gives its standard output", async () => {
    expect(await run(["echo", "hello"])).toBe("hello\n");
  });

  test("that fails throws with the command, its status and its own words", async () => {
    const error = await run(["sh", "-c", "echo 'it broke' >&2; exit 4"]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(RunError);
    expect(error).toMatchObject({ exitCode: 4, stderr: "it broke\n" });
    expect(String(error)).toBe("RunError: sh -c echo 'it broke' >&2; exit 4: exit 4: it broke");
  });

  test("that fails with very many words keeps the message short", async () => {
    const error = await run(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1"]).catch(String);
    expect(error.length).toBeLessThan(2_200);
  });

  test("that is not there throws too", async () => {
    expect(run(["no-such-program-at-all"])).rejects.toThrow("exit 127");
  });
});
