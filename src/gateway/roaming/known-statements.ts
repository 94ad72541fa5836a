import { createHash } from "node:crypto";
import { type Ages, TAG_CHARS } from "./compared-ages.ts";
import { type Ended, EndedStatements } from "./ended-statements.ts";
import { MAX_LIFETIME_S, type Statement, supersedes, type Told } from "./statement.ts";

/** Of one box. One that lies can fill no more than this. */
const MAX_OF_A_BOX = 2_048;
/** Of all boxes of a network, as many as a box may have sessions. */
const MAX_STATEMENTS = 16_384;

interface Kept {
  told: Told;
  tag: string;
  station: string;
  signer: string;
  /** When its age was what `told` says, on the monotonic clock in ms. */
  sinceMs: number;
}

export interface KnownStatementsLimits {
  ofABox?: number;
  inAll?: number;
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

/** The latest statement of each station in one network, each until its time is over; what ended is not taken in again. */
export class KnownStatements {
  readonly ended: EndedStatements;
  private readonly byStation = new Map<string, Kept>();
  private readonly countBySigner = new Map<string, number>();
  private readonly ofABox: number;
  private readonly inAll: number;

  /** @param nowMs the monotonic clock */
  constructor(
    private readonly nowMs: () => number,
    { ofABox = MAX_OF_A_BOX, inAll = MAX_STATEMENTS }: KnownStatementsLimits = {},
  ) {
    this.ofABox = ofABox;
    this.inAll = inAll;
    this.ended = new EndedStatements(nowMs, { ofABox, inAll });
  }

  get size(): number {
    return this.byStation.size;
  }

  /**
   * Takes in a statement if it is later than what is known of its station, and has not ended here.
   * @returns whether it was, and the stations that gave way to it for want of room, in hex
   */
  take(told: Told): { isNew: boolean; gone: string[] } {
    const { statement } = told;
    const [station, signer] = [hex(statement.station), hex(statement.signer)];
    const kept = { told, tag: tagOf(told.signed), station, signer, sinceMs: this.nowMs() };
    if (this.ended.ageOf(kept.tag) !== undefined) {
      this.ended.grow(kept.tag, told.ageS);
      return { isNew: false, gone: [] };
    }
    const known = this.byStation.get(station);
    if (known?.tag === kept.tag) {
      // Somebody has counted for longer: time is never given back.
      if (told.ageS > this.ageS(known)) this.byStation.set(station, kept);
      return { isNew: false, gone: [] };
    }
    if (this.leftS(kept) <= 0) return { isNew: false, gone: [] };
    if (known && this.leftS(known) > 0 && !supersedes(statement, known.told.statement)) {
      this.ended.add(this.endedOf(kept));
      return { isNew: false, gone: [] };
    }
    if (known) {
      this.drop(known);
      this.ended.add(this.endedOf(known));
    }
    this.byStation.set(station, kept);
    this.countBySigner.set(signer, (this.countBySigner.get(signer) ?? 0) + 1);
    const gone = this.makeRoom(signer);
    return { isNew: !gone.includes(station), gone };
  }

  /** What holds of a station that has several names: one for each shared key. */
  latest(stations: readonly string[]): { told: Told; leftS: number } | undefined {
    let latest: Kept | undefined;
    for (const station of stations) {
      const one = this.byStation.get(station);
      if (!one || this.leftS(one) <= 0) continue;
      if (!latest || supersedes(one.told.statement, latest.told.statement)) latest = one;
    }
    return latest && { told: this.toldNow(latest), leftS: this.leftS(latest) };
  }

  get(station: string): Told | undefined {
    const kept = this.byStation.get(station);
    return kept && this.leftS(kept) > 0 ? this.toldNow(kept) : undefined;
  }

  /** All that holds, each with its tag, its station in hex and its present age. */
  *all(): Generator<{ tag: string; station: string; told: Told }> {
    for (const kept of this.byStation.values()) {
      if (this.leftS(kept) > 0) yield { tag: kept.tag, station: kept.station, told: this.toldNow(kept) };
    }
  }

  /** What a neighbour is asked with. */
  ages(): Map<string, number> {
    return new Map([...this.byStation.values()].map((kept) => [kept.tag, this.ageS(kept)]));
  }

