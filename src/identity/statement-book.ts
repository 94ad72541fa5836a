import { createHash } from "node:crypto";
import { isSameKey, keyText } from "./chain-check.ts";
import { type Admitted, type Revoked, standsOn } from "./hearing.ts";
import { type Rotated, type Standing, standingOf } from "./standing.ts";
import { openStatement, type Statement } from "./statement.ts";
import { StatementPool } from "./statement-pool.ts";

/** Room for 10,000 in all. The network's own revocations have room of their own that nobody else can take. */
const CAPACITY = { ownRevocations: 4_000, revocations: 3_000, admissions: 2_950, sharedKeys: 50 };

const oldestFirst = (a: Statement, b: Statement): number => a.issuedAt - b.issuedAt || (a.id < b.id ? -1 : 1);
/** To put somebody out is worth more than to close an invite. */
const outFirst = (a: Revoked, b: Revoked): number =>
  Number(a.kind !== "out") - Number(b.kind !== "out") || oldestFirst(a, b);
/**
 * By no date: else one that makes up ever older admissions would have each of them taken, told on and written by everybody. By
 * their hashes, of which fewer and fewer come before all the others, it is worth ever less.
 */
const byId = (a: Statement, b: Statement): number => (a.id < b.id ? -1 : 1);
const newestFirst = (a: Rotated, b: Rotated): number => b.epoch - a.epoch || oldestFirst(a, b);

const sameAdmission = ({ signer, invite, certificate: { subject } }: Admitted): string =>
  [signer, invite, subject].map(keyText).join(" ");

/** Enough of a statement's id to tell it from the others. */
const ID_BYTES = 16;

/** All statements of one network that this box knows, within bounds, and what they amount to. */
export class StatementBook {
  private readonly byId = new Map<string, Statement>();
  private readonly ownRevocations = new StatementPool<Revoked>(CAPACITY.ownRevocations, outFirst);
  private readonly revocations = new StatementPool<Revoked>(CAPACITY.revocations, outFirst);
  private readonly admissions = new StatementPool<Admitted>(CAPACITY.admissions, byId);
  private readonly sharedKeys = new StatementPool<Rotated>(CAPACITY.sharedKeys, newestFirst);
  /** By signer, invite and subject. */
  private readonly admissionsByKey = new Map<string, Admitted>();
  /** Whom the network's own key has put out. */
  private readonly outForGood = new Map<string, Revoked>();
  private found: { wallS: number; standing: Standing } | undefined;
  private digested: Uint8Array | undefined;

  constructor(private readonly network: Uint8Array) {}

  /**
   * Takes a statement in. Of any number of them, in any order and any number of times, the same are kept.
   * @returns the statement where it is new and kept
   * @throws {StatementError} when it is none
   */
  accept(bytes: Uint8Array): Statement | undefined {
    const id = createHash("sha256").update(bytes).digest("hex");
    if (this.byId.has(id)) return undefined;
    const statement = openStatement(bytes, this.network);
    // What the network's own key has said is final, so nothing of those whom it put out need be kept.
    if (standsOn(statement.chain, this.outForGood)) return undefined;
    if (statement.what === "admission" && !this.makeWayFor(statement)) return undefined;
    const { isKept, dropped } = this.put(statement);
    if (dropped !== undefined) this.forget(dropped);
    if (!isKept) return undefined;
    this.byId.set(statement.id, statement);
    this.found = undefined;
    this.digested = undefined;
    if (statement.what === "revocation" && statement.kind === "out" && statement.chain.length === 0) {
      this.outForGood.set(keyText(statement.key), statement);
      this.forgetThoseOut();
    }
    return statement;
  }

  /** Whether it is kept here. */
  has(bytes: Uint8Array): boolean {
    return this.byId.has(createHash("sha256").update(bytes).digest("hex"));
  }

  get size(): number {
    return this.byId.size;
  }

  /** @param wallS what the wall clock says, in seconds since 1970 */
  standingAt(wallS: number): Standing {
    if (this.found?.wallS !== wallS) {
      const revocations = [...this.ownRevocations, ...this.revocations];
      this.found = { wallS, standing: standingOf(revocations, this.admissions, this.sharedKeys, wallS) };
    }
    return this.found.standing;
  }

  /** Admissions before the closing of invites: who takes them one by one expels nobody on the way. */
  all(): Statement[] {
    return [...this.sharedKeys, ...this.admissions, ...this.ownRevocations, ...this.revocations];
  }

  /** SHA-256 over the ids in order: the same on boxes that know the same. */
  digest(): Uint8Array {
    if (this.digested === undefined) {
      const hash = createHash("sha256");
      for (const id of [...this.byId.keys()].sort()) hash.update(id, "hex");
      this.digested = Uint8Array.from(hash.digest());
    }
    return Uint8Array.from(this.digested);
  }

  /** {@link ID_BYTES} bytes for each statement, one after the other. */
  ids(): Uint8Array {
    return Buffer.concat(this.all().map(({ id }) => Buffer.from(id, "hex").subarray(0, ID_BYTES)));
  }

  /** Those that another does not have, given its {@link ids}; what is left over at their end is no id. */
  missingIn(ids: Uint8Array): Statement[] {
    const theirs = new Set<string>();
    for (let at = 0; at + ID_BYTES <= ids.length; at += ID_BYTES) {
      theirs.add(keyText(ids.subarray(at, at + ID_BYTES)));
    }
    return this.all().filter(({ id }) => !theirs.has(id.slice(0, 2 * ID_BYTES)));
  }

  /** Everybody who is said to have come by an invite, also by those who are not heard yet. */
  admissionsOf(invite: Uint8Array): Admitted[] {
    return [...this.admissions].filter((admission) => isSameKey(admission.invite, invite));
  }

  /** Everybody who is said to have come by any invite. */
  admitted(): Iterable<Admitted> {
    return this.admissions;
  }

  /** A signer says once that somebody came. Of more the same one is kept everywhere. @returns whether this is the one */
  private makeWayFor(admission: Admitted): boolean {
    const key = sameAdmission(admission);
    const other = this.admissionsByKey.get(key);
    if (other !== undefined && byId(other, admission) < 0) return false;
    this.admissionsByKey.set(key, admission);
    if (other !== undefined) {
      this.admissions.remove((known) => known === other);
      this.byId.delete(other.id);
    }
    return true;
  }

  private put(statement: Statement): { isKept: boolean; dropped: Statement | undefined } {
    switch (statement.what) {
      case "revocation":
        return (statement.chain.length === 0 ? this.ownRevocations : this.revocations).add(statement);
      case "admission":
        return this.admissions.add(statement);
      case "shared-key":
        return this.sharedKeys.add(statement);
    }
  }

  private forget(statement: Statement): void {
    this.byId.delete(statement.id);
    if (statement.what === "admission") this.admissionsByKey.delete(sameAdmission(statement));
  }

  private forgetThoseOut(): void {
    const isGone = ({ chain }: Statement) => standsOn(chain, this.outForGood) !== undefined;
    for (const pool of [this.revocations, this.admissions, this.sharedKeys]) {
      for (const statement of pool.remove(isGone)) this.forget(statement);
    }
  }
}
