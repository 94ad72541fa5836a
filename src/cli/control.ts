import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { defaultRunFolder } from "../main.ts";
import { CONTROL_SOCKET } from "../portal/index.ts";
import { EXIT } from "./exit.ts";
import { DEFAULT_STATE } from "./run.ts";

/** Which running box is meant. */
export interface ControlOptions {
  mode: "bench" | "device";
  run?: string;
  state?: string;
  json?: boolean;
}

/** The options by which a command finds a running box. */
export function withControlOptions(command: Command): Command {
  return command
    .option("--json", "for machines")
    .addOption(
      new Option("--mode <mode>", "which box is meant").choices(["bench", "device"]).default("bench"),
    )
    .option("--state <folder>", "the state folder of the box that is meant")
    .option("--run <folder>", "the run folder of the box that is meant");
}

/** Asks a running box over its socket. @returns undefined when none is running here, which has been said then */
export async function askBox<T>(
  path: string,
  options: ControlOptions,
  body?: unknown,
): Promise<T | undefined> {
  const state = resolve(options.state ?? DEFAULT_STATE[options.mode]);
  const socket = join(options.run ?? defaultRunFolder(options.mode, state), CONTROL_SOCKET);
  try {
    const response = await fetch(`http://box${path}`, {
      unix: socket,
      signal: AbortSignal.timeout(5_000),
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    return (await response.json()) as T;
  } catch {
    process.stderr.write(`omerta-box: no box is running here (${socket} does not answer)\n`);
    process.exitCode = EXIT.notRunning;
    return undefined;
  }
}