  /** Of what a neighbour has named, what has been counted for longer here, or has ended here. */
  agesBeyond(theirs: Ages): Map<string, number> {
    const mine = this.ages();
    const beyond = new Map<string, number>();
    for (const [tag, theirS] of theirs) {
      const ageS = mine.get(tag) ?? this.ended.ageOf(tag);
      if (ageS !== undefined && ageS > theirS) beyond.set(tag, ageS);
    }
    return beyond;
  }

  /** Takes over the ages of who has counted for longer: time is never given back. */
  evenOut(theirs: Ages): void {
    for (const kept of this.byStation.values()) {
      const ageS = theirs.get(kept.tag);
      if (ageS === undefined || ageS <= this.ageS(kept)) continue;
      kept.told = { ...kept.told, ageS };
      kept.sinceMs = this.nowMs();
    }
    for (const [tag, ageS] of theirs) this.ended.grow(tag, ageS);
  }

  /** The keys of the boxes whose statements are known. */
  signers(): Uint8Array[] {
    return [...this.countBySigner.keys()].map((signer) => Uint8Array.from(Buffer.from(signer, "hex")));
  }

  /**
   * Ends what is over, and forgets what these boxes have said.
   * @returns the stations of which nothing is known now, in hex, and whose time is over since the last sweep
   */
  sweep(out: readonly Uint8Array[] = []): { gone: string[]; over: Ended[] } {
    const signers = new Set(out.map(hex));
    const gone = [...this.byStation.values()].filter(
      (kept) => this.leftS(kept) <= 0 || signers.has(kept.signer),
    );
    for (const kept of gone) {
      this.drop(kept);
      if (!signers.has(kept.signer)) this.ended.add(this.endedOf(kept));
    }
    return { gone: gone.map(({ station }) => station), over: this.ended.sweep(signers) };
  }

  /**
   * Of whoever has said most, what was said first gives way: a box that says much displaces its own. Not what ends first: guests
   * who come and go in numbers, under made-up addresses, leave withdrawals that outlast every new agreement.
   */
  private makeRoom(signer: string): string[] {
    let of = signer;
    if ((this.countBySigner.get(signer) ?? 0) <= this.ofABox) {
      if (this.byStation.size <= this.inAll) return [];
      for (const [one, count] of this.countBySigner) if (count > (this.countBySigner.get(of) ?? 0)) of = one;
    }
    let first: Kept | undefined;
    for (const kept of this.byStation.values()) {
      if (kept.signer === of && (!first || this.isBefore(kept, first))) first = kept;
    }
    if (!first) return [];
    this.drop(first);
    return [first.station];
  }

  private isBefore(a: Kept, b: Kept): boolean {
    const olderS = this.ageS(a) - this.ageS(b);
    return olderS > 0 || (olderS === 0 && this.leftS(a) < this.leftS(b));
  }

  private drop({ station, signer }: Kept): void {
    this.byStation.delete(station);
    const count = (this.countBySigner.get(signer) ?? 1) - 1;
    if (count > 0) this.countBySigner.set(signer, count);
    else this.countBySigner.delete(signer);
  }

  private endedOf(kept: Kept): Ended {
    const { tag, station, signer, told } = kept;
    const { serial, lifetimeS } = told.statement;
    return { tag, station, signer, serial, lifetimeS, ageS: this.ageS(kept) };
  }

  private ageS({ told, sinceMs }: Kept): number {
    return Math.min(MAX_LIFETIME_S, told.ageS + Math.floor((this.nowMs() - sinceMs) / 1_000));
  }

  private leftS(kept: Kept): number {
    return kept.told.statement.lifetimeS - this.ageS(kept);
  }

  private toldNow(kept: Kept): Told {
    return { ...kept.told, ageS: this.ageS(kept) };
  }
}

export const tagOf = (signed: Uint8Array): string =>
  createHash("sha256").update(signed).digest("hex").slice(0, TAG_CHARS);

/** How long an agreement still holds at a box that gives agreements of `mostS` itself. */
export const holdsForS = ({ lifetimeS }: Statement, ageS: number, mostS: number): number =>
  Math.max(0, Math.min(lifetimeS, mostS) - ageS);
