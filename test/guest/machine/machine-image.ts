import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "../../../src/host/run.ts";

export const PROJECT = resolve(import.meta.dir, "../../..");
/** Outside of test/output, which each run empties. */
const CACHE = join(PROJECT, "node_modules/.cache/guest-machine");
/** What an image is made from: with other contents it is another image. */
const INGREDIENTS = ["build-image.sh", "initrd-init", "guest-init", "modules.txt", "packages.txt"];
const LOG = join(CACHE, "log");
const BUILD_TIMEOUT_S = 540;
/** How it went the last time that it went wrong. */
const FAILED = join(PROJECT, "test/output/guest image.log");
/** For so long no other test file of the same run tries it again. */
const FAILED_FOR_MS = 1_200_000;

export interface MachineImage {
  kernel: string;
  initrd: string;
  /** A squashfs. */
  root: string;
}

/**
 * The image that all guest machines start from, built now if it is not there: a minute or two.
 * @throws {Error} when it cannot be built, or could not be built minutes ago
 */
export async function machineImage(): Promise<MachineImage> {
  const hash = createHash("sha256");
  for (const name of INGREDIENTS) hash.update(readFileSync(join(import.meta.dir, name))).update("\0");
  const key = hash.update(readFileSync("/etc/os-release")).digest("hex").slice(0, 16);
  const folder = join(CACHE, key);
  if (!existsSync(folder)) {
    if (existsSync(FAILED) && Date.now() - statSync(FAILED).mtimeMs < FAILED_FOR_MS)
      throw new Error(`the machine's image could not be built: ${FAILED}`);
    await build(key, folder).catch((error: unknown) => {
      mkdirSync(dirname(FAILED), { recursive: true });
      if (existsSync(LOG)) copyFileSync(LOG, FAILED);
      throw error;
    });
    rmSync(FAILED, { force: true });
  }
  return {
    kernel: join(folder, "vmlinux"),
    initrd: join(folder, "initrd.cpio"),
    root: join(folder, "root.squashfs"),
  };
}

async function build(key: string, folder: string): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  // One at a time: who comes second finds it finished. Of what goes wrong the end is told. In what a killed one left
  // something may still be mounted.
  const script = `
    [ -e "$folder" ] && exit
    rm -rf --one-file-system "$unfinished"
    mkdir -p "$unfinished"
    timeout -k 10 "$seconds" "$build" "$unfinished" >"$log" 2>&1 ||
      { echo "ended with $?" >>"$log"; tail -n 20 "$log" >&2; exit 1; }
    mv "$unfinished" "$folder"`;
  await run(["flock", join(CACHE, "lock"), "sh", "-c", script], {
    env: {
      folder,
      unfinished: join(CACHE, "unfinished"),
      log: LOG,
      seconds: String(BUILD_TIMEOUT_S),
      build: join(import.meta.dir, "build-image.sh"),
    },
    timeoutMs: (BUILD_TIMEOUT_S + 30) * 1_000,
  });
  for (const name of readdirSync(CACHE))
    if (![key, "lock", "log", "unfinished"].includes(name))
      rmSync(join(CACHE, name), { recursive: true, force: true });
}
