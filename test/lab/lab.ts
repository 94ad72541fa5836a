import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run, tryRun } from "../../src/host/run.ts";

/** Every namespace, folder and process of a lab carries this prefix, so that a later run can find what a crashed one left. */
export const LAB_PREFIX = "omb-";

/** What the labs' processes printed, for whoever looks into a failed test. */
const OUTPUTS = join(import.meta.dir, "../output");

/** Until what a process printed last is read; its children may hold the pipe for longer. */
const LAST_OUTPUT_MS = 250;

/** How many labs of each name this process has closed: each has its own outputs. */
const closed = new Map<string, number>();

/** A process that the lab started and ends. */
export interface LabProcess {
  readonly pid: number;
  /** Once its output is whole; what children of its own may still print is not waited for. */
  readonly exited: Promise<number>;
  /** What it has printed so far, standard output and error together, the last 1 MiB at most. */
  output(): string;
  /** Ends it (SIGTERM, after 3 s SIGKILL) and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface SpawnOptions {
  env?: Record<string, string>;
  cwd?: string;
}

/** One network namespace with a resolv.conf of its own. */
export class LabHost {
  constructor(
    readonly lab: Lab,
    /** The namespace's full name, with prefix. */
    readonly name: string,
  ) {}

  /** The command that runs `command` inside this host's namespace. */
  command(command: readonly string[]): string[] {
    return ["ip", "netns", "exec", this.name, ...command];
  }

  run(command: readonly string[], options: Parameters<typeof run>[1] = {}): Promise<string> {
    return run(this.command(command), options);
  }

  tryRun(command: readonly string[], options: Parameters<typeof run>[1] = {}) {
    return tryRun(this.command(command), options);
  }

  /** Starts a long-running program in this namespace; the lab ends it with itself. */
  spawn(command: readonly string[], options: SpawnOptions = {}): LabProcess {
    return this.lab.spawn(this.command(command), options);
  }

  /** Where this namespace's /etc/resolv.conf lives (`ip netns exec` mounts it over). */
  get resolvConf(): string {
    return `/etc/netns/${this.name}/resolv.conf`;
  }
}

/** Network namespaces made for one test file and removed with all their processes. Needs root. */
export class Lab {
  private readonly hosts: LabHost[] = [];
  private readonly processes: LabProcess[] = [];
  /** A folder for this lab's files, removed at the end. */
  readonly folder: string;
  private readonly prefix: string;

  constructor(name: string) {
    this.prefix = `${LAB_PREFIX}${name}-`;
    this.folder = `/tmp/${LAB_PREFIX}${name}-${process.pid}`;
  }

  /** Removes what an earlier, crashed run of the same lab left behind, then makes the folder. */
  async open(): Promise<this> {
    await this.sweep();
    mkdirSync(this.folder, { recursive: true, mode: 0o755 });
    return this;
  }

  async host(name: string): Promise<LabHost> {
    const host = new LabHost(this, `${this.prefix}${name}`);
    mkdirSync(`/etc/netns/${host.name}`, { recursive: true });
    writeFileSync(host.resolvConf, "");
    await run(["ip", "netns", "add", host.name]);
    await run(["ip", "-n", host.name, "link", "set", "lo", "up"]);
    this.hosts.push(host);
    return host;
  }

  /** Many hosts at once, much faster than one by one. Their resolv.conf is empty. */
  async manyHosts(names: readonly string[]): Promise<LabHost[]> {
    const hosts = names.map((name) => new LabHost(this, `${this.prefix}${name}`));
    for (const host of hosts) {
      mkdirSync(`/etc/netns/${host.name}`, { recursive: true });
      writeFileSync(host.resolvConf, "");
    }
    const timeoutMs = 60_000;
    const added = hosts.map((host) => `netns add ${host.name}\n`).join("");
    await run(["ip", "-batch", "-"], { input: added, timeoutMs });
    this.hosts.push(...hosts);
    await run(["sh", "-e"], {
      input: hosts.map((host) => `ip -n ${host.name} link set lo up\n`).join(""),
      timeoutMs,
    });
    return hosts;
  }

