import { MAX_IMAGE_BYTES } from "../../src/messages/sealed/sealed-body.ts";

/** From the best to what still shows something: longest side in pixels, and JPEG's quality. */
const STEPS = [
  [1_024, 0.7],
  [1_024, 0.5],
  [800, 0.5],
  [640, 0.5],
  [480, 0.45],
  [320, 0.4],
] as const;

/** A file that is no picture, or one that does not become small enough. */
export class PhotoError extends Error {
  override readonly name = "PhotoError";
}

/**
 * Scales a picture down to what a message may carry. What the camera wrote beside it, such as the place, is gone then.
 * @returns JPEG of at most {@link MAX_IMAGE_BYTES}
 * @throws {PhotoError}
 */
export async function scaledDown(file: Blob): Promise<Uint8Array> {
  const image = await loaded(file);
  for (const [side, quality] of STEPS) {
    const scale = Math.min(1, side / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
    const context = canvas.getContext("2d");
    if (context === null) throw new PhotoError("this browser draws no pictures");
    // JPEG has no transparency: what is not drawn would be black.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (blob !== null && blob.type === "image/jpeg" && blob.size <= MAX_IMAGE_BYTES) {
      return new Uint8Array(await new Response(blob).arrayBuffer());
    }
  }
  throw new PhotoError("it does not become small enough");
}

async function loaded(file: Blob): Promise<HTMLImageElement> {
  const url = URL.createObjectURL(file);
  try {
    return await new Promise((resolve, reject) => {
      const image = new Image();
      image.onload = () => resolve(image);
      image.onerror = () => reject(new PhotoError("it is no picture that this browser knows"));
      image.src = url;
    });
  } finally {
    URL.revokeObjectURL(url);
  }
}
