import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { AgentClient, agentFolders } from "../requester/agent/index.ts";

/** Which agent is meant; there is one for each state. */
export interface AgentChoice {
  state?: string;
  run?: string;
  json?: boolean;
}

/** The options by which a command finds the requester's agent. */
export function withAgentOptions(command: Command): Command {
  return command
    .option("--state <folder>", "where keys and leases are kept (~/.local/state/omerta-box-requester)")
    .option("--run <folder>", "where the agent's socket is (below $XDG_RUNTIME_DIR; root: below /run)");
}

export const agentOf = (options: AgentChoice): AgentClient => new AgentClient(agentFolders(options));

/** "90s", "10m", "2h", "1d". @returns seconds */
export function seconds(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const factor = { s: 1, m: 60, h: 3_600, d: 86_400 }[unit];
  if (factor === undefined || Number(number) === 0)
    throw new InvalidArgumentError("such as 90s, 10m, 2h or 1d");
  return Number(number) * factor;
}

/** "256" and "256m" are MiB, "2g" are GiB. @returns MiB */
export function mebibytes(text: string): number {
  const [, number = "", unit = ""] = /^(\d{1,8})([mg]?)$/i.exec(text) ?? [];
  if (number === "") throw new InvalidArgumentError("such as 512 for MiB, or 2g for GiB");
  return Number(number) * (unit.toLowerCase() === "g" ? 1_024 : 1);
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("a whole number");
  return Number(text);
}

/** A key of the requester's own. */
export interface OwnKey {
  /** Its public half, as OpenSSH writes it. */
  line: string;
  /** The file that ssh is given: the private half, or the public one of a key that ssh-agent(1) has. */
  identity: string;
}

/** @param file either half of a key @throws Error naming the option */
export function ownKey(file: string): OwnKey {
  const [privateFile, publicFile] = file.endsWith(".pub") ? [file.slice(0, -4), file] : [file, `${file}.pub`];
  let line: string;
  try {
    line = readFileSync(publicFile, "utf8").trim();
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : String(error);
    throw new Error(`--ssh-key: ${publicFile}: ${why}`);
  }
  return { line, identity: resolve(existsSync(privateFile) ? privateFile : publicFile) };
}

/** What a person has to look at when a field of a request is wrong. */
const OPTIONS: Readonly<Record<string, string>> = {
  "request.resources.cpus": "--cpus",
  "request.resources.memoryMiB": "--memory",
  "request.resources.diskMiB": "--disk",
  "request.durationS": "--for",
  "request.image": "--image",
  "request.activity": "--why",
  "request.sshKey": "--ssh-key",
  "request.tunnel.endpoint.address": "--heard-at",
};

/** Why a request does not hold, naming the option. */
export const optionProblem = (field: string, why: string): string => `${OPTIONS[field] ?? field}: ${why}`;
