import { Command, CommanderError } from "commander";
import { VERSION } from "../version.ts";
import { EXIT } from "./exit.ts";

/**
 * What each command is made of, by its name, in the order of the help. A command loads what it needs itself: all of the
 * box takes a Pi seconds.
 */
const COMMANDS: Record<string, () => Promise<Command>> = {
  run: async () => (await import("./run.ts")).runCommand(),
  config: async () => (await import("./config.ts")).configCommand(),
  status: async () => (await import("./status.ts")).statusCommand(),
  claim: async () => (await import("./first-boot.ts")).claimCommand(),
  export: async () => (await import("./first-boot-export.ts")).exportCommand(),
  reset: async () => (await import("./first-boot.ts")).resetCommand(),
  storage: async () => (await import("./first-boot-storage.ts")).storageCommand(),
  lora: async () => (await import("./lora.ts")).loraCommand(),
  mesh: async () => (await import("./mesh.ts")).meshCommand(),
  messages: async () => (await import("./messages.ts")).messagesCommand(),
  radios: async () => (await import("./radios.ts")).radiosCommand(),
  uplinks: async () => (await import("./uplinks.ts")).uplinksCommand(),
  update: async () => (await import("./update.ts")).updateCommand(),
  vm: async () => (await import("./vm.ts")).vmCommand(),
  version: async () => (await import("./version.ts")).versionCommand(),
};
/** What only the box itself starts. */
const HIDDEN: Record<string, () => Promise<Command>> = {
  board: async () => (await import("./first-boot-board.ts")).boardCommand(),
  portal: async () => (await import("./portal.ts")).portalCommand(),
  "tls-front": async () => (await import("./tls-front.ts")).tlsFrontCommand(),
};

/** All of them, those too that its help does not name. */
export const COMMAND_NAMES: readonly string[] = [...Object.keys(COMMANDS), ...Object.keys(HIDDEN)];
const VERSION_OPTIONS = ["-V", "--version"];

/**
 * `omerta-box` with the command that is called `name`, or with all of them where none is.
 * @param name the first word behind `omerta-box`
 */
async function commandLine(name = ""): Promise<Command> {
  const program = new Command("omerta-box")
    .description("A box that opens a network where there is none. Without a command: this help.")
    .version(VERSION, VERSION_OPTIONS.join(", "), "print the version")
    .showHelpAfterError("(see --help)")
    .addHelpText(
      "after",
      `\nExit status: 0 done, 1 failed, 2 wrong use, 3 bad configuration, 4 no box is running.`,
    )
    .exitOverride()
    // What comes behind a command's name is the command's.
    .enablePositionalOptions();
  const isAsked = ([own]: [string, unknown]): boolean => own === name;
  const shown = Object.entries(COMMANDS);
  const hidden = Object.entries(HIDDEN);
  const needsOne = VERSION_OPTIONS.includes(name) || COMMAND_NAMES.includes(name);
  for (const [, load] of needsOne ? shown.filter(isAsked) : shown) program.addCommand(await load());
  for (const [, load] of hidden.filter(isAsked)) program.addCommand(await load(), { hidden: true });

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
  try {
    const program = await commandLine(args[0]);
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
