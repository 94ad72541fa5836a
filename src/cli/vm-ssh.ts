import { Command } from "commander";
import { type LeaseView, sshArguments, sshConfig } from "../requester/agent/index.ts";
import { needPrograms } from "../requester/index.ts";
import { leaseMeant } from "./vm-lease.ts";
import { type AgentChoice, agentOf, withAgentOptions } from "./vm-options.ts";

/** What comes behind "--" is for the machine, whatever it looks like. */
class SshCommand extends Command {
  remote: string[] = [];

  override parseOptions(args: string[]): ReturnType<Command["parseOptions"]> {
    const at = args.indexOf("--");
    this.remote = at < 0 ? [] : args.slice(at + 1);
    return super.parseOptions(at < 0 ? args : args.slice(0, at));
  }
}

export function vmSshCommand(): Command {
  const command = new SshCommand("ssh");
  return withAgentOptions(
    command
      .description("log into a virtual machine, or run a command in it: vm ssh LEASE -- uname -a")
      .argument("[lease]", "the beginning of its id, where there are several")
      .usage("[options] [lease] [-- command]"),
  ).action((lease: string | undefined, options: AgentChoice) => ssh(lease, command.remote, options));
}

export function vmSshConfigCommand(): Command {
  return withAgentOptions(
    new Command("ssh-config")
      .description("print what scp -F, sftp -F and other programs need to get into a virtual machine")
      .argument("[lease]", "the beginning of its id, where there are several"),
  ).action(async (named: string | undefined, options: AgentChoice) => {
    const agent = agentOf(options);
    const { id } = usable(await leaseMeant(agent, named));
    process.stdout.write(sshConfig(await agent.access(id)));
  });
}

async function ssh(
  named: string | undefined,
  remote: readonly string[],
  options: AgentChoice,
): Promise<void> {
  needPrograms(["ssh"]);
  const agent = agentOf(options);
  const { id } = usable(await leaseMeant(agent, named));
  const command = [
    "ssh",
    ...sshArguments(await agent.access(id)),
    ...(remote.length > 0 ? ["--"] : []),
    ...remote,
  ];
  const child = Bun.spawn(command, { stdin: "inherit", stdout: "inherit", stderr: "inherit" });
  // A terminal sends Ctrl-C to both: it is for what runs in the machine.
  process.on("SIGINT", () => {});
  process.exitCode = await child.exited;
}

/** @throws Error when nobody could log in now */
function usable(lease: LeaseView): LeaseView {
  const { phase, why } = lease;
  if (phase === "ready" || phase === "preparing") return lease;
  throw new Error(
    `nobody can log into this virtual machine now: it is ${phase}${why === "" ? "" : ` (${why})`}`,
  );
}
