import { join, resolve } from "node:path";
import { cacheOf } from "../../image-build/commit.ts";
import { run } from "../../src/host/run.ts";

const PROJECT = resolve(import.meta.dir, "../..");
const BUILD_TIMEOUT_MS = 1_500_000;
/** Packed in a hurry: how small it can be is not what the tests are about. */
const LEVEL = "3";

/** What the build has left beside the image. */
export interface PcImage {
  image: string;
  /** A folder with the image and its papers. */
  folder: string;
}

let building: Promise<PcImage> | undefined;

/** Builds the image of this tree with emulated radios: some minutes on a clean machine, half a minute later on. */
export function pcImage(): Promise<PcImage> {
  building ??= build();
  return building;
}

async function build(): Promise<PcImage> {
  const folder = join(cacheOf(PROJECT), "for-tests");
  const command = ["image-build/main.ts", "--board", "pc-amd64", "--lab", "--level", LEVEL, "--into", folder];
  await run(["flock", join(PROJECT, "node_modules/.image-lock"), process.execPath, ...command], {
    cwd: PROJECT,
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  return { folder, image: join(folder, "omerta-box-pc-amd64-lab.img") };
}
