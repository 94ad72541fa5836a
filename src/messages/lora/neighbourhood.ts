import type { LinkAddress } from "../../lora/index.ts";
import { areReachedWithout, dependentsOf } from "./coverage.ts";
import type { HeardBox } from "./items.ts";

/** A box that has not been heard for so long is not near any more: it says hello more often than that. */
const AWAY_AFTER_MS = 100 * 60_000;
/** More are forgotten, those that do not say that they hear us and the longest unheard first: addresses cost an attacker nothing. */
const MAX_BOXES = 128;
/** Until all that are near have most likely been heard, after one was that was not known. */
const SETTLED_MS = 10 * 60_000;
/** How much the newest frame counts. */
const WEIGHT = 0.12;
/** Before anything is known. */
const FIRST_QUALITY = 0.8;
/** More frames than that are not missed one after the other: the box was away, or started anew. */
const MOST_MISSED = 24;
/** Of a box that nothing arrives at, or from. */
const LEAST_QUALITY = 0.05;
/** A perfect link, in the units of a metric. */
export const ONE_HOP = 8;
/** So many frames in a row that it did not answer, and it is out of reach until it is heard. */
const SILENT_AFTER = 5;
/** A share of frames that arrive from which on one transmission is believed to reach it. */
const SURE_QUALITY = 0.5;

export interface NearBox {
  readonly address: LinkAddress;
  heardAtMs: number;
  lastNumber: number;
  /** Of its frames, the share that arrives here. */
  inQuality: number;
  /** Of ours, the share that arrives there, as far as it says and answers. */
  outQuality: number;
  /** Whether it has said that it hears us. */
  isMutual: boolean | undefined;
  /** Whom it hears, and how well: 0 to 1. */
  hears: ReadonlyMap<LinkAddress, number>;
  /** Frames in a row that it should have answered. */
  unanswered: number;
  /** When it last said that it has just what is here for everyone; -Infinity: never. */
  sameAtMs: number;
}

/** The boxes that are heard here, how well, and whom they hear. */
export class Neighbourhood {
  private readonly boxes = new Map<LinkAddress, NearBox>();
  private newAtMs = Number.NEGATIVE_INFINITY;
  /** How many this box hears, by its last hello. */
  private saidToHear = 0;

  constructor(
    private readonly own: LinkAddress,
    private readonly nowMs: () => number,
  ) {}

  /** @returns whether it is new here, or was away */
  heard(address: LinkAddress, number: number): boolean {
    const nowMs = this.nowMs();
    const known = this.boxes.get(address);
    if (!known) {
      this.newAtMs = nowMs;
      if (this.boxes.size >= MAX_BOXES) this.forgetOne();
      this.boxes.set(address, {
        address,
        heardAtMs: nowMs,
        lastNumber: number,
        inQuality: FIRST_QUALITY,
        outQuality: FIRST_QUALITY,
        isMutual: undefined,
        hears: new Map(),
        unanswered: 0,
        sameAtMs: Number.NEGATIVE_INFINITY,
      });
      return true;
    }
    const wasAway = !this.isNear(address);
    if (wasAway) this.newAtMs = nowMs;
    const missed = (number - known.lastNumber - 1) & 0xff;
    if (missed < MOST_MISSED) known.inQuality *= (1 - WEIGHT) ** missed;
    known.inQuality += WEIGHT * (1 - known.inQuality);
    known.lastNumber = number;
    known.heardAtMs = nowMs;
    known.unanswered = 0;
    return wasAway;
  }

  /**
   * What a box says of those that it hears.
   * @param couldHear whether it has had time to hear us: else its silence about us says nothing
   * @returns whether it hears us, and did not by what it had said before
   */
  told(address: LinkAddress, heard: readonly HeardBox[], couldHear: boolean): boolean {
    const box = this.boxes.get(address);
    if (!box) return false;
    const wasDeaf = box.isMutual === false;
    box.hears = new Map(heard.map((other) => [other.address, other.quality / 255]));
    const ofUs = box.hears.get(this.own);
    if (ofUs === undefined) box.isMutual = couldHear ? false : undefined;
    else {
      box.isMutual = true;
      box.outQuality = (box.outQuality + ofUs) / 2;
    }
    return wasDeaf && box.isMutual === true;
  }

  /** It has, or has not, answered a frame in time. */
  answered(address: LinkAddress, hasAnswered: boolean): void {
    const box = this.boxes.get(address);
    if (!box) return;
    box.outQuality += 0.04 * (Number(hasAnswered) - box.outQuality);
    box.unanswered = hasAnswered ? 0 : box.unanswered + 1;
  }

  /** Whether nobody has come for long: then whoever is near is known. */
  get isSettled(): boolean {
    return this.nowMs() - this.newAtMs > SETTLED_MS;
  }

