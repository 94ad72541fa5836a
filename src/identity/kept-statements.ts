import type { Clock } from "../host/clock.ts";
import { AdmissionRate } from "./admission-rate.ts";
import { isSameKey } from "./chain-check.ts";
import type { MembershipStore } from "./credentials.ts";
import { toBytes, toText } from "./membership-document.ts";
import type { Standing } from "./standing.ts";
import { looksLikeAdmission, StatementError } from "./statement.ts";
import { StatementBook } from "./statement-book.ts";

/** What others tell comes in numbers, and comes again: it need not be on the medium at once. */
const LAZY_WRITE_MS = 5_000;

export interface KeptStatementsOptions {
  network: Uint8Array;
  store: MembershipStore;
  clock: Clock;
  /** This box's public key in the network, now. */
  self: () => Uint8Array;
  /** There are others than before. */
  changed: () => void;
}

/** The statements of a network, as they are on the medium, and what they amount to now. */
export class KeptStatements {
  readonly book: StatementBook;
  private readonly admissionRate: AdmissionRate;
  private isDirty = false;
  private writtenMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: KeptStatementsOptions) {
    const monotonicMs = () => options.clock.monotonicMs();
    this.book = new StatementBook(options.network, monotonicMs);
    this.admissionRate = new AdmissionRate(monotonicMs);
  }

  /** Reads what was kept. @param leftOut told of what is none */
  read(leftOut: (error: unknown) => void): void {
    for (const statement of this.options.store.data.statements) {
      try {
        this.book.accept(toBytes(statement));
      } catch (error) {
        leftOut(error);
      }
    }
  }

  get standing(): Standing {
    return this.book.standingAt(this.wallS());
  }

  /** What the wall clock says, unless the network has proof that it is later: a Pi begins at some day in the past. */
  nowS(): number {
    return Math.max(this.wallS(), this.standing.floorS);
  }

  /**
   * Takes in what another has told.
   * @returns "known" also for what there is no room or no time for
   * @throws {StatementError}
   */
  hear(statement: Uint8Array): "new" | "known" {
    if (looksLikeAdmission(statement)) {
      if (this.book.has(statement) || !this.admissionRate.take()) return "known";
    }
    return this.take(statement);
  }

  /** The same of what this box says itself, however much. @throws {StatementError} */
  take(statement: Uint8Array): "new" | "known" {
    const accepted = this.book.accept(statement);
    if (accepted === undefined) return "known";
    const isUrgent =
      accepted.what !== "admission" &&
      (accepted.chain.length === 0 || isSameKey(accepted.signer, this.options.self()));
    this.accepted(isUrgent);
    return "new";
  }

  /** Takes in those of an export, with one write and one change; what is none is left out, as it is when it is read. */
  takeAll(statements: readonly Uint8Array[]): void {
    const news = statements.filter((statement) => {
      try {
        return this.book.accept(statement) !== undefined;
      } catch (error) {
        if (error instanceof StatementError) return false;
        throw error;
      }
    });
    if (news.length > 0) this.accepted(true);
  }

  /** Writes what is not yet on the medium. */
  flush(): void {
    if (!this.isDirty) return;
    this.isDirty = false;
    this.writtenMs = this.options.clock.monotonicMs();
    this.options.store.update((data) => {
      data.statements = this.book.all().map(({ bytes }) => toText(bytes));
    });
  }

  private wallS(): number {
    return Math.max(0, Math.floor(this.options.clock.wallMs() / 1_000));
  }

  private accepted(isUrgent: boolean): void {
    this.isDirty = true;
    if (isUrgent || this.options.clock.monotonicMs() - this.writtenMs >= LAZY_WRITE_MS) this.flush();
    this.options.changed();
  }
}
