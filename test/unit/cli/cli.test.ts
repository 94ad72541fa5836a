import { describe, expect, test } from "bun:test";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import packageJson from "../../../package.json" with { type: "json" };
import { ENGLISH } from "../../../portal/locales/index.ts";
import { exampleConfig } from "../../../src/config/index.ts";
import { tryRun } from "../../../src/host/run.ts";
import type { LoraView } from "../../../src/lora/index.ts";
import { scratchFolders } from "../scratch.ts";

const CLI = resolve(import.meta.dir, "../../../src/cli/main.ts");
const scratch = scratchFolders();

/** Runs `omerta-box` in a folder of its own. */
const cli = (args: readonly string[], input?: string) =>
  tryRun([process.execPath, CLI, ...args], { cwd: scratch(), ...(input === undefined ? {} : { input }) });

function file(text: string): string {
  const path = join(scratch(), "omerta.toml");
  writeFileSync(path, text);
  return path;
}

describe("omerta-box", () => {
  test("without a command prints its help", async () => {
    const { exitCode, stdout } = await cli([]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Usage: omerta-box");
  });

  test.each([
    [["--help"]],
    [["run", "--help"]],
    [["config", "--help"]],
    [["config", "check", "--help"]],
    [["status", "--help"]],
    [["lora", "--help"]],
    [["lora", "send", "--help"]],
    [["version", "--help"]],
  ])("helps with %p", async (args) => {
    const { exitCode, stdout } = await cli(args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain("Usage: ");
  });

  test("does not show in its help what only itself starts", async () => {
    expect((await cli(["--help"])).stdout).not.toContain("tls-front");
  });

  test.each([
    [["frobnicate"], "unknown command 'frobnicate'"],
    [["--frobnicate"], "unknown option '--frobnicate'"],
    [["status", "--frobnicate"], "unknown option '--frobnicate'"],
    [["config", "check"], "missing required argument 'file'"],
    [["config", "frobnicate"], "unknown command 'frobnicate'"],
    [["run", "--mode", "moon"], "Allowed choices are bench, device"],
    [["run", "--portal-port", "70000"], "a port is 1 to 65535"],
    [["run", "--portal-port", "http"], "a port is 1 to 65535"],
    [["version", "surplus"], "too many arguments"],
    [["lora", "send"], "missing required argument 'text'"],
    [["lora", "send", "water", "--to", "nobody"], "an address is six hex digits"],
    [["lora", "send", "water", "--lifetime", "0"], "more than 0, at most 604800"],
    [["lora", "send", "water", "--priority", "most"], "Allowed choices are sos, check-in"],
  ])("ends with 2 and says why when it is used wrongly: %p", async (args, words) => {
    const { exitCode, stderr, stdout } = await cli(args);
    expect([exitCode, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(words);
  });

  test.each([[["version"]], [["--version"]], [["-V"]]])("says its version: %p", async (args) => {
    const { exitCode, stdout } = await cli(args);
    expect(exitCode).toBe(0);
    expect(stdout).toContain(packageJson.version);
  });

  test("says its version to machines", async () => {
    expect(JSON.parse((await cli(["version", "--json"])).stdout)).toEqual({
      "omerta-box": packageJson.version,
      bun: Bun.version,
    });
  });

  test("status ends with 4 where no box runs", async () => {
    const { exitCode, stdout, stderr } = await cli(["status", "--run", scratch()]);
    expect([exitCode, stdout]).toEqual([4, ""]);
    expect(stderr).toContain("no box is running here");
    expect((await cli(["status", "--json", "--run", scratch()])).exitCode).toBe(4);
  });
});

describe("omerta-box config", () => {
  test("example prints the example, which check finds good", async () => {
    const { exitCode, stdout } = await cli(["config", "example"]);
    expect([exitCode, stdout]).toEqual([0, exampleConfig()]);
    const path = file(stdout);
    expect(await cli(["config", "check", path])).toEqual({
      exitCode: 0,
      stdout: `${path} is good\n`,
      stderr: "",
    });
  });

  test("check reads standard input where that is asked for", async () => {
    expect(await cli(["config", "check", "-"], "[box]\nname = 'Harbour'\n")).toMatchObject({ exitCode: 0 });
    expect(await cli(["config", "check", "-"], "[box]\nnmae = 'Harbour'\n")).toMatchObject({ exitCode: 3 });
  });

  test("check ends with 3 and names everything that is wrong", async () => {
    const path = file("gateway.lease_minutes = 0\nlog.level = 'loud'\n");
    const { exitCode, stdout, stderr } = await cli(["config", "check", path]);
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(stderr).toStartWith(`${path} has 2 problems:\n  gateway.lease_minutes: 0 is not allowed`);
  });

  test("check names it to machines as JSON", async () => {
    const bad = file("gateway.lease_minutes = 0\n");
    const answer = await cli(["config", "check", "--json", bad]);
    expect([answer.exitCode, answer.stderr]).toEqual([3, ""]);
    expect(JSON.parse(answer.stdout)).toEqual({
      file: bad,
      ok: false,
      problems: [{ key: "gateway.lease_minutes", value: "0", allowed: "a whole number from 2 to 1440" }],
    });
    const good = file("");
    expect(JSON.parse((await cli(["config", "check", "--json", good])).stdout)).toEqual({
      file: good,
      ok: true,
      problems: [],
    });
  });

  test("check ends with 1 where there is no such file, for machines too", async () => {
    const { exitCode, stdout, stderr } = await cli(["config", "check", "/no/such/file.toml"]);
    expect([exitCode, stdout]).toEqual([1, ""]);
    expect(stderr).toStartWith("omerta-box: ");
    const answer = await cli(["config", "check", "--json", "/no/such/file.toml"]);
    expect(answer.exitCode).toBe(1);
    expect(JSON.parse(answer.stdout)).toMatchObject({ file: "/no/such/file.toml", ok: false });
  });
});

describe("omerta-box run on the bench", () => {
  test("lets a newcomer see a message cross the virtual air, and its answer come back", async () => {
    const folder = scratch();
    chmodSync(folder, 0o755);
    const [state, runFolder] = [join(folder, "state"), join(folder, "run")];
    const box = Bun.spawn(
      [
        ...[process.execPath, CLI, "run", "--state", state, "--run", runFolder],
        ...["--portal-port", "21180", "--console-port", "21190"],
      ],
      { cwd: folder, stdout: "ignore", stderr: "inherit", stdin: "ignore" },
    );
    const lora = async () => {
      const { stdout } = await cli(["lora", "status", "--json", "--run", runFolder]);
      return stdout === "" ? undefined : (JSON.parse(stdout) as LoraView);
    };
    const waitFor = async (what: (view: LoraView) => string | undefined): Promise<string> => {
      for (;;) {
        const view = await lora();
        const found = view && what(view);
        if (found !== undefined) return found;
        await Bun.sleep(200);
      }
    };
    try {
      const neighbour = await waitFor(({ cases }) => cases[0]?.heard[0]?.address);
      const sent = await cli(["lora", "send", "Water at the school", "--to", neighbour, "--run", runFolder]);
      expect(sent.stdout).toStartWith("Taken on; sent in about ");
      await waitFor(({ texts }) => texts.find(({ fate }) => fate === "arrived")?.text);
      const answer = await waitFor(
        ({ texts }) =>
          texts.find(({ direction, fate }) => direction === "heard" && fate === "to this box")?.text,
      );
      expect(answer).toBe("I have read: Water at the school");
      const { stdout } = await cli(["lora", "status", "--run", runFolder]);
      expect(stdout).toContain(`to ${neighbour} (arrived): Water at the school`);
      expect(stdout).toContain("RNode 1.86");
    } finally {
      box.kill("SIGTERM");
    }
    expect(await box.exited).toBe(0);
  }, 60_000);

  test("boots with a broken configuration, keeps the file, says so to guests and operator, and stops cleanly", async () => {
    const folder = scratch();
    // The portal's process runs as another user and must reach the run folder.
    chmodSync(folder, 0o755);
    const text = "[box]\nname = 'Harbour'\nnmae = 1\n";
    const config = file(text);
    const [state, runFolder] = [join(folder, "state"), join(folder, "run")];
    const box = Bun.spawn(
      [
        ...[process.execPath, CLI, "run", "--config", config, "--state", state, "--run", runFolder],
        ...["--portal-port", "21080", "--console-port", "21090"],
      ],
      { cwd: folder, stdout: "pipe", stderr: "pipe", stdin: "ignore" },
    );
    const status = () => cli(["status", "--json", "--run", runFolder]);
    try {
      let said = "";
      for await (const chunk of box.stdout) {
        said += new TextDecoder().decode(chunk);
        if (said.includes("Press Ctrl-C to stop.")) break;
      }
      const portalUrl = /Portal, as a guest sees it +(\S+)/.exec(said)?.[1] ?? "";
      expect(said).toContain("unknown key");

      const { exitCode, stdout } = await status();
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        mode: "bench",
        name: "Harbour",
        config: { file: config, problems: [{ key: "box.nmae" }] },
        parts: [
          { name: "unexpected errors", state: "running" },
          { name: "virtual air", state: "running" },
          { name: "gateway", state: "running" },
          { name: "messages", state: "running" },
          { name: "portal", state: "running" },
          { name: "lora", state: "running" },
          { name: "time", state: "running" },
          { name: "mesh", state: "running" },
          { name: "console", state: "running" },
        ],
      });

      let page = "";
      while (!page.includes('action="/agree"')) {
        const answer = await fetch(portalUrl).catch(() => undefined);
        page = (await answer?.text()) ?? "";
      }
      expect(page).toContain(ENGLISH.texts["problem.config"].replaceAll("'", "&#39;"));
      expect(readFileSync(config, "utf8")).toBe(text);
    } finally {
      box.kill("SIGTERM");
    }
    expect(await box.exited).toBe(0);
    expect((await status()).exitCode).toBe(4);
  }, 20_000);

  test("goes on after an error that nobody caught and says so, and ends as one that failed when they do not cease", async () => {
    const folder = scratch();
    chmodSync(folder, 0o755);
    const runFolder = join(folder, "run");
    const fault = join(folder, "fault.ts");
    writeFileSync(
      fault,
      `const fail = () => { throw new Error("of a library"); };
       process.on("SIGUSR1", () => setTimeout(fail));
       process.on("SIGUSR2", () => setInterval(fail, 5));`,
    );
    const box = Bun.spawn(
      [
        ...[process.execPath, "--preload", fault, CLI, "run", "--state", join(folder, "state")],
        ...["--run", runFolder, "--portal-port", "21180", "--console-port", "21190"],
      ],
      { cwd: folder, stdout: "pipe", stderr: "pipe", stdin: "ignore" },
    );
    const said = { text: "" };
    const until = async (words: string) => {
      while (!said.text.includes(words)) await Bun.sleep(10);
    };
    const reading = (async () => {
      for await (const chunk of box.stdout) said.text += new TextDecoder().decode(chunk);
    })();
    try {
      await until("Press Ctrl-C to stop.");
      const portals = [...said.text.matchAll(/Portal, as a guest sees it +(\S+)/g)].map(
        ([, url = ""]) => url,
      );
      box.kill("SIGUSR1");
      await until("unexpected error");
      const { stdout } = await cli(["status", "--json", "--run", runFolder]);
      const status = JSON.parse(stdout);
      expect(status.parts[0]).toMatchObject({ name: "unexpected errors", state: "troubled" });
      expect(status.parts[0].detail).toStartWith("Error: of a library");
      const entry = { part: "box", kind: "unexpected-error", subject: "Error: of a library" };
      expect(status.journal).toContainEqual(expect.objectContaining(entry));
      // The neighbour's too.
      expect(await Promise.all(portals.map(async (url) => (await fetch(url)).ok))).toEqual([true, true]);
      box.kill("SIGUSR2");
      expect(await box.exited).toBe(1);
      // Nothing that it started is left behind.
      for (const url of portals) await expect(fetch(url)).rejects.toThrow();
    } finally {
      box.kill("SIGKILL");
    }
    await reading;
    expect(said.text).toContain("the box ends, to be started anew");
  }, 60_000);
});
