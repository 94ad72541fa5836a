import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";

/** An image for virtual machines is not what its manifest says. */
export class VmImageError extends Error {
  override readonly name = "VmImageError";
  constructor(
    readonly path: string,
    why: string,
  ) {
    super(`${path}: ${why}`);
  }
}

/** What a virtual machine starts from. */
export interface VmImage {
  name: string;
  version: string;
  /** As Debian names it: "amd64", "arm64". */
  architecture: string;
  /** Absolute paths. */
  kernel: string;
  initrd: string;
  /** The first bytes of its disk, raw; undefined where it needs none. */
  base: string | undefined;
  kernelCommandLine: string;
  /** SHA-256 of all that a machine starts from, in hexadecimal digits: a machine that was saved goes on with the same alone. */
  digest: string;
}

const file = z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(1) });
const PARTS = ["kernel", "initrd.cpio", "base.raw"] as const;
const manifest = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,31}$/),
  version: z.string().min(1).max(64),
  architecture: z.enum(["amd64", "arm64"]),
  kernelCommandLine: z.string().max(2_047),
  files: z.record(z.enum(PARTS), file.optional()),
});

const MAX_MANIFEST_BYTES = 1_048_576;

/**
 * Reads what `image-build/guest` has built. That the files are of the size that the manifest says is looked at, their
 * contents are not: that would be hundreds of MB at each start.
 * @param path of the manifest
 * @throws {VmImageError}
 */
export function readVmImage(path: string): VmImage {
  const parsed = manifest.safeParse(jsonOf(path));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new VmImageError(path, `${issue?.path.join(".") || "manifest"}: ${issue?.message}`);
  }
  const { name, version, architecture, kernelCommandLine, files } = parsed.data;
  const whole = (part: keyof typeof files): string | undefined => {
    const said = files[part];
    if (said === undefined) return undefined;
    const at = join(dirname(path), part);
    const bytes = statSync(at, { throwIfNoEntry: false })?.size;
    if (bytes !== said.bytes)
      throw new VmImageError(path, `${part}: has ${bytes ?? "no"} bytes, not ${said.bytes}`);
    return at;
  };
  const [kernel, initrd] = [whole("kernel"), whole("initrd.cpio")];
  if (kernel === undefined || initrd === undefined)
    throw new VmImageError(path, "has no kernel or no initrd.cpio");
  const base = whole("base.raw");
  const hashes = PARTS.map((part) => files[part]?.sha256 ?? "");
  const digest = createHash("sha256")
    .update(JSON.stringify([architecture, kernelCommandLine, ...hashes]))
    .digest("hex");
  return { name, version, architecture, kernelCommandLine, kernel, initrd, base, digest };
}

function jsonOf(path: string): unknown {
  try {
    if (statSync(path).size > MAX_MANIFEST_BYTES) throw new Error("is too large");
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new VmImageError(path, error instanceof Error ? error.message : String(error));
  }
}
