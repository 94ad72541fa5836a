import { resolve } from "node:path";
import { CommanderError } from "commander";
import { buildImage } from "./build-image.ts";
import { ShownProgress } from "./host/progress.ts";
import { parseOptions } from "./options.ts";

const PROJECT = resolve(import.meta.dir, "..");

const progress = new ShownProgress(
  (line) => process.stderr.write(`${line}\n`),
  () => performance.now(),
);
try {
  const options = parseOptions(process.argv.slice(2));
  const built = await buildImage(PROJECT, options, progress);
  const steps = progress.end();
  process.stdout.write(`${JSON.stringify(built, null, 1)}\n${JSON.stringify(steps)}\n`);
} catch (error) {
  progress.end();
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else {
    process.stderr.write(
      `\nThe image could not be built: ${error instanceof Error ? error.message : error}\n`,
    );
    process.exitCode = 1;
  }
}
