import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { vmGuestImage } from "./vm-guest-image.ts";

/**
 * A folder with images as a box has it, where QEMU's user may read them: the small one.
 * @param folder that user may read it; `images` is made in it
 * @returns the folder of images
 */
export async function vmImageFolder(folder: string): Promise<string> {
  const image = await vmGuestImage("small");
  const images = join(folder, "images");
  const at = join(images, "small");
  mkdirSync(at, { recursive: true });
  for (const from of [image.kernel, image.initrd, join(dirname(image.kernel), "manifest.json")]) {
    const to = join(at, from.split("/").at(-1) ?? "");
    copyFileSync(from, to);
    chmodSync(to, 0o644);
  }
  for (const made of [images, at]) chmodSync(made, 0o755);
  return images;
}
