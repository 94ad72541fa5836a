import { resolve } from "node:path";
import { Command, Option } from "commander";
import { writeNewFile } from "../first-boot/export/export-file.ts";
import { sealedExport } from "../first-boot/export/sealed-export.ts";
import { DEFAULT_STATE } from "../host/box-places.ts";
import { usualMode } from "./control.ts";
import { readPassphrase } from "./passphrase.ts";

interface ExportArguments {
  mode: "bench" | "device";
  state?: string;
  passphraseFile?: string;
}

/** `omerta-box export`: all that a box keeps, for a stick. */
export function exportCommand(): Command {
  return new Command("export")
    .description("writes all that the box keeps into an encrypted age file; the box may run meanwhile")
    .argument("<file>", "a new file, on a stick for example")
    .addOption(
      new Option("--mode <mode>", "which box is meant").choices(["bench", "device"]).default(usualMode()),
    )
    .option("--state <folder>", "the state folder of the box that is meant")
    .option("--passphrase-file <file>", "read the passphrase from a file instead of asking")
    .action(exportState);
}

async function exportState(file: string, options: ExportArguments): Promise<void> {
  const passphrase = await readPassphrase(options.passphraseFile, true);
  const stream = await sealedExport({
    stateFolder: resolve(options.state ?? DEFAULT_STATE[options.mode]),
    passphrase,
    wallMs: Date.now(),
    lost: ({ path, why }) =>
      process.stderr.write(`omerta-box: left out, it cannot be read: ${path}: ${why}\n`),
  });
  const bytes = await writeNewFile(file, stream);
  process.stdout.write(
    `${Math.ceil(bytes / 1_024)} KiB are in ${file}. With the passphrase, age --decrypt ${file} | tar -x opens it.\n`,
  );
}
