// Runs inside a guest machine and does there what the tests ask for. Standard input and output are its line to them.
import { readFileSync } from "node:fs";
import { type AgentReport, type AgentRequest, lineReader } from "./agent-messages.ts";

/** How long the pipes of a program that has ended are still read: a process that it left behind may hold them. */
const PIPES_TIMEOUT_MS = 2_000;
const LOOK_TIMEOUT_MS = 10_000;
/** All processes and what each waits for, and the kernel's own words on those that wait for the kernel. */
const LOOK = `echo w >/proc/sysrq-trigger
  ps -eo pid,ppid,stat,wchan:24,etimes,args | grep -v ' \\[.*\\]$'
  dmesg | tail -n 30`;

/** The process groups that run, by the request's id. */
const groups = new Map<number, number>();

function report(message: AgentReport): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

async function start(request: Extract<AgentRequest, { kind: "start" }>): Promise<void> {
  const { id, command, input, env, cwd, timeoutMs } = request;
  try {
    const child = Bun.spawn([...command], {
      stdin: input === undefined ? "ignore" : new TextEncoder().encode(input),
      stdout: "pipe",
      stderr: "pipe",
      env: { ...process.env, ...env },
      // So that what it starts ends with it.
      detached: true,
      ...(cwd === undefined ? {} : { cwd }),
    });
    groups.set(id, child.pid);
    report({ kind: "started", id, pid: child.pid });
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => void late(id), timeoutMs);
    const pipes = Promise.all([forward(id, "stdout", child.stdout), forward(id, "stderr", child.stderr)]);
    const exitCode = await child.exited;
    clearTimeout(timer);
    await Promise.race([pipes, Bun.sleep(PIPES_TIMEOUT_MS)]);
    groups.delete(id);
    report({ kind: "ended", id, exitCode });
  } catch (error) {
    report({ kind: "printed", id, stream: "stderr", text: String(error) });
    report({ kind: "ended", id, exitCode: 127 });
  }
}

async function forward(
  id: number,
  stream: "stdout" | "stderr",
  from: ReadableStream<Uint8Array>,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of from) {
    // What comes after the end belongs to nobody any more.
    if (!groups.has(id)) return;
    report({ kind: "printed", id, stream, text: decoder.decode(chunk, { stream: true }) });
  }
}

/** Says what the machine was at when a program was not done in time, then ends that. */
async function late(id: number): Promise<void> {
  const look = Bun.spawn(["sh", "-c", LOOK], { stdin: "ignore", stdout: "pipe", stderr: "ignore" });
  const timer = setTimeout(() => look.kill("SIGKILL"), LOOK_TIMEOUT_MS);
  const text = await new Response(look.stdout).text();
  clearTimeout(timer);
  if (groups.has(id)) report({ kind: "printed", id, stream: "stderr", text: `\nnot done in time:\n${text}` });
  signal(id, "SIGKILL");
}

function signal(id: number, name: string): void {
  const group = groups.get(id);
  if (group === undefined) return;
  try {
    process.kill(-group, name);
  } catch (error) {
    // It has just ended by itself.
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

const read = lineReader((line) => {
  const request = JSON.parse(line) as AgentRequest;
  if (request.kind === "start") void start(request);
  else signal(request.id, request.signal);
});
report({ kind: "ready", uptimeS: Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]) });
for await (const chunk of Bun.stdin.stream()) read(chunk);
process.exit(0);
