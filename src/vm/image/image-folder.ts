import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readVmImage, type VmImage } from "./vm-image.ts";

const MANIFEST = "manifest.json";
/** A box has two or three. */
const MAX_IMAGES = 64;

/**
 * The images of a folder, each in a folder of its own with its manifest, by name. One that is not whole is left out, and so is
 * one for another processor.
 * @param architecture as Debian names it
 * @param failed told why one was left out
 */
export function readVmImages(
  folder: string,
  architecture: string,
  failed: (why: string) => void,
): readonly VmImage[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => !entry.isFile())
    .map(({ name }) => name)
    .sort()
    .slice(0, MAX_IMAGES);
  const images = new Map<string, VmImage>();
  for (const name of names) {
    const path = join(folder, name, MANIFEST);
    if (!existsSync(path)) continue;
    try {
      const image = readVmImage(path);
      if (image.architecture !== architecture) failed(`${path}: is for ${image.architecture}`);
      else if (images.has(image.name)) failed(`${path}: there is another ${image.name}`);
      else images.set(image.name, image);
    } catch (error) {
      failed(error instanceof Error ? error.message : String(error));
    }
  }
  return [...images.values()];
}
