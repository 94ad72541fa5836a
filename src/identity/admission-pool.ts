import type { Certificate } from "./certificate.ts";
import { entriesOf, keyText } from "./chain-check.ts";
import type { Admitted } from "./hearing.ts";
import { StatementPool } from "./statement-pool.ts";

/** More invites than that are no more told from made-up ones. */
const MAX_KNOWN_INVITES = 10_000;

/**
 * By no date: else one that makes up ever older admissions would have each of them taken, told on and written by everybody. By
 * their hashes, of which fewer and fewer come before all the others, it is worth ever less.
 */
const byId = (a: Admitted, b: Admitted): number => (a.id < b.id ? -1 : 1);

const sameAdmission = ({ signer, invite, certificate: { subject } }: Admitted): string =>
  [signer, invite, subject].map(keyText).join(" ");

/**
 * At most so many admissions. An admission does not show that its invite was ever made, so one member could make up invites
 * without number: those are known that somebody who has signed a statement came by, and of the others admissions go first.
 */
export class AdmissionPool {
  private readonly ofKnown = new StatementPool<Admitted>(byId);
  private readonly ofStrange = new StatementPool<Admitted>(byId);
  private readonly knownInvites = new Set<string>();
  private readonly byInvite = new Map<string, Set<Admitted>>();
  /** By signer, invite and subject. */
  private readonly byFact = new Map<string, Admitted>();

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.ofKnown.size + this.ofStrange.size;
  }

  /**
   * A signer says once that somebody came. Of more the same one is kept everywhere.
   * @returns whether it is kept; what had to go for it
   */
  add(admission: Admitted): { isKept: boolean; dropped: Admitted[] } {
    const same = this.byFact.get(sameAdmission(admission));
    if (same !== undefined && byId(same, admission) < 0) return { isKept: false, dropped: [] };
    const dropped = same === undefined ? [] : [same];
    if (same !== undefined) this.remove((known) => known === same);
    this.poolOf(admission).add(admission);
    this.note(admission);
    const last = this.size > this.capacity ? this.dropLast() : undefined;
    if (last !== undefined) dropped.push(last);
    return { isKept: last !== admission, dropped };
  }

  /** Somebody with these certificates has signed a statement: the invites in them are known. */
  learn(chain: readonly Certificate[]): void {
    for (const { invite } of entriesOf(chain)) {
      const key = keyText(invite);
      if (this.knownInvites.has(key) || this.knownInvites.size >= MAX_KNOWN_INVITES) continue;
      this.knownInvites.add(key);
      const its = this.byInvite.get(key);
      if (its === undefined) continue;
      for (const admission of this.ofStrange.remove((one) => its.has(one))) this.ofKnown.add(admission);
    }
  }

  /** Removes what `isGone` says. @returns what was removed */
  remove(isGone: (admission: Admitted) => boolean): Admitted[] {
    const removed = [...this.ofKnown.remove(isGone), ...this.ofStrange.remove(isGone)];
    for (const admission of removed) this.forget(admission);
    return removed;
  }

  /** Everybody who is said to have come by an invite. */
  of(invite: Uint8Array): Admitted[] {
    return [...(this.byInvite.get(keyText(invite)) ?? [])];
  }

  *[Symbol.iterator](): Generator<Admitted> {
    yield* this.ofKnown;
    yield* this.ofStrange;
  }

  private poolOf({ invite }: Admitted): StatementPool<Admitted> {
    return this.knownInvites.has(keyText(invite)) ? this.ofKnown : this.ofStrange;
  }

  private dropLast(): Admitted | undefined {
    const last = this.ofStrange.dropLast() ?? this.ofKnown.dropLast();
    if (last !== undefined) this.forget(last);
    return last;
  }

  private note(admission: Admitted): void {
    const key = keyText(admission.invite);
    const its = this.byInvite.get(key) ?? new Set<Admitted>();
    this.byInvite.set(key, its.add(admission));
    this.byFact.set(sameAdmission(admission), admission);
  }

  private forget(admission: Admitted): void {
    const key = keyText(admission.invite);
    const its = this.byInvite.get(key);
    its?.delete(admission);
    if (its?.size === 0) this.byInvite.delete(key);
    this.byFact.delete(sameAdmission(admission));
  }
}