  /** A cable: `a`'s end is named `aName`, `b`'s end `bName`; both are up. */
  async cable(a: LabHost, aName: string, b: LabHost, bName: string): Promise<void> {
    await run([
      "ip",
      "link",
      "add",
      aName,
      "netns",
      a.name,
      "type",
      "veth",
      "peer",
      "name",
      bName,
      "netns",
      b.name,
    ]);
    await run(["ip", "-n", a.name, "link", "set", aName, "up"]);
    await run(["ip", "-n", b.name, "link", "set", bName, "up"]);
  }

  spawn(command: readonly string[], options: SpawnOptions = {}): LabProcess {
    const child = Bun.spawn([...command], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, ...options.env },
      ...(options.cwd ? { cwd: options.cwd } : {}),
    });
    let text = "";
    const collect = async (stream: ReadableStream<Uint8Array>) => {
      const decoder = new TextDecoder();
      for await (const chunk of stream)
        text = (text + decoder.decode(chunk, { stream: true })).slice(-1_048_576);
    };
    const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
    const entry: LabProcess = {
      pid: child.pid,
      exited: child.exited.then(async (code) => {
        await Promise.race([collected, Bun.sleep(LAST_OUTPUT_MS)]);
        return code;
      }),
      output: () => text,
      stop: async (signal = "SIGTERM") => {
        if (child.exitCode !== null || child.signalCode !== null) return void (await entry.exited);
        child.kill(signal);
        const timer = setTimeout(() => child.kill("SIGKILL"), 3_000);
        await entry.exited;
        clearTimeout(timer);
      },
    };
    this.processes.push(entry);
    return entry;
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((process) => process.stop()));
    const outputs = this.processes.map((process) => process.output()).filter((text) => text !== "");
    mkdirSync(OUTPUTS, { recursive: true });
    const number = (closed.get(this.prefix) ?? 0) + 1;
    closed.set(this.prefix, number);
    const file = `${this.prefix}processes${number === 1 ? "" : ` ${number}`}.log`;
    writeFileSync(join(OUTPUTS, file), outputs.join("\n"));
    await this.sweep();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async sweep(): Promise<void> {
    const listed = (await run(["ip", "netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
    const names = listed.filter((name) => name.startsWith(this.prefix));
    for (const name of names) killAllIn(name, await run(["ip", "netns", "pids", name]).catch(() => ""));
    if (names.length > 0) {
      await run(["ip", "-batch", "-"], {
        input: names.map((name) => `netns del ${name}\n`).join(""),
        timeoutMs: 60_000,
      });
    }
    mkdirSync("/etc/netns", { recursive: true });
    for (const entry of readdirSync("/etc/netns", { withFileTypes: true })) {
      if (entry.name.startsWith(this.prefix))
        rmSync(`/etc/netns/${entry.name}`, { recursive: true, force: true });
    }
    for (const entry of readdirSync("/tmp")) {
      if (entry.startsWith(this.prefix) && entry !== this.folder.slice(5)) {
        rmSync(`/tmp/${entry}`, { recursive: true, force: true });
      }
    }
  }
}

function killAllIn(namespace: string, pids: string): void {
  for (const pid of pids.split("\n").map(Number)) {
    if (!Number.isInteger(pid) || pid <= 1) continue;
    try {
      process.kill(pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") {
        throw new Error(`cannot end process ${pid} of ${namespace}: ${error}`);
      }
    }
  }
}

/** Waits until `probe` gives something other than undefined, false or null. @throws after `timeoutMs`, with what was waited for. */
export async function until<T>(
  what: string,
  probe: () => Promise<T | undefined | false | null> | T | undefined | false | null,
  timeoutMs = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false && value !== null) return value;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await Bun.sleep(25);
  }
}

/** The last lines of a file, or nothing when it is not there. */
export function tail(path: string, lines = 20): string {
  try {
    return readFileSync(path, "utf8").split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}
