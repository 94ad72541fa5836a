import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import { isFlashed } from "../first-boot/flashed.ts";
import { CONTROL_SOCKET, DEFAULT_STATE, defaultRunFolder } from "../host/box-places.ts";
import { EXIT } from "./exit.ts";

/** Which running box is meant. */
export interface ControlOptions {
  mode: "bench" | "device";
  run?: string;
  state?: string;
  json?: boolean;
}

/** Which box is meant where nobody says: on a flashed one there is no other. */
export const usualMode = (): ControlOptions["mode"] => (isFlashed() ? "device" : "bench");

/** The options by which a command finds a running box. @param mode which one is meant unless another is named */
export function withControlOptions(command: Command, mode: ControlOptions["mode"] = usualMode()): Command {
  return command
    .option("--json", "for machines")
    .addOption(new Option("--mode <mode>", "which box is meant").choices(["bench", "device"]).default(mode))
    .option("--state <folder>", "the state folder of the box that is meant")
    .option("--run <folder>", "the run folder of the box that is meant");
}

const TIMEOUT_MS = 5_000;

/** A request to a running box. */
export interface BoxRequest {
  /** The name of its socket in the run folder. */
  socket: string;
  path: string;
  method?: "GET" | "POST" | "DELETE";
  body?: unknown;
  timeoutMs?: number;
}

/** Asks a running box over its control socket; see {@link ask}. */
export const askBox = async <T>(
  path: string,
  options: ControlOptions,
  body?: unknown,
): Promise<T | undefined> => (await ask<T>(options, { socket: CONTROL_SOCKET, path, body }))?.answer;

/** Asks a running box over one of its sockets. @returns undefined when none is running here, which has been said then. @throws Error when it fails */
export async function ask<T>(
  options: ControlOptions,
  request: BoxRequest,
): Promise<{ ok: boolean; answer: T } | undefined> {
  const { socket: name, path, body, timeoutMs = TIMEOUT_MS } = request;
  const state = resolve(options.state ?? DEFAULT_STATE[options.mode]);
  const socket = join(options.run ?? defaultRunFolder(options.mode, state), name);
  let response: Response;
  try {
    response = await fetch(`http://box${path}`, {
      unix: socket,
      signal: AbortSignal.timeout(timeoutMs),
      method: request.method ?? (body === undefined ? "GET" : "POST"),
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError")
      throw new Error(`the box does not answer within ${timeoutMs / 1000} s (${socket})`);
    process.stderr.write(`omerta-box: no box is running here (${socket} does not answer)\n`);
    process.exitCode = EXIT.notRunning;
    return undefined;
  }
  // What is refused is answered in JSON too.
  if (!(response.headers.get("content-type") ?? "").includes("json"))
    throw new Error(`the box answers ${response.status}: ${(await response.text()).slice(0, 200)}`);
  return { ok: response.ok, answer: (await response.json()) as T };
}
