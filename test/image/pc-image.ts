import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { cacheOf } from "../../image-build/commit.ts";
import { run, tryRun } from "../../src/host/run.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const BUILD_TIMEOUT_MS = 1_500_000;
/** Packed in a hurry: how small it can be is not what the tests are about. */
const LEVEL = "3";
/** What an image is made of, beside Debian's packages. */
const INGREDIENTS = ["src", "portal", "hardware/boards", "rootfs-overlay", "image-build"];

/** What the build has left. */
export interface PcImage {
  image: string;
  /** A folder with the image and its papers. */
  folder: string;
}

let building: Promise<PcImage> | undefined;

/**
 * The image of this tree with emulated radios: built in some minutes on a clean machine, in half a minute where Debian's part
 * is there, and at once where nothing has changed.
 */
export function pcImage(): Promise<PcImage> {
  building ??= buildOnce();
  return building;
}

async function buildOnce(): Promise<PcImage> {
  const folder = join(cacheOf(PROJECT), "for-tests");
  const stamp = join(folder, "ingredients");
  const ingredients = await hashOfIngredients();
  const there = { folder, image: join(folder, "omerta-box-pc-amd64-lab.img") };
  const isThere = existsSync(stamp) && existsSync(there.image);
  if (isThere && readFileSync(stamp, "utf8") === ingredients) return there;
  const built = await buildPcImage(folder);
  writeFileSync(stamp, ingredients);
  return built;
}

/** Builds it anew. */
export async function buildPcImage(folder: string): Promise<PcImage> {
  const command = ["image-build/main.ts", "--board", "pc-amd64", "--lab", "--level", LEVEL, "--into", folder];
  await run(["flock", join(PROJECT, "node_modules/.image-lock"), process.execPath, ...command], {
    cwd: PROJECT,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  return { folder, image: join(folder, "omerta-box-pc-amd64-lab.img") };
}

/** The commit too: its time is that of all files. */
async function hashOfIngredients(): Promise<string> {
  const { stdout: commit } = await tryRun(["git", "-C", PROJECT, "rev-parse", "HEAD"]);
  const hash = createHash("sha256").update(commit);
  const files = INGREDIENTS.flatMap((folder) =>
    [...new Bun.Glob(`${folder}/**/*`).scanSync({ cwd: PROJECT, dot: true })].sort(),
  );
  for (const file of [...files, "package-lock.json", "package.json"])
    hash
      .update(file)
      .update("\0")
      .update(readFileSync(join(PROJECT, file)));
  return hash.digest("hex");
}
