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
    const [stdout, stderr, exitCode] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { exitCode, stdout, stderr };
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
