/** A checkpoint that is none, that was changed, or that cannot go on here. */
export class CheckpointError extends Error {
  override readonly name = "CheckpointError";
  constructor(
    /** What is wrong: `checkpoint.image`, `offer.signature`. */
    readonly field: string,
    /** In what way, as the end of a sentence. */
    readonly why: string,
  ) {
    super(`${field}: ${why}`);
  }
}
