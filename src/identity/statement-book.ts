import { createHash } from "node:crypto";
import { AdmissionPool } from "./admission-pool.ts";
import { keyText } from "./chain-check.ts";
import { type Admitted, type Revoked, standsOn } from "./hearing.ts";
import { LatestStanding, type TimedStanding } from "./latest-standing.ts";
import { type Rotated, type Standing, standingOf } from "./standing.ts";
import { openStatement, type Statement } from "./statement.ts";
import { StatementPool } from "./statement-pool.ts";

/** Room for 10,000 in all. The network's own revocations have room of their own that nobody else can take. */
const CAPACITY = { ownRevocations: 4_000, revocations: 3_000, admissions: 2_950, sharedKeys: 50 };

const oldestFirst = (a: Statement, b: Statement): number => a.issuedAt - b.issuedAt || (a.id < b.id ? -1 : 1);
/** To put somebody out is worth more than to close an invite. */
const outFirst = (a: Revoked, b: Revoked): number =>
  Number(a.kind !== "out") - Number(b.kind !== "out") || oldestFirst(a, b);
const newestFirst = (a: Rotated, b: Rotated): number => b.epoch - a.epoch || oldestFirst(a, b);

/** All statements of one network that this box knows, within bounds, and what they amount to. */
export class StatementBook {
  private readonly byId = new Map<string, Statement>();
  private readonly ownRevocations = new StatementPool<Revoked>(outFirst, CAPACITY.ownRevocations);
  private readonly revocations = new StatementPool<Revoked>(outFirst, CAPACITY.revocations);
  private readonly admissions = new AdmissionPool(CAPACITY.admissions);
  private readonly sharedKeys = new StatementPool<Rotated>(newestFirst, CAPACITY.sharedKeys);
  /** Whom the network's own key has put out. */
  private readonly outForGood = new Map<string, Revoked>();
  private readonly latest: LatestStanding;

  constructor(
    private readonly network: Uint8Array,
    monotonicMs: () => number,
  ) {
    this.latest = new LatestStanding((wallS) => this.workOut(wallS), monotonicMs);
  }

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
    const { isKept, dropped } = this.put(statement);
    for (const gone of dropped) this.byId.delete(gone.id);
    if (!isKept) return undefined;
    this.byId.set(statement.id, statement);
    this.admissions.learn(statement.chain);
    this.latest.changed(statement.what !== "admission");
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

  /**
   * What they amount to. An admission may count a moment later, see {@link LatestStanding}.
   * @param wallS what the wall clock says, in seconds since 1970
   */
  standingAt(wallS: number): Standing {
    return this.latest.at(wallS);
  }

  /** What was taken in last counts from now on, however long that takes. */
  countNow(): void {
    this.latest.changed(true);
  }

  /** Admissions before the closing of invites: who takes them one by one expels nobody on the way. */
  all(): Statement[] {
    return [...this.sharedKeys, ...this.admissions, ...this.ownRevocations, ...this.revocations];
  }

  /** Everybody who is said to have come by an invite, also by those who are not heard yet. */
  admissionsOf(invite: Uint8Array): Admitted[] {
    return this.admissions.of(invite);
  }

  /** Everybody who is said to have come by any invite. */
  admitted(): Iterable<Admitted> {
    return this.admissions;
  }

  private workOut(wallS: number): TimedStanding {
    const revocations = [...this.ownRevocations, ...this.revocations];
    const standing = standingOf(revocations, this.admissions, this.sharedKeys, wallS);
    const nowS = Math.max(standing.floorS, wallS);
    const [before, after] = [[] as number[], [] as number[]];
    // Time enters by the certificates of those who have signed, and by nothing else.
    for (const { chain } of this.byId.values()) {
      const expiresAt = chain[0]?.expiresAt ?? 0;
      if (expiresAt !== 0) (expiresAt <= nowS ? before : after).push(expiresAt);
    }
    const fromS = before.reduce((latest, at) => Math.max(latest, at), 0);
    const untilS = after.reduce((next, at) => Math.min(next, at), Number.POSITIVE_INFINITY);
    return { standing, fromS, untilS };
  }

  private put(statement: Statement): { isKept: boolean; dropped: Statement[] } {
    switch (statement.what) {
      case "revocation":
        return (statement.chain.length === 0 ? this.ownRevocations : this.revocations).add(statement);
      case "admission":
        return this.admissions.add(statement);
      case "shared-key":
        return this.sharedKeys.add(statement);
    }
  }

  private forgetThoseOut(): void {
    const isGone = ({ chain }: Statement) => standsOn(chain, this.outForGood) !== undefined;
    for (const pool of [this.revocations, this.admissions, this.sharedKeys]) {
      for (const { id } of pool.remove(isGone)) this.byId.delete(id);
    }
  }
}
