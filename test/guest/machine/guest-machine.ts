import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { RunError, type RunOptions, type RunResult } from "../../../src/host/run.ts";
import type { LabProcess } from "../../lab/lab.ts";
import { AgentLine } from "./agent-line.ts";
import { machineImage, PROJECT } from "./machine-image.ts";
import { qemuCommand } from "./qemu-command.ts";

/** Every folder of a machine, and so its command line, carries this prefix. */
const PREFIX = "/tmp/omb-guest-";
const OUTPUTS = join(PROJECT, "test/output");
const BOOT_TIMEOUT_MS = 400_000;
/** Programs are some ten times slower in emulation, and a hundred times where others need the processors too. */
const RUN_TIMEOUT_MS = 120_000;
/** How much longer than its own time-out a program may take to be reported, before the machine counts as hung. */
const REPORT_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 5_000;
const OUTPUT_CHARACTERS = 1_048_576;

export interface MachineOptions {
  /** Default: 1536. */
  memoryMiB?: number;
  /** Default: 2. */
  processors?: number;
  /** As in {@link QemuOptions}. Default: the machine's clock goes with the test's. */
  instructionNs?: number;
}

export interface MachineRunOptions extends RunOptions {
  /** A network namespace of the machine. */
  namespace?: string;
}

export type MachineSpawnOptions = Omit<MachineRunOptions, "timeoutMs" | "input">;

/**
 * A computer of its own, emulated (QEMU's TCG, so that it runs anywhere): Debian's full kernel and programs, radios of
 * mac80211_hwsim, this project's tree at `/project`, read-only, with its `bun` in PATH. All else that is written
 * there is in memory and gone with it. See the README beside this folder.
 */
export class GuestMachine {
  private readonly bundles = new Map<string, Promise<string>>();

  private constructor(
    readonly name: string,
    /** A folder of this machine that is `/results` in the emulated one: for files, both ways. */
    readonly results: string,
    /** Seconds from the kernel's start to the first command. */
    readonly uptimeS: number,
    private readonly line: AgentLine,
    private readonly qemu: Bun.Subprocess,
    private readonly folder: string,
  ) {}

  /**
   * Boots a machine: seconds, and a minute or two more where the image has to be built first. What a crashed run of the
   * same name left behind is removed.
   * @param name of the test file; no two machines at the same time have the same
   * @throws {Error} with the end of its console when it does not come up
   */
  static async start(name: string, options: MachineOptions = {}): Promise<GuestMachine> {
    const folder = `${PREFIX}${name}-${process.pid}`;
    sweep(name);
    const image = await machineImage();
    const results = join(folder, "results");
    mkdirSync(results, { recursive: true, mode: 0o700 });
    const socket = join(folder, "agent.sock");
    const console = join(folder, "console.log");
    const line = new AgentLine(socket, () => lastLines(console));
    // Should this process end without a word, the machine's line is closed, and QEMU killed by the kernel.
    const qemu = Bun.spawn(
      [
        "setpriv",
        "--pdeathsig=KILL",
        ...qemuCommand({ image, project: PROJECT, results, socket, console, ...options }),
      ],
      { stdin: "ignore", stdout: "ignore", stderr: Bun.file(join(folder, "qemu.log")) },
    );
    const late = setTimeout(
      () => line.close(new Error(`the machine has not booted in ${BOOT_TIMEOUT_MS} ms`)),
      BOOT_TIMEOUT_MS,
    );
    void qemu.exited.then((status) => line.close(new Error(`QEMU has ended with ${status}`)));
    try {
      const { uptimeS } = await line.ready;
      return new GuestMachine(name, results, uptimeS, line, qemu, folder);
    } catch (error) {
      qemu.kill("SIGKILL");
      await qemu.exited;
      const said = [console, join(folder, "qemu.log")].map((file) => lastLines(file)).join("\n");
      rmSync(folder, { recursive: true, force: true });
      throw new Error(`${name}: ${error instanceof Error ? error.message : error}\n${said}`);
    } finally {
      clearTimeout(late);
    }
  }

  /** Runs a program in the machine and returns its standard output. @throws {RunError} unless it exits with 0 */
  async run(command: readonly string[], options: MachineRunOptions = {}): Promise<string> {
    const result = await this.tryRun(command, options);
    if (result.exitCode !== 0) throw new RunError(command, result.exitCode, result.stderr || result.stdout);
    return result.stdout;
  }

  /** Runs lines of shell (`sh -e`): one request where many small ones would be slow. @throws {RunError} */
  shell(script: string, options: Omit<MachineRunOptions, "input"> = {}): Promise<string> {
    return this.run(["sh", "-e"], { ...options, input: script });
  }

  /**
   * Runs a program in the machine to its end, whatever its exit status; 137 where it was killed for its time-out,
   * with all that it started, and then its errors say what the machine was at. Default for that: 120,000 ms.
   */
  tryRun(command: readonly string[], options: MachineRunOptions = {}): Promise<RunResult> {
    const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
    const { input, env, cwd, timeoutMs = RUN_TIMEOUT_MS } = options;
    const printed = { stdout: "", stderr: "" };
    const id = this.line.start(
      { command: inside(command, options), input, env, cwd, timeoutMs },
      {
        started: () => {},
        printed: (stream, text) => {
          printed[stream] += text;
        },
        ended: (exitCode) => resolve({ exitCode, ...printed }),
        lost: reject,
      },
    );
    const hung = setTimeout(() => {
      this.line.forget(id);
      reject(new Error(`${this.name} does not answer: ${command.join(" ")}\n${this.consoleTail()}`));
    }, timeoutMs + REPORT_TIMEOUT_MS);
    return promise.finally(() => clearTimeout(hung));
  }

