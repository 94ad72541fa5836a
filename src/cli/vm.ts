import { Command } from "commander";
import { vmListCommand } from "./vm-list.ts";
import { vmJoinCommand, vmLeaveCommand, vmNetworksCommand } from "./vm-networks.ts";
import { vmReleaseCommand } from "./vm-release.ts";
import { vmRequestCommand } from "./vm-request.ts";
import { vmSshCommand, vmSshConfigCommand } from "./vm-ssh.ts";

/** The requester's side of leases. */
export function vmCommand(): Command {
  return (
    new Command("vm")
      .description("virtual machines that other boxes lend")
      // What comes behind the name of one of these is its own: see vm ssh.
      .enablePositionalOptions()
      .addCommand(vmRequestCommand())
      .addCommand(vmListCommand())
      .addCommand(vmSshCommand())
      .addCommand(vmSshConfigCommand())
      .addCommand(vmReleaseCommand())
      .addCommand(vmJoinCommand())
      .addCommand(vmNetworksCommand())
      .addCommand(vmLeaveCommand())
  );
}
