import { existsSync, mkdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { systemClock } from "../host/clock.ts";
import { agentFolders } from "../requester/agent/index.ts";
import { type RequesterNetwork, RequesterNetworks } from "../requester/index.ts";
import { plain } from "./mesh-text.ts";
import { type AgentChoice, withAgentOptions } from "./vm-options.ts";

/** The networks that a requester belongs to by itself, without a box. */
export function vmJoinCommand(): Command {
  return withAgentOptions(
    new Command("join")
      .description("belong to a network by an invite, so that its boxes lend as to a member")
      .argument("<link>", 'made at a box by "mesh invite --role requester"')
      .option("--name <name>", "what this machine calls itself there", hostname().slice(0, 60)),
  ).action((link: string, options: AgentChoice & { name: string }) => {
    const { network, outcome } = opened(options).join(link, options.name);
    const name = plain(network.name);
    process.stdout.write(
      outcome === "kept"
        ? `You belong to "${name}" already.\n`
        : `You belong to "${name}" now: ask its boxes by their address.\n`,
    );
  });
}

export function vmNetworksCommand(): Command {
  return withAgentOptions(
    new Command("networks").description("the networks that were joined").option("--json", "for machines"),
  ).action((options: AgentChoice) => {
    const isAny = existsSync(join(agentFolders(options).state, "networks"));
    const all = isAny ? opened(options).list() : [];
    process.stdout.write(options.json ? `${JSON.stringify(all)}\n` : networksText(all));
  });
}

export function vmLeaveCommand(): Command {
  return withAgentOptions(
    new Command("leave")
      .description("leave a network and forget its keys")
      .argument("<network>", "its id or name"),
  ).action((named: string, options: AgentChoice) => {
    const networks = opened(options);
    const network = networks.find(named);
    if (!network) throw new Error(`none, or several, of your networks are called ${named}`);
    networks.leave(network.id);
    process.stdout.write("Left.\n");
  });
}

function opened(options: AgentChoice): RequesterNetworks {
  const { state } = agentFolders(options);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  return RequesterNetworks.open(state, systemClock, (message) =>
    process.stderr.write(`omerta-box: ${message}\n`),
  );
}

function networksText(all: readonly RequesterNetwork[]): string {
  if (all.length === 0) return 'You belong to no network. Join one by "vm join LINK".\n';
  return all.map((network) => `${networkLine(network)}\n`).join("");
}

function networkLine({ id, name, role, expiresAt, problem }: RequesterNetwork): string {
  const until = expiresAt === 0 ? "" : `, until ${new Date(expiresAt * 1_000).toISOString()}`;
  return `${plain(name)} (${id}): ${role}${until}${problem === undefined ? "" : `; ${plain(problem)}`}`;
}
