import { cpSync, linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../../src/host/run.ts";
import { isVersion, VersionError } from "../../src/update/version.ts";
import { type Board, compatibleOf } from "./boards.ts";
import type { Signer } from "./signing.ts";

export interface BundleContent {
  board: Board;
  /** A semantic version; the one that the root says of itself (IMAGE_VERSION). */
  version: string;
  /** One line for whoever is to install it. */
  description: string;
  /** The boot partition, a FAT file system as it is written to p2 or p3. */
  bootImage: string;
  /** The root, a squashfs as it is written to p5 or p6. */
  rootImage: string;
}

const SIGNING_TIMEOUT_MS = 30 * 60_000;

/** RAUC's manifest (https://rauc.readthedocs.io/en/latest/reference.html#manifest). */
export const bundleManifest = ({
  board,
  version,
  description,
}: Omit<BundleContent, "bootImage" | "rootImage">): string =>
  [
    "[update]",
    `compatible=${compatibleOf(board)}`,
    `version=${version}`,
    `description=${description.replaceAll(/[\r\n]+/g, " ")}`,
    "",
    "[bundle]",
    "format=verity",
    "",
    "[image.rootfs]",
    "filename=root.squashfs",
    "",
    "[image.boot]",
    "filename=boot.vfat",
    "",
  ].join("\n");

/**
 * Makes a signed bundle of what an image has in its slot A.
 * @param path where it goes: `….raucb`
 * @throws {VersionError}; RunError when RAUC or mksquashfs fails
 */
export async function makeBundle(content: BundleContent, signer: Signer, path: string): Promise<void> {
  if (!isVersion(content.version))
    throw new VersionError(`version: "${content.version}" is no semantic version`);
  mkdirSync(dirname(path), { recursive: true });
  const folder = mkdtempSync(join(dirname(path), ".bundle-"));
  try {
    writeFileSync(join(folder, "manifest.raucm"), bundleManifest(content));
    put(content.rootImage, join(folder, "root.squashfs"));
    put(content.bootImage, join(folder, "boot.vfat"));
    rmSync(path, { force: true });
    // What is in it is compressed already.
    const squashing = "--mksquashfs-args=-comp zstd -Xcompression-level 1 -all-root -no-xattrs";
    const { certificate, key, intermediates = [] } = signer;
    const signing = [
      `--cert=${certificate}`,
      `--key=${key}`,
      ...intermediates.map((one) => `--intermediate=${one}`),
    ];
    await run(["rauc", "bundle", ...signing, squashing, folder, path], { timeoutMs: SIGNING_TIMEOUT_MS });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A second name where that is possible: an image has hundreds of megabytes. */
function put(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    cpSync(from, to);
  }
}
