import { Command, CommanderError } from "commander";
import { VERSION } from "../main.ts";
import { configCommand } from "./config.ts";
import { EXIT } from "./exit.ts";
import { claimCommand, resetCommand } from "./first-boot.ts";
import { boardCommand } from "./first-boot-board.ts";
import { exportCommand } from "./first-boot-export.ts";
import { storageCommand } from "./first-boot-storage.ts";
import { loraCommand } from "./lora.ts";
import { meshCommand } from "./mesh.ts";
import { messagesCommand } from "./messages.ts";
import { portalCommand, tlsFrontCommand } from "./processes.ts";
import { radiosCommand } from "./radios.ts";
import { runCommand } from "./run.ts";
import { statusCommand } from "./status.ts";
import { updateCommand } from "./update.ts";
import { uplinksCommand } from "./uplinks.ts";
import { versionCommand } from "./version.ts";
import { vmCommand } from "./vm.ts";

/** `omerta-box` with all its commands. */
function commandLine(): Command {
  const program = new Command("omerta-box")
    .description("A box that opens a network where there is none. Without a command: this help.")
    .version(VERSION, "-V, --version", "print the version")
    .showHelpAfterError("(see --help)")
    .addHelpText(
      "after",
      `\nExit status: 0 done, 1 failed, 2 wrong use, 3 bad configuration, 4 no box is running.`,
    )
    .exitOverride()
    // What comes behind a command's name is the command's.
    .enablePositionalOptions()
    .addCommand(runCommand())
    .addCommand(configCommand())
    .addCommand(statusCommand())
    .addCommand(claimCommand())
    .addCommand(exportCommand())
    .addCommand(resetCommand())
    .addCommand(storageCommand())
    .addCommand(loraCommand())
    .addCommand(meshCommand())
    .addCommand(messagesCommand())
    .addCommand(radiosCommand())
    .addCommand(uplinksCommand())
    .addCommand(updateCommand())
    .addCommand(vmCommand())
    .addCommand(versionCommand())
    .addCommand(boardCommand(), { hidden: true })
    .addCommand(portalCommand(), { hidden: true })
    .addCommand(tlsFrontCommand(), { hidden: true });

  for (const command of [...program.commands, ...program.commands.flatMap((command) => command.commands)]) {
    command.exitOverride().showHelpAfterError("(see --help)");
  }
  return program;
}

/**
 * Runs one command, and leaves its exit status in `process.exitCode`.
 * @param args what comes behind `omerta-box`
 */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const program = commandLine();
  try {
    if (args.length === 0) program.help();
    await program.parseAsync([...args], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
    } else {
      process.stderr.write(`omerta-box: ${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = EXIT.failed;
    }
  }
}
