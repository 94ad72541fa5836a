/** How long what is over is remembered: as long as a withdrawal at least. */
export const ENDED_FOR_S = 7 * 86_400;

/** A statement that is over or was replaced, without its text: enough to know it again. */
export interface Ended {
  tag: string;
  /** In hex, as the signer's key is. */
  station: string;
  signer: string;
  serial: number;
  lifetimeS: number;
  /** Goes on being counted. */
  ageS: number;
}

interface Kept extends Ended {
  /** When its age was what it says, on the monotonic clock in ms. */
  sinceMs: number;
  /** Its time is over, and that was told. */
  isOver: boolean;
  /** The age that is on the medium. */
  savedS: number;
}

/** Ages on the medium are no further behind than this: they are many, and a medium wears. */
const SAVE_EVERY_S = 3_600;

/**
 * The statements of one network that are not taken in again, although a box whose count lags may bring them: those that are
 * over, and those that a later one replaced. Each is forgotten a week after its time is over. Of whoever has most of them the
 * first gives way where there is no room.
 */
export class EndedStatements {
  private readonly byTag = new Map<string, Kept>();
  private readonly bySigner = new Map<string, Set<string>>();
  private dropped: string[] = [];

  /** @param nowMs the monotonic clock */
  constructor(
    private readonly nowMs: () => number,
    private readonly limits: { ofABox: number; inAll: number },
  ) {}

  get size(): number {
    return this.byTag.size;
  }

  add(ended: Ended): void {
    this.keep({ ...ended, sinceMs: this.nowMs(), isOver: false, savedS: Number.NEGATIVE_INFINITY });
  }

  /** Puts one back as it was on the medium. */
  restore(ended: Ended): void {
    const isOver = ended.ageS >= ended.lifetimeS;
    this.keep({ ...ended, sinceMs: this.nowMs(), isOver, savedS: ended.ageS });
  }

  /** @returns undefined where it is not known */
  ageOf(tag: string): number | undefined {
    const kept = this.byTag.get(tag);
    return kept && this.ageS(kept);
  }

  /** Somebody has counted for longer. @returns whether that was so */
  grow(tag: string, ageS: number): boolean {
    const kept = this.byTag.get(tag);
    if (!kept) return false;
    // Others can say that it is over, not for how long: it is this box that remembers it for a week.
    const mostS = Math.min(ageS, kept.lifetimeS);
    if (mostS <= this.ageS(kept)) return false;
    Object.assign(kept, { ageS: mostS, sinceMs: this.nowMs() });
    return true;
  }

  /** Of what a box has said of a station and has ended, that with the highest serial. */
  lastOf(signer: string, stations: readonly string[]): Ended | undefined {
    let last: Kept | undefined;
    for (const tag of this.bySigner.get(signer) ?? []) {
      const one = this.byTag.get(tag);
      if (one && stations.includes(one.station) && one.serial >= (last?.serial ?? 0)) last = one;
    }
    return last && this.present(last);
  }

  /** Forgets those whose time has been over for long, and those of these boxes. @returns whose time is over since the last sweep */
  sweep(out: ReadonlySet<string>): Ended[] {
    const over: Ended[] = [];
    for (const kept of [...this.byTag.values()]) {
      const ageS = this.ageS(kept);
      if (!kept.isOver && ageS >= kept.lifetimeS) {
        kept.isOver = true;
        over.push(this.present(kept));
      }
      if (ageS >= kept.lifetimeS + ENDED_FOR_S || out.has(kept.signer)) this.drop(kept);
    }
    return over;
  }

  /** What is to be written to the medium and taken from it; it is said once. */
  unsaved(): { put: Ended[]; gone: string[] } {
    const put: Ended[] = [];
    for (const kept of this.byTag.values()) {
      const ageS = this.ageS(kept);
      if (ageS - kept.savedS < SAVE_EVERY_S) continue;
      kept.savedS = ageS;
      put.push(this.present(kept));
    }
    const gone = this.dropped.filter((tag) => !this.byTag.has(tag));
    this.dropped = [];
    return { put, gone };
  }

  private keep(kept: Kept): void {
    if (this.byTag.has(kept.tag)) return;
    this.byTag.set(kept.tag, kept);
    const tags = this.bySigner.get(kept.signer) ?? new Set();
    this.bySigner.set(kept.signer, tags.add(kept.tag));
    let most = tags;
    if (tags.size <= this.limits.ofABox) {
      if (this.byTag.size <= this.limits.inAll) return;
      for (const others of this.bySigner.values()) if (others.size > most.size) most = others;
    }
    const [first] = most;
    const gone = first === undefined ? undefined : this.byTag.get(first);
    if (gone) this.drop(gone);
  }

  private drop({ tag, signer, savedS }: Kept): void {
    this.byTag.delete(tag);
    const tags = this.bySigner.get(signer);
    tags?.delete(tag);
    if (tags?.size === 0) this.bySigner.delete(signer);
    if (savedS >= 0) this.dropped.push(tag);
  }

  private present(kept: Kept): Ended {
    const { tag, station, signer, serial, lifetimeS } = kept;
    return { tag, station, signer, serial, lifetimeS, ageS: this.ageS(kept) };
  }

  private ageS({ ageS, sinceMs }: Kept): number {
    return ageS + Math.floor((this.nowMs() - sinceMs) / 1_000);
  }
}
