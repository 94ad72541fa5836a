import type { LinkAddress } from "../../lora/index.ts";

/** A box that hears this one. */
export interface Listener {
  readonly address: LinkAddress;
  /** Whom it hears, by its own word. */
  readonly hears: ReadonlyMap<LinkAddress, unknown>;
}

/** This box, as it has told its neighbours. */
export interface Own {
  readonly address: LinkAddress;
  /** How many it hears. */
  readonly hears: number;
}

/**
 * Whether all that hear this box are reached without it: by those that have sent something, or by listeners that hear one of these and
 * come before this box: they hear more boxes, or as many and their address is the higher. Where all follow this those that send are connected and reach all
 * (the coverage condition of Wu and Dai, "A Generic Distributed Broadcast Scheme in Ad Hoc Wireless Networks", IEEE Transactions on
 * Computers 53(10), 2004).
 * @param reachedBy whom a box reaches, as far as is known here
 */
export function areReachedWithout(
  own: Own,
  listeners: readonly Listener[],
  senders: Iterable<LinkAddress>,
  reachedBy: (address: LinkAddress) => Iterable<LinkAddress>,
): boolean {
  const reached = new Set<LinkAddress>();
  const next = [...senders];
  const left = new Set(
    listeners.filter((listener) => comesBefore(listener, own)).map(({ address }) => address),
  );
  for (let sender = next.pop(); sender !== undefined; sender = next.pop()) {
    left.delete(sender);
    reached.add(sender);
    for (const other of reachedBy(sender)) reached.add(other);
    for (const address of left)
      if (reached.has(address)) {
        left.delete(address);
        next.push(address);
      }
  }
  return listeners.every(({ address }) => reached.has(address));
}

/**
 * Listeners that have something from this box or from nobody, as far as is known here, and hear others beside it: so that they will repeat
 * it, and be heard.
 * @param mayHave whether a box has it, or will most likely have it otherwise
 */
export function dependentsOf(
  own: LinkAddress,
  listeners: readonly Listener[],
  mayHave: (address: LinkAddress) => boolean,
): LinkAddress[] {
  const near = new Set(listeners.map(({ address }) => address));
  const isDependent = ({ address, hears }: Listener) => {
    const others = [...hears.keys()].filter((other) => other !== own);
    return (
      !mayHave(address) && others.length > 0 && !others.some((other) => near.has(other) || mayHave(other))
    );
  };
  return listeners.filter(isDependent).map(({ address }) => address);
}

const comesBefore = ({ address, hears }: Listener, own: Own): boolean =>
  hears.size > own.hears || (hears.size === own.hears && address > own.address);
