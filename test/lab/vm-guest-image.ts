import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "../../src/host/run.ts";

const BUILD = resolve(import.meta.dir, "../../image-build/guest/build.sh");
/** Debian's base takes two minutes, and more on a machine with other work. */
const BUILD_TIMEOUT_MS = 900_000;

/** What a virtual machine starts from. */
export interface VmGuestImage {
  kernel: string;
  initrd: string;
  /** The first bytes of its disk; undefined where it needs none. */
  base: string | undefined;
  kernelCommandLine: string;
  manifest: VmGuestManifest;
}

export interface VmGuestManifest {
  name: string;
  version: string;
  architecture: string;
  kernelCommandLine: string;
  agent: { protocol: number; version: string };
  files: Record<string, { sha256: string; bytes: number }>;
}

/**
 * The image for virtual machines, built now if it is not there: seconds for the small one, minutes for Debian.
 * @param into a folder that is not the usual one
 */
export async function vmGuestImage(image: "small" | "debian", into?: string): Promise<VmGuestImage> {
  const elsewhere = into === undefined ? [] : ["--into", into];
  const said = await run([BUILD, "--image", image, ...elsewhere], { timeoutMs: BUILD_TIMEOUT_MS });
  const path = said.trim();
  const manifest = JSON.parse(readFileSync(path, "utf8")) as VmGuestManifest;
  const file = (name: string) => join(dirname(path), name);
  return {
    kernel: file("kernel"),
    initrd: file("initrd.cpio"),
    base: "base.raw" in manifest.files ? file("base.raw") : undefined,
    kernelCommandLine: manifest.kernelCommandLine,
    manifest,
  };
}
