import type { Timers } from "../../host/timers.ts";
import type { Unanswered } from "../nat/nat-kind.ts";
import type { Ways } from "./courier.ts";
import { type Path, zoneOf } from "./path.ts";
import { choosePath, isUsable, type PathChoice, type PathPolicy } from "./path-choice.ts";
import { PathSet } from "./path-set.ts";
import type { PathOffer, PathStatus, PathTarget } from "./paths-interface.ts";
import { proofIntervalMs } from "./proof-schedule.ts";
import { isSuperseded, type KnownWay } from "./superseded.ts";

export interface PeerWaysHost {
  timers: Timers;
  random: () => number;
  policy: PathPolicy;
  /** @returns bytes of the datagram @throws when it cannot leave */
  transmit: (target: PathTarget, body: Uint8Array) => number;
  maxDatagramBytes: (target: PathTarget) => number;
  /** What a path depends on: its interface, or what leads to the box that forwards. */
  dependsOn: (path: Path) => string | undefined;
  /** What kind of path it is that datagrams have come by without an offer. */
  classify: (target: PathTarget, interfaceName: string | undefined) => PathOffer;
  /** Messages that are on their way had better go again, by what is chosen now. */
  waysChanged: () => void;
  pathChanged: (status: PathStatus) => void;
  reachable: (isReachable: boolean) => void;
}

/** Messages to or from the peer so long ago still count as traffic. */
const BUSY_MS = 10_000;
/** That the peer uses another path than we do is looked into so often at most. */
const OTHER_WAY_MS = 500;

/** The paths to one peer, and which of them is taken. */
export class PeerWays {
  private readonly paths: PathSet;
  private choice: PathChoice = { inDoubt: true };
  private lostSinceMs: number | undefined;
  /** Since when nothing works, or LoRa alone. */
  private withoutSinceMs: number | undefined;
  private trafficMs = Number.NEGATIVE_INFINITY;
  private lookedAtChosenMs = Number.NEGATIVE_INFINITY;
  private isReviewing = false;
  private needsReview = false;
  private isStopped = false;
  private callOffReview: () => void = () => {};

  constructor(private readonly host: PeerWaysHost) {
    this.lostSinceMs = host.timers.monotonicMs();
    this.withoutSinceMs = this.lostSinceMs;
    this.paths = new PathSet({
      timers: host.timers,
      random: host.random,
      transmit: host.transmit,
      maxDatagramBytes: host.maxDatagramBytes,
      intervalMs: (path) => this.intervalMs(path),
      lostForMs: () => (this.withoutSinceMs === undefined ? undefined : this.nowMs - this.withoutSinceMs),
      hasOther: (path) => this.hasOtherThan(path),
      isWanted: (path) => path.offer.kind !== "lora" || !this.hasOtherThan(path),
      changed: () => this.review(),
    });
  }

  get all(): Path[] {
    return this.paths.all;
  }

  get chosen(): Path | undefined {
    return this.paths.get(this.choice.chosen);
  }

  /** Some path is proven. */
  get isReachable(): boolean {
    return this.lostSinceMs === undefined;
  }

  numbered(number: number): Path | undefined {
    return this.paths.numbered(number);
  }

  offer(offer: PathOffer): void {
    const path = this.paths.offer(offer);
    if (path) path.start();
    else this.paths.to(offer.target)?.prover.hint();
    this.review();
  }

  withdraw(id: string): void {
    if (this.paths.remove(id)) this.review();
  }

  /**
   * The path that something of the peer's has come by, a new one where that is from somewhere else. What is superseded here is
   * no path: whoever keeps the list of ways would take it away, its proof would have the peer begin it anew, and so for ever.
   */
  by(from: PathTarget, interfaceName: string | undefined): Path | undefined {
    const known = this.paths.to(from);
    if (known || isSuperseded(from.by, this.asKnown())) return known;
    const learned = this.paths.learn(this.host.classify(from, interfaceName ?? zoneOf(from)));
    learned?.start();
    return learned;
  }

  /** All are dead, or those of one interface: it is known without any proof. */
  die(interfaceName?: string): void {
    this.isReviewing = true;
    try {
      for (const path of this.paths.all)
        if (interfaceName === undefined || path.interface === interfaceName) path.prover.die();
    } finally {
      this.isReviewing = false;
    }
    this.review();
  }

  /** All are to be proven now, or those of one interface. */
  hint(interfaceName?: string): void {
    for (const path of this.paths.all)
      if (interfaceName === undefined || path.interface === interfaceName) path.prover.hint();
  }

  /** All that work are proven now, however lately they were. */
  prove(): void {
    for (const path of this.paths.all) {
      if (isProven(path)) path.prover.again();
      else path.prover.hint();
    }
  }

  /** The peer sends by another path than we do: perhaps it knows that ours has failed. */
  lookAtChosen(path: Path | undefined): void {
    const { chosen } = this;
    if (!chosen || chosen === path || this.nowMs - this.lookedAtChosenMs < OTHER_WAY_MS) return;
    this.lookedAtChosenMs = this.nowMs;
    chosen.prover.hint();
  }

  noteTraffic(): void {
    const wasBusy = this.nowMs - this.trafficMs < BUSY_MS;
    this.trafficMs = this.nowMs;
    if (!wasBusy) this.hurry();
  }

  ways(): Ways {
    const { chosen, second, inDoubt } = this.choice;
    const usable = this.paths.all.filter(
      ({ prover, offer }) => isUsable({ state: prover.state, kind: offer.kind }) && offer.kind !== "lora",
    );
    return { chosen: this.paths.get(chosen), second: this.paths.get(second), inDoubt, usable };
  }