  /** Starts a program that runs on; the machine's end is its end. @throws {Error} when it cannot be started */
  async spawn(command: readonly string[], options: MachineSpawnOptions = {}): Promise<LabProcess> {
    const began = Promise.withResolvers<number>();
    const exit = Promise.withResolvers<number>();
    let text = "";
    const id = this.line.start(
      {
        command: inside(command, options),
        input: undefined,
        env: options.env,
        cwd: options.cwd,
        timeoutMs: undefined,
      },
      {
        started: began.resolve,
        printed: (_, more) => {
          text = (text + more).slice(-OUTPUT_CHARACTERS);
        },
        ended: (exitCode) => {
          began.reject(new Error(`${command.join(" ")} has not started: ${text}`));
          exit.resolve(exitCode);
        },
        lost: (reason) => {
          began.reject(reason);
          exit.resolve(1);
        },
      },
    );
    const pid = await began.promise;
    return {
      pid,
      exited: exit.promise,
      output: () => text,
      stop: async (signal = "SIGTERM") => {
        this.line.signal(id, signal);
        const kill = setTimeout(() => this.line.signal(id, "SIGKILL"), STOP_TIMEOUT_MS);
        const hung = setTimeout(
          () => this.line.close(new Error(`${command[0]} cannot be ended\n${this.consoleTail()}`)),
          STOP_TIMEOUT_MS + REPORT_TIMEOUT_MS,
        );
        await exit.promise;
        clearTimeout(kill);
        clearTimeout(hung);
      },
    };
  }

  async write(path: string, text: string): Promise<void> {
    await this.run(["sh", "-c", 'cat >"$1"', "sh", path], { input: text });
  }

  /**
   * Puts a program of this project and all that it imports into one file: it loads in 5 s where the more than hundred
   * of batman-adv's part take 14 s the first time. Not for what looks for files beside itself.
   * @param program its path in the project
   * @returns its path in the machine
   * @throws {AggregateError} when something that it imports is missing
   */
  bundle(program: string): Promise<string> {
    const known = this.bundles.get(program);
    if (known !== undefined) return known;
    const made = Bun.build({
      entrypoints: [join(PROJECT, program)],
      outdir: this.results,
      target: "bun",
    }).then(() => `/results/${basename(program, ".ts")}.js`);
    this.bundles.set(program, made);
    return made;
  }

  /** Makes a network namespace with its `lo` up and an empty resolv.conf. */
  async host(name: string): Promise<MachineHost> {
    const [host] = await this.hosts([name]);
    if (host === undefined) throw new Error("no host was made");
    return host;
  }

  /** Many at once: much faster than one by one. */
  async hosts(names: readonly string[]): Promise<MachineHost[]> {
    const lines = names.map(
      (name) =>
        `ip netns add ${name}; ip -n ${name} link set lo up; mkdir -p /etc/netns/${name}; : >/etc/netns/${name}/resolv.conf`,
    );
    await this.shell(lines.join("\n"), { timeoutMs: 5_000 + 2_000 * names.length });
    return names.map((name) => new MachineHost(this, name));
  }

  /** The last lines of the machine's console, the kernel's among them. */
  consoleTail(): string {
    return lastLines(join(this.folder, "console.log"));
  }

  /** Ends it. Its console stays in test/output. */
  async stop(): Promise<void> {
    this.line.close(new Error(`${this.name} is stopped`));
    this.qemu.kill("SIGKILL");
    await this.qemu.exited;
    mkdirSync(OUTPUTS, { recursive: true });
    await copyFile(join(this.folder, "console.log"), join(OUTPUTS, `guest ${this.name} console.log`));
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A network namespace of a machine. The same methods as a lab's host. */
export class MachineHost {
  constructor(
    readonly machine: GuestMachine,
    readonly name: string,
  ) {}

  run(command: readonly string[], options: Omit<MachineRunOptions, "namespace"> = {}): Promise<string> {
    return this.machine.run(command, { ...options, namespace: this.name });
  }

  tryRun(command: readonly string[], options: Omit<MachineRunOptions, "namespace"> = {}): Promise<RunResult> {
    return this.machine.tryRun(command, { ...options, namespace: this.name });
  }

  shell(script: string, options: Omit<MachineRunOptions, "namespace" | "input"> = {}): Promise<string> {
    return this.machine.shell(script, { ...options, namespace: this.name });
  }

  spawn(
    command: readonly string[],
    options: Omit<MachineSpawnOptions, "namespace"> = {},
  ): Promise<LabProcess> {
    return this.machine.spawn(command, { ...options, namespace: this.name });
  }
}

function inside(command: readonly string[], { namespace }: { namespace?: string }): readonly string[] {
  return namespace === undefined ? command : ["ip", "netns", "exec", namespace, ...command];
}

/** Ends QEMUs and removes folders of machines of this name whose tests are gone. */
function sweep(name: string): void {
  const own = new RegExp(`^${PREFIX}${name}-(\\d+)$`);
  for (const entry of readdirSync("/tmp")) {
    const folder = `/tmp/${entry}`;
    const pid = own.exec(folder)?.[1];
    if (pid === undefined || commandLine(Number(pid)) !== "") continue;
    const file = join(folder, "qemu.pid");
    const qemu = existsSync(file) ? Number(readFileSync(file, "utf8")) : Number.NaN;
    if (Number.isInteger(qemu) && commandLine(qemu).includes(`${folder}/`)) process.kill(qemu, "SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** "" where there is no such process, or it has ended and nobody has taken leave of it. */
function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

function lastLines(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(-60).join("\n") : "";
}
