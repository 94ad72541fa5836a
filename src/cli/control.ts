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

const TIMEOUT_MS = 5_000;

/** Asks a running box over its socket. @returns undefined when none is running here, which has been said then. @throws Error when it fails */
export async function askBox<T>(
  path: string,
  options: ControlOptions,
  body?: unknown,
): Promise<T | undefined> {
  const state = resolve(options.state ?? DEFAULT_STATE[options.mode]);
  const socket = join(options.run ?? defaultRunFolder(options.mode, state), CONTROL_SOCKET);
  let response: Response;
  try {
    response = await fetch(`http://box${path}`, {
      unix: socket,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError")
      throw new Error(`the box does not answer within ${TIMEOUT_MS / 1000} s (${socket})`);
    process.stderr.write(`omerta-box: no box is running here (${socket} does not answer)\n`);
    process.exitCode = EXIT.notRunning;
    return undefined;
  }
  // What is refused is answered in JSON too.
  if (!(response.headers.get("content-type") ?? "").includes("json"))
    throw new Error(`the box answers ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return (await response.json()) as T;
}
