import type { LinkAddress } from "../../lora/index.ts";

/**
 * Who should repeat what a box has sent to everyone, in order, until all that these can reach have heard it: each time the
 * one that reaches the most that have not (the greedy choice of multipoint relays, RFC 3626, section 8.3.1). Each of
 * those that heard it works that out for itself, and nothing is said about it.
 * @param candidates those that have heard it, with whom they reach
 * @param covered those that need it no more
 */
export function relayOrder(
  candidates: ReadonlyMap<LinkAddress, Iterable<LinkAddress>>,
  covered: Iterable<LinkAddress>,
): LinkAddress[] {
  const done = new Set(covered);
  const left = new Map([...candidates].map(([address, reached]) => [address, new Set(reached)]));
  const order: LinkAddress[] = [];
  for (;;) {
    let best: LinkAddress | undefined;
    let most = 0;
    for (const [address, reached] of left) {
      let gain = 0;
      for (const other of reached) if (!done.has(other)) gain += 1;
      if (gain > most || (gain === most && gain > 0 && best !== undefined && address < best)) {
        best = address;
        most = gain;
      }
    }
    if (best === undefined) return order;
    order.push(best);
    for (const other of left.get(best) ?? []) done.add(other);
    left.delete(best);
  }
}
