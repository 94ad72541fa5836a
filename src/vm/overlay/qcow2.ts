import { realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { z } from "zod";
import { run } from "../../host/run.ts";
import { OverlayError } from "./overlay-error.ts";

/** What an overlay lies upon; never written to. */
export interface BaseImage {
  /** Absolute. */
  path: string;
  /** Named, never guessed: a guest could write the head of another format into a raw one. */
  format: "qcow2" | "raw";
}

/** From a cold medium the program itself takes a while. */
const PATIENT = { timeoutMs: 60_000 };

const INFO = z.object({
  format: z.string(),
  "virtual-size": z.number(),
  "backing-filename": z.string().optional(),
  "backing-filename-format": z.string().optional(),
  encrypted: z.boolean().optional(),
});

/** What qemu-img says of a file that is to be of this format. */
async function inspect(path: string, format: string): Promise<z.output<typeof INFO>> {
  // -U: a base is open elsewhere, read-only, for other leases.
  const said = await run(["qemu-img", "info", "-U", "--output=json", "-f", format, path], PATIENT).catch(
    (error: unknown) => {
      throw new OverlayError(
        `${path}: it is no ${format} image: ${error instanceof Error ? error.message : error}`,
      );
    },
  );
  return INFO.parse(JSON.parse(said));
}

/**
 * Makes an empty overlay; what is written goes there alone. The base's path is kept absolute and with its format.
 * @param sizeMiB what the guest sees
 * @throws {OverlayError} when the base is no such image, lies upon another itself, or is larger
 */
export async function createOverlay(path: string, base: BaseImage, sizeMiB: number): Promise<void> {
  if (!isAbsolute(base.path)) throw new OverlayError(`base: ${base.path} is no absolute path`);
  const real = realPath(base.path);
  const info = await inspect(real, base.format);
  if (info["backing-filename"] !== undefined) throw new OverlayError(`base: ${real} lies upon another image`);
  const leastMiB = Math.ceil(info["virtual-size"] / 1_048_576);
  if (sizeMiB < leastMiB)
    throw new OverlayError(`sizeMiB: ${sizeMiB} is less than the image's own ${leastMiB}`);
  await run(
    ["qemu-img", "create", "-q", "-f", "qcow2", "-F", base.format, "-b", real, path, `${sizeMiB}M`],
    PATIENT,
  );
  const made = await inspect(path, "qcow2");
  if (made["backing-filename"] !== real || made["backing-filename-format"] !== base.format)
    throw new OverlayError(`${path}: it does not lie upon ${real} (${base.format})`);
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    throw new OverlayError(`base: ${path} is not there`);
  }
}
