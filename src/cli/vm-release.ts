import { Command } from "commander";
import { type AgentClient, type LeaseView, shortId } from "../requester/agent/index.ts";
import { leaseMeant } from "./vm-lease.ts";
import { type AgentChoice, agentOf, withAgentOptions } from "./vm-options.ts";
import { endText } from "./vm-text.ts";

interface ReleaseOptions extends AgentChoice {
  all?: boolean;
}

export function vmReleaseCommand(): Command {
  return withAgentOptions(
    new Command("release")
      .description("give virtual machines back, and wait until they are gone")
      .argument("[leases...]", "the beginnings of their ids, where there are several")
      .option("--all", "all of them")
      .option("--json", "how each has ended, as a line of JSON"),
  ).action(release);
}

async function release(named: string[], options: ReleaseOptions, command: Command): Promise<void> {
  if (options.all && named.length > 0) command.error("error: --all goes without ids");
  const agent = agentOf(options);
  const leases = await meant(agent, named, options);
  const ends = await Promise.all(leases.map((lease) => ended(agent, lease)));
  for (const lease of ends) {
    if (options.json) process.stdout.write(`${JSON.stringify(lease)}\n`);
    else process.stdout.write(`${shortId(lease.id)}  ${released(lease) ? "given back" : endText(lease)}\n`);
  }
  if (!ends.every(released)) process.exitCode = 1;
}

const released = ({ outcome }: LeaseView): boolean => outcome === "released";

function meant(agent: AgentClient, named: string[], { all }: ReleaseOptions): Promise<LeaseView[]> {
  if (all) return agent.hasState ? agent.list().then(({ leases }) => leases) : Promise.resolve([]);
  const names = named.length === 0 ? [undefined] : named;
  return Promise.all(names.map((name) => leaseMeant(agent, name)));
}

/** @returns how it stands at its end */
async function ended(agent: AgentClient, lease: LeaseView): Promise<LeaseView> {
  const lines = await agent.follow(lease.id, false);
  await agent.release(lease.id);
  let last = lease;
  for await (const line of lines) last = line.lease;
  if (last.phase !== "ended") throw new Error(`${shortId(lease.id)}: the agent has ended before the lease`);
  return last;
}
