import { spyOn } from "bun:test";
import { runCommandLine } from "../../../src/cli/command-line.ts";

/** Runs a command within this process, which is much faster than in one of its own. */
export async function runHere(...args: string[]) {
  const written = { stdout: "", stderr: "" };
  const spies = (["stdout", "stderr"] as const).map((name) =>
    spyOn(process[name], "write").mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  try {
    process.exitCode = 0;
    await runCommandLine(args);
    return { exitCode: process.exitCode, ...written };
  } finally {
    process.exitCode = 0;
    for (const spy of spies) spy.mockRestore();
  }
}
