/** What came of asking one provider. */
export type ProviderReply<T> =
  | { is: "lent"; what: T }
  /** It lends nothing, or was not reached: another may. */
  | { is: "not lent"; why: string };

export type TurnsOutcome<P, T> =
  | { by: P; what: T; refused: readonly { provider: P; why: string }[] }
  | { by: undefined; what: undefined; refused: readonly { provider: P; why: string }[] };

/**
 * Asks one provider after the other until one lends.
 * @param ask asks one; what it throws ends it all
 * @param told of each that has not lent, before the next is asked
 * @param isOver nobody wants it any more: no further one is asked
 */
export async function askInTurn<P, T>(
  providers: readonly P[],
  ask: (provider: P) => Promise<ProviderReply<T>>,
  told: (provider: P, why: string) => void = () => {},
  isOver: () => boolean = () => false,
): Promise<TurnsOutcome<P, T>> {
  const refused: { provider: P; why: string }[] = [];
  for (const provider of providers) {
    if (isOver()) break;
    const reply = await ask(provider);
    if (reply.is === "lent") return { by: provider, what: reply.what, refused };
    refused.push({ provider, why: reply.why });
    told(provider, reply.why);
  }
  return { by: undefined, what: undefined, refused };
}
