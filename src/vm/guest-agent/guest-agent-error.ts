/** What was asked of a guest's agent and has not come about. A machine whose preparation ends with it is of no use. */
export class GuestAgentError extends Error {
  override readonly name = "GuestAgentError";
  constructor(
    /** The command that it failed at: `seed`, `ssh`. */
    readonly step: string,
    readonly reason: string,
  ) {
    super(`the guest's agent, ${step}: ${reason}`);
  }
}
