/** Reasons of those who belong to the network, or did. */
const TOLD = new Set(["expired", "revoked"]);

/**
 * Whether a refused peer may be told why. One whose certificate comes from this network's own key and no longer holds
 * should find out; a stranger should not even find out that this is a network of ours.
 */
export function mayTellRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !("reason" in error)) return false;
  return typeof error.reason === "string" && TOLD.has(error.reason);
}
