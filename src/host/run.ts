/** A program that ended with another status than 0, or that could not be started. */
export class RunError extends Error {
  override readonly name = "RunError";
  constructor(
    readonly command: readonly string[],
    readonly exitCode: number,
    readonly stderr: string,
  ) {
    super(`${command.join(" ")}: exit ${exitCode}${stderr ? `: ${stderr.trim().slice(0, 2000)}` : ""}`);
  }
}

export interface RunOptions {
  /** Text for standard input. */
  input?: string;
  /** Killed with SIGKILL after this long. Default 10,000. */
  timeoutMs?: number;
  env?: Record<string, string>;
  cwd?: string;
}

export interface RunResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** How long the pipes of a program that has ended are still read. */
const PIPES_TIMEOUT_MS = 1_000;

/** Reads a stream as text; what has come so far can be taken before its end. */
function textOf(stream: ReadableStream<Uint8Array>): { ended: Promise<void>; text(): Promise<string> } {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const read = async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
    }
  };
  return {
    ended: read().catch(() => undefined),
    async text() {
      await reader.cancel().catch(() => undefined);
      return text + decoder.decode();
    },
  };
}

/**
 * Runs a program to its end and returns what it printed, whatever its exit status.
 * A program that cannot be started gives exit code 127, as a shell would.
 */
export async function tryRun(command: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  try {
    const child = Bun.spawn([...command], {
      stdin: options.input === undefined ? "ignore" : new TextEncoder().encode(options.input),
      stdout: "pipe",
      stderr: "pipe",
      timeout: options.timeoutMs ?? 10_000,
      killSignal: "SIGKILL",
      ...(options.env ? { env: { ...process.env, ...options.env } } : {}),
      ...(options.cwd ? { cwd: options.cwd } : {}),
    });
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
    const exitCode = await child.exited;
    // A process of its own that it left behind may hold the pipes open for ever.
    await Promise.race([Promise.all([stdout.ended, stderr.ended]), Bun.sleep(PIPES_TIMEOUT_MS)]);
    return { exitCode, stdout: await stdout.text(), stderr: await stderr.text() };
  } catch (error) {
    return { exitCode: 127, stdout: "", stderr: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Runs a program to its end and returns its standard output.
 * @throws {RunError} when it exits with another status than 0.
 */
export async function run(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await tryRun(command, options);
  if (result.exitCode !== 0) throw new RunError(command, result.exitCode, result.stderr);
  return result.stdout;
}
