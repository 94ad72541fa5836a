import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { uptimeText } from "../../portal/console/status-page.tsx";
import { type AgentWish, shortId } from "../requester/agent/index.ts";
import { type CheckpointHeader, readCheckpointHead } from "../vm/checkpoint/index.ts";
import { leaseMeant } from "./vm-lease.ts";
import { type AgentChoice, agentOf, ownKey, seconds, withAgentOptions } from "./vm-options.ts";
import { askFor } from "./vm-request.ts";

interface CheckpointOptions extends AgentChoice {
  to?: string;
}

export function vmCheckpointCommand(): Command {
  return withAgentOptions(
    new Command("checkpoint")
      .description(
        "stop a virtual machine and keep it, with all that runs in it, to go on later or elsewhere",
      )
      .argument("[lease]", "the beginning of its id, where there are several")
      .option(
        "--to <file>",
        "bring it into a file here, and give the machine back; otherwise its box keeps it",
      )
      .option("--json", "what was saved, as a line of JSON"),
  ).action(checkpoint);
}

async function checkpoint(named: string | undefined, options: CheckpointOptions): Promise<void> {
  const to = options.to === undefined ? undefined : resolve(options.to);
  if (to !== undefined && existsSync(to)) throw new Error(`--to: ${to} is there already`);
  const agent = agentOf(options);
  const { id } = await leaseMeant(agent, named);
  await agent.save(id, to);
  // It is here: its box need not keep the place for it.
  if (to !== undefined) await agent.release(id);
  const header = to === undefined ? undefined : await headerOf(to);
  if (options.json) process.stdout.write(`${JSON.stringify({ id, ...(to === undefined ? {} : { to }) })}\n`);
  else process.stdout.write(savedText(id, to, header));
}

function savedText(id: string, to: string | undefined, header: CheckpointHeader | undefined): string {
  if (to === undefined || header === undefined)
    return `${shortId(id)} is saved with its box, for a day at most. Bring it home with  omerta-box vm checkpoint ${shortId(id)} --to FILE\n`;
  return `${shortId(id)} is in ${to}. It goes on with  omerta-box vm restore ${to} --why WORDS --provider BOX\n`;
}

interface RestoreOptions extends AgentChoice {
  provider?: string;
  for?: number;
  why: string;
  sshKey?: string;
  heardAt?: string;
  acceptInspection?: boolean;
  detach?: boolean;
}

export function vmRestoreCommand(): Command {
  return withAgentOptions(
    new Command("restore")
      .description("have a virtual machine that was saved go on, on any box with the same image")
      .argument("<file>", "what vm checkpoint --to has made")
      .requiredOption("--why <words>", "what it is for, which whoever lends it reads and keeps")
      .option("--provider <box>", "the box that is to lend it, by its address or name")
      .option("--for <time>", "how long; otherwise what was left when it was saved", seconds)
      .option(
        "--ssh-key <file>",
        "a key of your own to log in with; otherwise one is made for this lease alone",
      )
      .option("--heard-at <address>", "where the box reaches this machine, for a box that we cannot reach")
      .option("--accept-inspection", "agree to the operator of the box looking inside")
      .option("--detach", "come back when it can be used, instead of giving it back with Ctrl-C")
      .option("--json", "each step as a line of JSON"),
  ).action(restore);
}

async function restore(file: string, options: RestoreOptions): Promise<void> {
  const path = resolve(file);
  const header = await headerOf(path);
  const durationS = options.for ?? header.leftS;
  if (durationS < 1) throw new Error("nothing was left of its time: say --for");
  const { cpus, memoryMiB, diskMiB } = header.resources;
  const wish: AgentWish = {
    resources: { cpus, memoryMiB, diskMiB },
    ...{ durationS, image: header.image.name, activity: options.why, restore: path },
    acceptsInspection: options.acceptInspection === true,
    isHeld: options.detach !== true,
    ...(options.provider === undefined ? {} : { provider: options.provider }),
    ...(options.heardAt === undefined ? {} : { heardAt: options.heardAt }),
    ...(options.sshKey === undefined ? {} : { key: ownKey(options.sshKey) }),
  };
  if (!options.json)
    process.stdout.write(`${shortId(header.id)} was saved with ${uptimeText(header.leftS)} left\n`);
  await askFor(wish, options);
}

/** @throws Error naming the file */
async function headerOf(path: string): Promise<CheckpointHeader> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === "ENOENT" ? `${path}: there is no such file` : String(error));
  });
  try {
    return (await readCheckpointHead(file)).header;
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : error}`);
  } finally {
    await file.close();
  }
}
