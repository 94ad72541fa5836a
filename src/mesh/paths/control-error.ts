/** A control message that did not get there, as far as its sender can know. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  constructor(
    readonly reason:
      | "unknown peer"
      | "timeout"
      | "too long"
      | "busy"
      | "removed"
      | "bad channel"
      | "unserved",
    detail: string,
  ) {
    super(`${reason}: ${detail}`);
  }
}
