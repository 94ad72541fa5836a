import { keyText } from "./chain-check.ts";
import type { Statement } from "./statement.ts";

/** Order of one signer's statements; what comes first is kept longest. */
export type Compare<T extends Statement> = (a: T, b: T) => number;

/**
 * At most so many statements, shared fairly among their signers: when there is no room, who has most loses its last. One that
 * floods takes only what nobody else uses. What is kept depends on which statements have come, not on when: each signer
 * keeps the first of its own, so leaving out the rest early or late makes no difference.
 */
export class StatementPool<T extends Statement> {
  private readonly bySigner = new Map<string, T[]>();
  private count = 0;

  constructor(
    private readonly capacity: number,
    private readonly compare: Compare<T>,
  ) {}

  get size(): number {
    return this.count;
  }

  /** @returns whether there is room for it; what had to go for it */
  add(statement: T): { isKept: boolean; dropped: T | undefined } {
    const signer = keyText(statement.signer);
    const own = this.bySigner.get(signer) ?? [];
    this.bySigner.set(signer, own);
    const place = own.findIndex((other) => this.compare(statement, other) < 0);
    own.splice(place === -1 ? own.length : place, 0, statement);
    this.count += 1;
    const dropped = this.count > this.capacity ? this.dropLast() : undefined;
    return { isKept: dropped !== statement, dropped };
  }

  /** Removes what `isGone` says. @returns what was removed */
  remove(isGone: (statement: T) => boolean): T[] {
    const removed: T[] = [];
    for (const [signer, own] of this.bySigner) {
      const stays = own.filter((statement) => !isGone(statement));
      if (stays.length === own.length) continue;
      removed.push(...own.filter(isGone));
      if (stays.length === 0) this.bySigner.delete(signer);
      else this.bySigner.set(signer, stays);
    }
    this.count -= removed.length;
    return removed;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const own of this.bySigner.values()) yield* own;
  }

  private dropLast(): T | undefined {
    let most: [string, T[]] | undefined;
    for (const entry of this.bySigner) {
      const [signer, own] = entry;
      const longer = own.length - (most?.[1].length ?? 0);
      if (most === undefined || longer > 0 || (longer === 0 && signer > most[0])) most = entry;
    }
    const dropped = most?.[1].pop();
    if (most?.[1].length === 0) this.bySigner.delete(most[0]);
    if (dropped !== undefined) this.count -= 1;
    return dropped;
  }
}
