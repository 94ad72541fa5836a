import { Command } from "commander";
import { vmCheckpointCommand, vmRestoreCommand } from "./vm-checkpoint.ts";
import { vmListCommand } from "./vm-list.ts";
import { vmMachinesCommand } from "./vm-machines.ts";
import { vmJoinCommand, vmLeaveCommand, vmNetworksCommand } from "./vm-networks.ts";
import { vmOperatorCommands } from "./vm-operator.ts";
import { vmReleaseCommand } from "./vm-release.ts";
import { vmRequestCommand } from "./vm-request.ts";
import { vmSshCommand, vmSshConfigCommand } from "./vm-ssh.ts";

/** Both sides of leases: the requester's, and the operator's of the box that lends. */
export function vmCommand(): Command {
  const command = new Command("vm")
    .description("virtual machines that other boxes lend, and what this box lends")
    // What comes behind the name of one of these is its own: see vm ssh.
    .enablePositionalOptions()
    .addCommand(vmRequestCommand())
    .addCommand(vmListCommand())
    .addCommand(vmSshCommand())
    .addCommand(vmSshConfigCommand())
    .addCommand(vmCheckpointCommand())
    .addCommand(vmRestoreCommand())
    .addCommand(vmReleaseCommand())
    .addCommand(vmJoinCommand())
    .addCommand(vmNetworksCommand())
    .addCommand(vmLeaveCommand());
  for (const one of vmOperatorCommands()) command.addCommand(one);
  command.addCommand(vmMachinesCommand());
  return command;
}
