import { expect } from "bun:test";

export interface KillMoment {
  /** What it says before it is killed, in lines; undefined: it is killed some time after its start. */
  lines: number | undefined;
  /** So long after the last of those lines, or after the start. */
  ms: number;
}

/**
 * Runs a program until SIGKILL, in the middle of what it does. By what it has said and not by a time alone, so that on a slow
 * medium it has come to something too.
 * @returns the whole lines that it said until then
 */
export async function saidUntilKilled(
  command: readonly string[],
  { lines, ms }: KillMoment,
): Promise<string[]> {
  const child = Bun.spawn([...command], { stdout: "pipe", stderr: "pipe" });
  const errors = new Response(child.stderr).text();
  const kill = () => setTimeout(() => child.kill("SIGKILL"), ms);
  let isDue = lines === undefined;
  if (isDue) kill();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (isDue || text.split("\n").length <= (lines ?? 0)) continue;
    isDue = true;
    kill();
  }
  await child.exited;
  expect(await errors).toBe("");
  expect(child.signalCode).toBe("SIGKILL");
  return text.split("\n").slice(0, -1);
}
