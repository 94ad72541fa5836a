import { afterEach, describe, expect, jest, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Supervised, type SuperviseOptions } from "../../../src/host/supervise.ts";
import { capturedLog } from "../captured-log.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();
const strangers: Bun.Subprocess[] = [];

afterEach(() => {
  for (const child of strangers.splice(0)) child.kill("SIGKILL");
});

/** A process that this test started itself, once it runs what it is to run; it is ended with the test. */
async function spawned(...command: string[]): Promise<Bun.Subprocess> {
  const child = Bun.spawn(command, { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  strangers.push(child);
  while (readFileSync(`/proc/${child.pid}/cmdline`, "utf8") !== `${command.join("\0")}\0`) await Bun.sleep(1);
  return child;
}

function supervised(command: readonly string[], more: Pick<SuperviseOptions, "input" | "onLine"> = {}) {
  const runFolder = scratch();
  const { log, lines, until } = capturedLog();
  const program = new Supervised({ name: "program", command, runFolder, log, ...more });
  return { program, lines, until, pidFile: join(runFolder, "program.pid") };
}

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
};

describe("a supervised program", () => {
  test("runs until it is stopped, with its id in a file as long", async () => {
    const { program, pidFile } = supervised(["sleep", "100"]);
    await program.start();
    const pid = program.pid ?? 0;
    expect(runs(pid)).toBe(true);
    expect(readFileSync(pidFile, "utf8")).toBe(String(pid));
    await program.stop();
    expect(runs(pid)).toBe(false);
    expect(existsSync(pidFile)).toBe(false);
  });

  test("is started again whenever it ends, after waits that grow", async () => {
    const { program, until } = supervised(["sh", "-c", "exit 7"]);
    await program.start();
    const ends = await until(/^program ended/, 3);
    await program.stop();
    expect(ends.map(({ msg }) => msg)).toEqual([
      "program ended (status 7); starting it again in 200 ms",
      "program ended (status 7); starting it again in 400 ms",
      "program ended (status 7); starting it again in 800 ms",
    ]);
  });

  test("that is killed is started again, and the log names the signal", async () => {
    const { program, until } = supervised(["sleep", "100"]);
    await program.start();
    process.kill(program.pid ?? 0, "SIGKILL");
    const [end] = await until(/^program ended/);
    await program.stop();
    expect(end?.msg).toBe("program ended (SIGKILL); starting it again in 200 ms");
  });

  test("is not started again once it is stopped in the wait before that", async () => {
    const { program, until } = supervised(["false"]);
    await program.start();
    await until(/^program ended/);
    await program.stop();
    expect(program.pid).toBeUndefined();
  });

  test("that is not there is said so, and tried again", async () => {
    const { program, lines } = supervised(["no-such-program-at-all"]);
    await program.start();
    expect(lines.some(({ msg }) => msg === "program cannot be started")).toBe(true);
    await program.stop();
  });

  test("is not left running when it is stopped while it is being started", async () => {
    const { program } = supervised(["sleep", "100"]);
    const started = program.start();
    await program.stop();
    await started;
    const pid = program.pid;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    expect(pid).toBeUndefined();
  });

  test("that ignores SIGTERM is killed", async () => {
    const { program, until } = supervised([
      "sh",
      "-c",
      "trap '' TERM; echo ready; while :; do sleep 0.05; done",
    ]);
    await program.start();
    await until(/^ready$/);
    const pid = program.pid ?? 0;
    await program.stop();
    expect(runs(pid)).toBe(false);
  }, 10_000);

  test("has what it prints in the log, line by line, and a line without an end does no harm", async () => {
    const { program, lines, until } = supervised([
      "sh",
      "-c",
      "echo one; echo two >&2; head -c 300000 /dev/zero | tr '\\0' x; echo; echo three; exec sleep 100",
    ]);
    await program.start();
    await until(/^three$/);
    await program.stop();
    const said = lines.map(({ msg }) => msg);
    expect(said).toContain("one");
    expect(said).toContain("two");
    expect(Math.max(...said.map((line) => line.length))).toBeLessThanOrEqual(2_001);
  });
});

describe("the trouble with a supervised program", () => {
  test("is none while it has never ended", async () => {
    const { program } = supervised(["sleep", "100"]);
    await program.start();
    expect(program.trouble).toBeUndefined();
    await program.stop();
  });

  test("is how it ended, with its last words", async () => {
    const { program, until } = supervised(["sh", "-c", "echo first >&2; echo address in use >&2; exit 2"]);
    await program.start();
    const [end] = await until(/^program ended/);
    const { trouble } = program;
    await program.stop();
    expect(trouble).toBe("program ended (status 2): address in use");
    expect(end?.msg).toBe(`${trouble}; starting it again in 200 ms`);
  });

  test("is that it cannot be started at all", async () => {
    const { program } = supervised(["no-such-program-at-all"]);
    await program.start();
    const { trouble } = program;
    await program.stop();
    expect(trouble).toStartWith("program cannot be started: ");
  });

  test("is over once it has run for some seconds again, and not before", async () => {
    const flag = join(scratch(), "ran");
    const { program, until } = supervised([
      "sh",
      "-c",
      `[ -e '${flag}' ] && exec sleep 100; : > '${flag}'; exit 3`,
    ]);
    await program.start();
    await until(/^program ended/);
    while (program.pid === undefined) await Bun.sleep(5);
    expect(program.trouble).toBe("program ended (status 3)");
    const now = performance.now();
    const clock = jest.spyOn(performance, "now").mockImplementation(() => now + 6_000);
    const later = program.trouble;
    clock.mockRestore();
    await program.stop();
    expect(later).toBeUndefined();
  });
});

describe("what a supervised program is given on its standard input", () => {
  test("comes to its end, and is asked for anew at each start", async () => {
    const heard: string[] = [];
    let starts = 0;
    const { program, until } = supervised(["sh", "-c", "cat; exit 1"], {
      input: () => {
        starts += 1;
        return `start ${starts}\n`;
      },
      onLine: (line) => void heard.push(line),
    });
    await program.start();
    await until(/^program ended/, 2);
    await program.stop();
    expect(heard.slice(0, 2)).toEqual(["start 1", "start 2"]);
  });
});

describe("the lines that a supervised program prints on standard output", () => {
  test("go to who asked for them, and what it complains of to the log", async () => {
    const heard: string[] = [];
    const { program, until } = supervised(["sh", "-c", "echo told; echo complained >&2; exec sleep 100"], {
      onLine: (line) => void heard.push(line),
    });
    await program.start();
    await until(/^complained$/);
    while (heard.length === 0) await new Promise(setImmediate);
    await program.stop();
    expect(heard).toEqual(["told"]);
  });
});

describe("what a killed daemon left", () => {
  test("is ended by its id file before the program is started", async () => {
    const left = await spawned("sleep", "100");
    const { program, pidFile } = supervised(["sleep", "100"]);
    writeFileSync(pidFile, String(left.pid));
    await program.start();
    await left.exited;
    expect(left.signalCode).toBe("SIGTERM");
    expect(program.pid).not.toBe(left.pid);
    await program.stop();
  });

  test("is ended also where a wrapper has replaced itself by the program", async () => {
    const left = await spawned("sleep", "100");
    const { program, pidFile } = supervised(["env", "sleep", "100"]);
    writeFileSync(pidFile, String(left.pid));
    await program.start();
    await left.exited;
    expect(left.signalCode).toBe("SIGTERM");
    await program.stop();
  });

  test("is left alone where its id belongs to somebody else's program now", async () => {
    const other = await spawned("sleep", "99");
    const { program, pidFile } = supervised(["sleep", "100"]);
    writeFileSync(pidFile, String(other.pid));
    await program.start();
    expect(runs(other.pid)).toBe(true);
    await program.stop();
  });

  test("is left alone also where somebody else's program has no arguments", async () => {
    const other = await spawned("cat");
    const { program, pidFile } = supervised(["sleep", "100"]);
    writeFileSync(pidFile, String(other.pid));
    await program.start();
    expect(runs(other.pid)).toBe(true);
    await program.stop();
  });

  test.each(["", "no number", "-1", "0", "1", "4194304999", "12.5"])(
    "is nothing when its id file says %j",
    async (text) => {
      const { program, pidFile } = supervised(["sleep", "100"]);
      writeFileSync(pidFile, text);
      await program.start();
      expect(program.pid).toBeNumber();
      await program.stop();
    },
  );
});
