import { keyText } from "./chain-check.ts";
import type { Statement } from "./statement.ts";

/** Order of one signer's statements; what comes first is kept longest. */
export type Compare<T extends Statement> = (a: T, b: T) => number;

/**
 * Statements, and which of them goes when there is no room: the branch with most loses, of it the signer with most, and of that its
 * last. A branch is all that stands below one certificate of the network's key: whoever holds an invite can make up signers
 * without number, but all in one branch. What is kept depends on which statements have come, not on when.
 */
export class StatementPool<T extends Statement> {
  private readonly branches = new Map<string, { count: number; bySigner: Map<string, T[]> }>();
  private count = 0;

  /** @param capacity at most so many; without, whoever holds it says when one is to go */
  constructor(
    private readonly compare: Compare<T>,
    private readonly capacity = Number.POSITIVE_INFINITY,
  ) {}

  get size(): number {
    return this.count;
  }

  /** @returns whether there is room for it; what had to go for it */
  add(statement: T): { isKept: boolean; dropped: T[] } {
    const branch = this.branches.get(branchOf(statement)) ?? { count: 0, bySigner: new Map<string, T[]>() };
    this.branches.set(branchOf(statement), branch);
    const signer = keyText(statement.signer);
    const own = branch.bySigner.get(signer) ?? [];
    branch.bySigner.set(signer, own);
    const place = own.findIndex((other) => this.compare(statement, other) < 0);
    own.splice(place === -1 ? own.length : place, 0, statement);
    branch.count += 1;
    this.count += 1;
    const dropped = this.count > this.capacity ? this.dropLast() : undefined;
    return { isKept: dropped !== statement, dropped: dropped === undefined ? [] : [dropped] };
  }

  /** Removes what `isGone` says. @returns what was removed */
  remove(isGone: (statement: T) => boolean): T[] {
    const removed: T[] = [];
    for (const [name, branch] of this.branches) {
      for (const [signer, own] of branch.bySigner) {
        const gone = own.filter(isGone);
        if (gone.length === 0) continue;
        removed.push(...gone);
        branch.count -= gone.length;
        const stays = own.filter((statement) => !gone.includes(statement));
        if (stays.length === 0) branch.bySigner.delete(signer);
        else branch.bySigner.set(signer, stays);
      }
      if (branch.count === 0) this.branches.delete(name);
    }
    this.count -= removed.length;
    return removed;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const { bySigner } of this.branches.values()) for (const own of bySigner.values()) yield* own;
  }

  /** Removes the one that is worth least. */
  dropLast(): T | undefined {
    const branch = most(this.branches, ({ count }) => count);
    const signer = branch && most(branch[1].bySigner, ({ length }) => length);
    const dropped = signer?.[1].pop();
    if (branch === undefined || signer === undefined || dropped === undefined) return undefined;
    if (signer[1].length === 0) branch[1].bySigner.delete(signer[0]);
    branch[1].count -= 1;
    if (branch[1].count === 0) this.branches.delete(branch[0]);
    this.count -= 1;
    return dropped;
  }
}

/** The certificate that the network's key has signed; the key itself is a branch of its own. */
const branchOf = ({ chain, signer }: Statement): string => keyText(chain.at(-1)?.subject ?? signer);

function most<V>(entries: ReadonlyMap<string, V>, size: (value: V) => number): [string, V] | undefined {
  let found: [string, V] | undefined;
  for (const entry of entries) {
    const more = found === undefined ? 1 : size(entry[1]) - size(found[1]);
    if (found === undefined || more > 0 || (more === 0 && entry[0] > found[0])) found = entry;
  }
  return found;
}
