import { readFileSync } from "node:fs";
import { Command } from "commander";
import { ConfigError, exampleConfig, parseConfig, textOfBytes } from "../config/index.ts";
import { EXIT } from "./exit.ts";

export function configCommand(): Command {
  const command = new Command("config").description("check a configuration file, or print an example of one");
  command
    .command("check")
    .description("check an omerta.toml and name everything that is wrong with it")
    .argument("<file>", "the file to check; - for standard input")
    .option("--json", "for machines")
    .action(check);
  command
    .command("example")
    .description("print a commented omerta.toml with every key at its default")
    .action(() => void process.stdout.write(exampleConfig()));
  return command;
}

function check(file: string, { json }: { json?: boolean }): void {
  let source: string;
  try {
    source = textOfBytes(readFileSync(file === "-" ? "/dev/stdin" : file));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const problems = [{ key: "", allowed: `cannot be read: ${reason}` }];
    if (json) process.stdout.write(`${JSON.stringify({ file, ok: false, problems })}\n`);
    else process.stderr.write(`omerta-box: ${reason}\n`);
    process.exitCode = EXIT.failed;
    return;
  }
  try {
    parseConfig(source, file);
    process.stdout.write(
      json ? `${JSON.stringify({ file, ok: true, problems: [] })}\n` : `${file} is good\n`,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (json) process.stdout.write(`${JSON.stringify({ file, ok: false, problems: error.problems })}\n`);
    else process.stderr.write(`${error.message}\n`);
    process.exitCode = EXIT.badConfig;
  }
}