  /** What is sent once takes these: the chosen path and, in doubt, the second too. */
  taken(): Path[] {
    const { chosen, second, inDoubt } = this.choice;
    return [chosen, inDoubt ? second : undefined].flatMap((id) => this.paths.get(id) ?? []);
  }

  /**
   * What another box carries, here or at its own end, takes these: of the taken ones those that need no further box, or
   * else the quickest that needs none. Two boxes that prefer each other as relays would lead in a circle.
   */
  straight(): Path[] {
    const isStraight = ({ offer }: Path) => offer.target.by !== "relay" && offer.kind !== "lora";
    const taken = this.taken().filter(isStraight);
    if (taken.length > 0) return taken;
    const rank = ({ prover, rttMs = 1_000 }: Path) => (prover.state === "good" ? 0 : 10_000) + rttMs;
    const usable = this.paths.all.filter((path) => isStraight(path) && isProven(path));
    return usable.sort((a, b) => rank(a) - rank(b)).slice(0, 1);
  }

  status(): PathStatus[] {
    return this.paths.all.map((path) => path.status(this.nowMs, path.id === this.choice.chosen));
  }

  /** Endpoints to which proofs went and that have never answered. @returns since when, on the clock of the timers */
  unanswered(): Unanswered[] {
    return this.paths.all.flatMap(({ offer: { target }, prover: { provenMs, firstSentMs } }) =>
      target.by === "udp" && provenMs === undefined && firstSentMs !== undefined
        ? [{ observer: target.endpoint, sinceMs: firstSentMs }]
        : [],
    );
  }

  stop(): void {
    this.isStopped = true;
    this.callOffReview();
    for (const path of this.paths.all) path.stop();
  }

  private asKnown(): KnownWay[] {
    return this.paths.all.map(({ offer: { kind, target }, prover: { state } }) => ({ kind, target, state }));
  }

  private get nowMs(): number {
    return this.host.timers.monotonicMs();
  }

  private intervalMs(path: Path): number {
    const { kind, metered } = path.offer;
    return proofIntervalMs({
      kind,
      metered,
      isChosen: path.id === this.choice.chosen,
      isBusy: this.nowMs - this.trafficMs < BUSY_MS,
      hasOther: this.hasApartFrom(path),
    });
  }

  /** A way that need not fail with this one: by another interface. Two addresses on one wire are no second wire. */
  private hasApartFrom(path: Path): boolean {
    const on = this.host.dependsOn(path);
    return this.paths.all.some(
      (other) =>
        other !== path &&
        isProven(other) &&
        other.offer.kind !== "lora" &&
        (on === undefined || this.host.dependsOn(other) !== on),
    );
  }

  private hasOtherThan(path: Path): boolean {
    return this.paths.all.some((other) => other !== path && isProven(other) && other.offer.kind !== "lora");
  }

  private hurry(): void {
    for (const path of this.paths.all) path.prover.hurry();
  }

  /** Chooses anew. What that leads to may ask for it again: then once more, not within. */
  private review(): void {
    this.needsReview = true;
    if (this.isReviewing || this.isStopped) return;
    this.isReviewing = true;
    try {
      while (this.needsReview && !this.isStopped) {
        this.needsReview = false;
        this.choose();
      }
    } finally {
      this.isReviewing = false;
    }
  }

  private choose(): void {
    const { policy, dependsOn } = this.host;
    const before = this.choice;
    const views = this.paths.all.map((path) => path.view(this.nowMs, dependsOn(path)));
    this.choice = choosePath(views, policy, before.chosen);
    const { chosen, second, inDoubt } = this.choice;
    this.tellReachable();
    const isNewDoubt = inDoubt && (!before.inDoubt || second !== before.second);
    // It may have been proven a minute ago, and is to carry what the chosen one perhaps does not.
    if (isNewDoubt) this.paths.get(second)?.prover.hint();
    if (chosen !== before.chosen || isNewDoubt) this.host.waysChanged();
    if (chosen !== before.chosen) {
      const former = this.paths.get(before.chosen);
      if (former && isProven(former)) former.prover.left();
      this.hurry();
      if (this.chosen) this.host.pathChanged(this.chosen.status(this.nowMs, true));
    }
    this.reviewLater();
  }

  private tellReachable(): void {
    const isServed = this.paths.all.some((path) => isProven(path) && path.offer.kind !== "lora");
    const wasServed = this.withoutSinceMs === undefined;
    if (isServed !== wasServed) {
      this.withoutSinceMs = isServed ? undefined : this.nowMs;
      // What never answered and waits long may do so now: perhaps the peer has moved there.
      for (const { prover, offer } of isServed ? [] : this.paths.all)
        if (prover.provenMs === undefined && offer.kind !== "lora") prover.hint();
    }
    const isReachable = this.paths.all.some(isProven);
    if (isReachable === this.isReachable) return;
    this.lostSinceMs = isReachable ? undefined : this.nowMs;
    this.host.reachable(isReachable);
  }

  /** The next path that becomes stable may be better. */
  private reviewLater(): void {
    this.callOffReview();
    const times = this.paths.all.map((path) => path.stableAtMs() ?? 0).filter((atMs) => atMs > this.nowMs);
    if (times.length === 0) return;
    this.callOffReview = this.host.timers.after(Math.min(...times) - this.nowMs + 1, () => this.review());
  }
}

export const isProven = ({ prover }: Path): boolean => prover.state === "good" || prover.state === "doubtful";
