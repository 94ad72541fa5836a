import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { makeOwnFolder } from "../../host/own-folder.ts";
import { bunCommand } from "../../host/own-program.ts";
import { type AgentFolders, agentLock, agentLog, agentSocket, stateFile } from "./agent-folders.ts";
import {
  type AgentLine,
  type AgentList,
  type AgentWish,
  agentAccess,
  agentLine,
  agentList,
  agentProxy,
  agentRefusal,
  MAX_LINE_BYTES,
} from "./agent-wire.ts";
import { LineReader } from "./line-reader.ts";
import type { SshAccess } from "./ssh-access.ts";

/** What the agent says no to, or why it cannot be asked. */
export class AgentClientError extends Error {
  override readonly name = "AgentClientError";
  constructor(
    message: string,
    /** Of the lease request, where that is what is wrong. */
    readonly field?: string,
  ) {
    super(message);
  }
}

/** A VPN is made meanwhile, in a minute at most where the kernel has to load much. */
const START_TIMEOUT_MS = 60_000;
const START_POLL_MS = 50;
const TIMEOUT_MS = 90_000;
/** A machine's whole memory, over a slow line. */
const SAVE_TIMEOUT_MS = 6 * 3_600_000;

/** A command's way to the requester's agent, which it starts where none runs. */
export class AgentClient {
  constructor(private readonly folders: AgentFolders) {}

  /** Whether there was ever something to do for an agent here. */
  get hasState(): boolean {
    return existsSync(stateFile(this.folders));
  }

  async list(): Promise<AgentList> {
    return this.ask(agentList, "/v1/leases");
  }

  /** @returns the steps of the new lease until its end, or until the agent's */
  request(wish: AgentWish, stop?: AbortSignal): Promise<AsyncGenerator<AgentLine>> {
    return this.steps("/v1/leases", { method: "POST", body: JSON.stringify(wish) }, stop);
  }

  /** @param isHolder see `Follower` */
  follow(lease: string, isHolder: boolean, stop?: AbortSignal): Promise<AsyncGenerator<AgentLine>> {
    return this.steps(`/v1/leases/${lease}/steps?held=${isHolder}`, {}, stop);
  }

  /** Returns at once; see {@link follow}. */
  async release(lease: string): Promise<void> {
    await this.call(`/v1/leases/${lease}/release`, { method: "POST" });
  }

  /** @param to where it is brought; undefined: it stays with its box */
  async save(lease: string, to: string | undefined): Promise<void> {
    await this.call(`/v1/leases/${lease}/checkpoint`, {
      ...{ method: "POST", body: JSON.stringify({ to }) },
      signal: AbortSignal.timeout(SAVE_TIMEOUT_MS),
    });
  }

  access(lease: string): Promise<SshAccess> {
    return this.ask(agentAccess, `/v1/leases/${lease}/access`);
  }

  proxy(lease: string, port: number): Promise<z.output<typeof agentProxy>> {
    return this.ask(agentProxy, `/v1/leases/${lease}/proxy?port=${port}`);
  }

  /** For whatever else an agent answers. @throws {AgentClientError} */
  async ask<T>(form: z.ZodType<T>, path: string, init: RequestInit = {}): Promise<T> {
    const response = await this.call(path, init);
    const { data, error } = form.safeParse(await response.json().catch(() => undefined));
    if (error) throw new AgentClientError("the agent answers in another way than this version expects");
    return data;
  }

  private async call(path: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    return refusedOr(await this.reach(path, { signal, ...init }));
  }

  private async steps(
    path: string,
    init: RequestInit,
    stop: AbortSignal | undefined,
  ): Promise<AsyncGenerator<AgentLine>> {
    const response = await refusedOr(await this.reach(path, { ...init, ...(stop ? { signal: stop } : {}) }));
    return linesOf(response);
  }

