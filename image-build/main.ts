import { readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { CommanderError } from "commander";
import { buildImage } from "./build-image.ts";
import { ShownProgress } from "./host/progress.ts";
import { parseOptions } from "./options.ts";
import { exposures } from "./paper/exposure.ts";
import { signerOf } from "./paper/signer-of.ts";
import { summary } from "./paper/summary.ts";
import { writePapers } from "./paper/write-papers.ts";
import { makeBundle } from "./rauc/bundle.ts";

const PROJECT = resolve(import.meta.dir, "..");
const UNITS = join(PROJECT, "rootfs-overlay/etc/systemd/system");

const progress = new ShownProgress(
  (line) => process.stderr.write(`${line}\n`),
  () => performance.now(),
);

async function main(args: readonly string[]): Promise<void> {
  const options = parseOptions(args);
  const { board } = options;
  const { signer, keyring, isForDevelopment } = await signerOf(PROJECT, options);
  const built = await buildImage(PROJECT, { ...options, keyringText: keyring }, progress);
  const papers = await writePapers(PROJECT, built, options, signer, progress);
  let bundle: string | undefined;
  if (options.isBundled) {
    progress.step("the update");
    bundle = join(dirname(built.image), `${basename(built.image, ".img")}-${built.version}.raucb`);
    const { version, boot, root } = built;
    const description = `Omerta Box ${version}`;
    const content = { board: board.name, version, description, bootImage: boot, rootImage: root };
    await makeBundle(content, signer, bundle);
  }
  const steps = progress.end();
  const units = readdirSync(UNITS).filter((name) => name.endsWith(".service"));
  process.stdout.write(
    `\n${summary({ built, papers, steps, exposures: await exposures(UNITS, units.sort()), isSignedForDevelopment: isForDevelopment, bundle })}`,
  );
}

try {
  await main(process.argv.slice(2));
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