  /** It has just what is here for everyone, by its own word. */
  hasSame(address: LinkAddress): void {
    const box = this.boxes.get(address);
    if (box) box.sameAtMs = this.nowMs();
  }

  /** Whether it has said so after that moment. */
  hasHadSameSince(address: LinkAddress, sinceMs: number): boolean {
    return (this.boxes.get(address)?.sameAtMs ?? Number.NEGATIVE_INFINITY) > sinceMs;
  }

  isNear(address: LinkAddress): boolean {
    const box = this.boxes.get(address);
    return box !== undefined && this.nowMs() - box.heardAtMs < AWAY_AFTER_MS;
  }

  hasSpokenSince(address: LinkAddress, sinceMs: number): boolean {
    return (this.boxes.get(address)?.heardAtMs ?? Number.NEGATIVE_INFINITY) > sinceMs;
  }

  isSilent(address: LinkAddress): boolean {
    return (this.boxes.get(address)?.unanswered ?? 0) >= SILENT_AFTER;
  }

  near(): readonly NearBox[] {
    return [...this.boxes.values()].filter(({ address }) => this.isNear(address));
  }

  /** Boxes that are near, and hear us as far as is known. */
  listeners(): readonly LinkAddress[] {
    return this.listening().map(({ address }) => address);
  }

  /** Transmissions that it takes until a frame is there and its answer here, times {@link ONE_HOP}; Infinity: out of reach. */
  cost(address: LinkAddress): number {
    const box = this.boxes.get(address);
    if (!box || !this.isNear(address) || box.isMutual === false || this.isSilent(address))
      return Number.POSITIVE_INFINITY;
    return ONE_HOP / (Math.max(LEAST_QUALITY, box.inQuality) * Math.max(LEAST_QUALITY, box.outQuality));
  }

  /** Who has most likely heard what this box has sent: it hears them, or they it, well. */
  around(address: LinkAddress): ReadonlySet<LinkAddress> {
    const around = new Set<LinkAddress>();
    for (const [other, quality] of this.boxes.get(address)?.hears ?? [])
      if (quality >= SURE_QUALITY) around.add(other);
    for (const box of this.near()) if ((box.hears.get(address) ?? 0) >= SURE_QUALITY) around.add(box.address);
    return around;
  }

  /** Whom a box reaches, as far as is known: those that say that they hear it, and those that it hears. */
  reachedBy(address: LinkAddress): ReadonlySet<LinkAddress> {
    return new Set([...(this.boxes.get(address)?.hears.keys() ?? []), ...this.around(address)]);
  }

  /** Those that hear this box and alone of them reach somebody whom it does not reach itself. */
  soleWays(): readonly LinkAddress[] {
    const listeners = this.near().filter(({ isMutual }) => isMutual === true);
    const reached = new Map(listeners.map(({ address }) => [address, this.reachedBy(address)]));
    /** By how many of them each box is reached. */
    const ways = new Map<LinkAddress, number>();
    for (const others of reached.values())
      for (const other of others) ways.set(other, (ways.get(other) ?? 0) + 1);
    const isSole = (others: ReadonlySet<LinkAddress>) =>
      [...others].some((other) => other !== this.own && !reached.has(other) && ways.get(other) === 1);
    return [...reached].filter(([, others]) => isSole(others)).map(([address]) => address);
  }

  /** Whether all that hear this box are reached without it, see {@link areReachedWithout}. */
  areReachedWithout(senders: Iterable<LinkAddress>): boolean {
    const own = { address: this.own, hears: this.saidToHear };
    return areReachedWithout(own, this.listening(), senders, (address) => this.reachedBy(address));
  }

  /** Those that have it from this box or from nobody, see {@link dependentsOf}. */
  dependents(mayHave: (address: LinkAddress) => boolean): LinkAddress[] {
    return dependentsOf(
      this.own,
      this.listening().filter(({ isMutual }) => isMutual === true),
      mayHave,
    );
  }

  /** This box tells its neighbours that it hears so many. */
  saysToHear(count: number): void {
    this.saidToHear = count;
  }

  /** For a hello: those that are heard best. */
  heardBoxes(most: number): HeardBox[] {
    return this.near()
      .toSorted((a, b) => b.inQuality - a.inQuality)
      .slice(0, most)
      .map(({ address, inQuality }) => ({ address, quality: Math.round(inQuality * 255) }));
  }

  private listening(): NearBox[] {
    return this.near().filter(({ isMutual }) => isMutual !== false);
  }

  private forgetOne(): void {
    const worth = ({ address, isMutual }: NearBox) => Number(this.isNear(address) && isMutual === true);
    const [first] = [...this.boxes.values()].toSorted(
      (a, b) => worth(a) - worth(b) || a.heardAtMs - b.heardAtMs,
    );
    if (first) this.boxes.delete(first.address);
  }
}
