import { Command } from "commander";
import { VERSION } from "../version.ts";

export function versionCommand(): Command {
  return new Command("version")
    .description("print the versions of the box and of its runtime")
    .option("--json", "for machines")
    .action(({ json }: { json?: boolean }) => {
      const versions = { "omerta-box": VERSION, bun: Bun.version };
      process.stdout.write(
        json
          ? `${JSON.stringify(versions)}\n`
          : `omerta-box ${VERSION} (Bun ${Bun.version}, ${process.arch})\n`,
      );
    });
}
