/** A disk for a lease cannot be had, or not be removed; the message names the part. */
export class OverlayError extends Error {
  override readonly name = "OverlayError";
}
