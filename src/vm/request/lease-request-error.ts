/** A request for a lease that is none, or does not hold. */
export class LeaseRequestError extends Error {
  override readonly name = "LeaseRequestError";
  constructor(
    /** What is wrong: `request.sshKey`, `request.tunnel.endpoint.port`. */
    readonly field: string,
    /** In what way, as the end of a sentence. */
    readonly why: string,
  ) {
    super(`${field}: ${why}`);
  }
}
