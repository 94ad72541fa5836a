import { RunError } from "../../src/host/run.ts";
import type { Progress } from "./progress.ts";

export interface LongRunOptions {
  progress: Progress;
  /** Text for standard input, or what writes to it. */
  input?: string | ((write: (chunk: Uint8Array) => Promise<void>) => Promise<void>);
  env?: Record<string, string>;
  cwd?: string;
  /** Default: ten minutes. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 600_000;
const KEPT_LINES = 60;

/** Runs a program that takes minutes: what it says is shown as it comes, and its end where it fails. @throws {RunError} */
export async function runLong(command: readonly string[], options: LongRunOptions): Promise<void> {
  const { progress, input = "", env, cwd, timeoutMs = TIMEOUT_MS } = options;
  const child = Bun.spawn([...command], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
    timeout: timeoutMs,
    killSignal: "SIGKILL",
    ...(env ? { env: { ...process.env, ...env } } : {}),
    ...(cwd ? { cwd } : {}),
  });
  const kept: string[] = [];
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split(/[\r\n]+/);
      rest = lines.pop() ?? "";
      for (const line of lines.filter((line) => line.trim() !== "")) {
        progress.said(line);
        kept.push(line);
      }
      kept.splice(0, kept.length - KEPT_LINES);
    }
  };
  const write = async () => {
    const { stdin } = child;
    if (typeof input === "string") stdin.write(input);
    else
      await input(async (chunk) => {
        stdin.write(chunk);
        await stdin.flush();
      });
    await stdin.end();
  };
  let failed: unknown;
  const written = write().catch((error: unknown) => {
    // A program that fails reads no further: then its own words count.
    if (isBrokenPipe(error)) return;
    failed = error;
    child.kill("SIGKILL");
  });
  await Promise.all([read(child.stdout), read(child.stderr)]);
  const status = await child.exited;
  await written;
  if (failed !== undefined) throw failed;
  if (status !== 0) throw new RunError(command.slice(0, 1), status, kept.join("\n").slice(-1_900));
}

const isBrokenPipe = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "EPIPE";
