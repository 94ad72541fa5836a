/** A virtual machine's egress is not as it is to be, or could not be made so; nothing of it is left then. */
export class EgressError extends Error {
  override readonly name = "EgressError";
  /** @param thing what is wrong: "namespace", "tunnel", "routes", "rules", … */
  constructor(
    readonly thing: string,
    readonly why: string,
  ) {
    super(`${thing}: ${why}`);
  }
}