  /** Asks whoever listens; where nobody does, an agent is started first. */
  private async reach(path: string, init: RequestInit): Promise<Response> {
    const once = () => fetchAgent(agentSocket(this.folders), path, init);
    const answer = await once();
    if (answer) return answer;
    const deadline = performance.now() + START_TIMEOUT_MS;
    let child = this.start();
    while (performance.now() < deadline) {
      const later = await once();
      if (later) return later;
      await Bun.sleep(START_POLL_MS);
      // Another that ends just now had the lock still; or this one was no agent for long.
      if (child.exitCode === null) continue;
      if (child.exitCode !== LOCKED)
        throw new AgentClientError(`the agent has not started; its log is ${agentLog(this.folders)}`);
      child = this.start();
    }
    throw new AgentClientError(`the agent does not answer; its log is ${agentLog(this.folders)}`);
  }

  private start(): Bun.Subprocess {
    const { state, run } = this.folders;
    mkdirSync(state, { recursive: true, mode: 0o700 });
    makeOwnFolder(run, 0o700);
    const log = openSync(agentLog(this.folders), "a", 0o600);
    // One at a time: the kernel takes the lock away with the process, however that ends (flock(1)).
    const lock = ["flock", "--no-fork", "--nonblock", `--conflict-exit-code=${LOCKED}`];
    const program = [...bunCommand(join(import.meta.dir, "agent-process.ts")), state, run];
    const child = Bun.spawn(["sh", "-c", AGAIN, "sh", ...lock, agentLock(this.folders), ...program], {
      ...{ cwd: "/", stdin: "ignore", stdout: log, stderr: log },
      // A session of its own: a terminal that is closed is not its end.
      detached: true,
    });
    closeSync(log);
    child.unref();
    return child;
  }
}

/**
 * Starts it anew when a signal has ended it, as a machine's last memory does: what is borrowed would be lost after 15 s. Not
 * for ever, should it be its own fault.
 */
const AGAIN = `
for try in 1 2 3 4 5 6 7 8 9 10; do
  "$@"
  status=$?
  [ $status -gt 128 ] || exit $status
  sleep 1
done
`;

/** By this flock(1) says that somebody else has it. */
const LOCKED = 75;

/** What Bun says where there is no socket, or one that a killed agent has left. */
const NOBODY = new Set(["ConnectionRefused", "FailedToOpenSocket", "ECONNREFUSED", "ENOENT"]);

/** @returns undefined when nobody listens */
async function fetchAgent(socket: string, path: string, init: RequestInit): Promise<Response | undefined> {
  if (!existsSync(socket)) return undefined;
  try {
    // Bun ends an exchange in which nothing came for five minutes, unless it is told otherwise; its types do not know.
    const patience: object = { timeout: false };
    return await fetch(`http://agent${path}`, { ...init, ...patience, unix: socket });
  } catch (error) {
    if (init.signal?.aborted) throw new AgentClientError("the agent has not answered in time");
    const { code } = error as NodeJS.ErrnoException;
    // One that ends just now is as none, but for a wish: whether that was taken is not known.
    if (NOBODY.has(code ?? "") || init.body === undefined) return undefined;
    throw new AgentClientError(`the agent ended while it was asked (${code ?? String(error)})`);
  }
}

async function refusedOr(response: Response): Promise<Response> {
  if (response.ok) return response;
  const { data } = agentRefusal.safeParse(await response.json().catch(() => undefined));
  throw new AgentClientError(data?.error ?? `the agent answers ${response.status}`, data?.field);
}

async function* linesOf(response: Response): AsyncGenerator<AgentLine> {
  const reader = new LineReader(MAX_LINE_BYTES);
  try {
    for await (const chunk of response.body ?? [])
      for (const text of reader.take(chunk)) {
        const { data, error } = agentLine.safeParse(parsedOr(text));
        if (error) throw new AgentClientError("the agent tells in another way than this version expects");
        yield data;
      }
  } catch (error) {
    if (error instanceof AgentClientError) throw error;
    // It was killed, or who reads has stopped: either way there is no more.
  }
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
