import { Command } from "commander";
import type { AgentList } from "../requester/agent/index.ts";
import { type AgentChoice, agentOf, withAgentOptions } from "./vm-options.ts";
import { listText } from "./vm-text.ts";

export function vmListCommand(): Command {
  return withAgentOptions(
    new Command("list")
      .description("the virtual machines that are borrowed")
      .option("--json", "for machines"),
  ).action(list);
}

async function list(options: AgentChoice): Promise<void> {
  const agent = agentOf(options);
  // Where nothing was ever borrowed there is nobody to ask.
  const all: AgentList = agent.hasState ? await agent.list() : { leases: [] };
  process.stdout.write(options.json ? `${JSON.stringify(all)}\n` : listText(all, Date.now()));
}
