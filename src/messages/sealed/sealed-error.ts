export type SealedProblem =
  /** Not in the form of a sealed message, or what was in it is no body. */
  | "malformed"
  /** There is no session with this person, and no card of theirs to begin one by. */
  | "no-card"
  /** It stands on a session or a prekey that is not here, or not any more: whoever sent it must begin anew. */
  | "lost"
  /** It was opened before. */
  | "repeated";

/** A message that cannot be sealed or opened. */
export class SealedError extends Error {
  override readonly name = "SealedError";
  constructor(
    readonly problem: SealedProblem,
    why: string,
  ) {
    super(`sealed message: ${why}`);
  }
}
