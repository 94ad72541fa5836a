import type { Timers } from "../../host/timers.ts";
import type { PathMeasure } from "./path-measure.ts";
import type { PathStatus } from "./paths-interface.ts";
import { afterWaiting } from "./patience.ts";
import { answerWaitMs, missesUntilDead, type ProofPace, retryWaitMs } from "./proof-schedule.ts";

export interface ProverOptions {
  timers: Timers;
  /** 0 ≤ x < 1. */
  random: () => number;
  pace: ProofPace;
  measure: PathMeasure;
  /** @throws when it cannot leave */
  send: (sequence: number) => void;
  /** Until the next proof while the path works. */
  intervalMs: () => number;
  /** How long the peer has not been reachable but by LoRa; undefined while it is. */
  lostForMs: () => number | undefined;
  /** Bytes cost there. */
  isMetered: () => boolean;
  /** Whether proofs are worth it now; asked again with each that would be due. */
  isWanted: () => boolean;
  /** The state or what was measured has changed. */
  changed: () => void;
}

interface Proof {
  sentMs: number;
  /** The answer is missing after this. */
  dueMs: number;
  isMissed: boolean;
  callOff: () => void;
}

/** Answers to older proofs are not waited for. */
const MAX_PENDING = 32;
/** A carrier that refuses so often in a row does not lead anywhere. */
const REFUSALS_UNTIL_DEAD = 2;
/** A death counts half after so long. */
const FORGIVEN_MS = 300_000;

/**
 * Proves one path over and over: a proof is sent, its answer says that the path leads there and back. One that is missing
 * makes the path doubtful, several in quick succession make it dead, and a dead one is tried for as long as it is there.
 */
export class Prover {
  state: PathStatus["state"] = "untried";
  /** Of the last answer. */
  provenMs: number | undefined;
  /** When the first proof left. */
  firstSentMs: number | undefined;
  /** Since when it has not been dead. */
  goodSinceMs: number | undefined;
  private readonly pending = new Map<number, Proof>();
  private sentMs = Number.NEGATIVE_INFINITY;
  private misses = 0;
  private refusals = 0;
  private missesAllowed = 0;
  private tries = 0;
  private deaths = 0;
  private diedMs = 0;
  private isStopped = false;
  private nextMs = Number.POSITIVE_INFINITY;
  private callOffNext: () => void = () => {};

  constructor(private readonly options: ProverOptions) {}

  start(): void {
    this.step();
  }

  stop(): void {
    this.isStopped = true;
    this.callOffNext();
    this.forgetPending();
  }

  /** How often it died lately; older deaths count less. */
  recentDeaths(): number {
    return this.deaths * 0.5 ** ((this.nowMs - this.diedMs) / FORGIVEN_MS);
  }

  /** @returns when the proof was sent that it answers, on the clock of the timers; undefined where it answers none */
  answered(sequence: number): number | undefined {
    const proof = this.pending.get(sequence);
    if (!proof || this.isStopped) return undefined;
    proof.callOff();
    this.pending.delete(sequence);
    const { measure } = this.options;
    const rttMs = this.nowMs - proof.sentMs;
    // It was there in time and this box was too busy to read it: how long it took is not known.
    const isReadLate = !proof.isMissed && this.nowMs > proof.dueMs;
    if (this.state === "dead") measure.forgetLoss();
    if (proof.isMissed && this.state !== "dead") measure.wasLate(rttMs, this.nowMs);
    else measure.answered(isReadLate ? undefined : rttMs, this.nowMs);
    this.provenMs = this.nowMs;
    this.misses = 0;
    this.refusals = 0;
    this.tries = 0;
    const before = this.state;
    this.state = "good";
    if (before === "dead" || before === "untried") this.goodSinceMs = this.nowMs;
    this.options.changed();
    if (before !== "good") this.schedule(this.intervalMs());
    return proof.sentMs;
  }

  /** Something speaks for or against the path: prove it now, unless that is being done. */
  hint(): void {
    if (this.nowMs - this.sentMs >= this.options.pace.confirmMs) this.again();
  }

  /** Proves it now. */
  again(): void {
    this.tries = 0;
    this.step();
  }

  /** The interval may have become shorter. */
  hurry(): void {
    if (this.state !== "good") return;
    const dueMs = this.sentMs + this.intervalMs();
    if (dueMs < this.nextMs) this.schedule(dueMs - this.nowMs);
  }

  /** It is known to lead nowhere, whatever proofs say: its interface is gone, the peer says goodbye, it swallows messages. */
  die(): void {
    this.forgetPending();
    if (this.state === "good" || this.state === "doubtful") this.becomeDead();
  }

  /** It works and was left for a better one: it is to be better for longer before it is taken again, lest both swing. */
  left(): void {
    this.deaths = this.recentDeaths() + 0.5;
    this.diedMs = this.nowMs;
    this.goodSinceMs = this.nowMs;
  }

  private get nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  private step(): void {
    if (this.isStopped) return;
    const { isWanted, pace } = this.options;
    if (!isWanted()) {
      this.schedule(Math.max(1_000, pace.confirmMs));
      return;
    }
    const isRefused = !this.prove();
    this.schedule(this.waitMs(isRefused));
  }

  private waitMs(isRefused: boolean): number {
    const { confirmMs } = this.options.pace;
    if (this.state === "doubtful") return confirmMs;
    if (this.state === "good") return isRefused ? confirmMs : this.intervalMs();
    return this.retryMs();
  }

  /** @returns false when the carrier refused */
  private prove(): boolean {
    const { send, timers, random, pace, measure } = this.options;
    // Drawn, not counted: nobody answers a proof that it has not received, such as one sent where it only claims to be.
    const sequence = Math.floor(random() * 2 ** 32);
    this.sentMs = this.nowMs;
    try {
      send(sequence);
    } catch {
      this.refused();
      return false;
    }
    this.refusals = 0;
    this.firstSentMs ??= this.nowMs;
    const waitMs = answerWaitMs(pace, measure.rttMs, measure.jitterMs);
    const callOff = afterWaiting(timers, waitMs, () => this.missed(sequence));
    this.pending.set(sequence, {
      sentMs: this.nowMs,
      dueMs: this.nowMs + waitMs,
      isMissed: false,
      callOff,
    });
    for (const [oldest, proof] of this.pending) {
      if (this.pending.size <= MAX_PENDING) break;
      proof.callOff();
      this.pending.delete(oldest);
    }
    return true;
  }

  private missed(sequence: number): void {
    const proof = this.pending.get(sequence);
    if (!proof || this.isStopped) return;
    proof.isMissed = true;
    this.misses += 1;
    if (this.state === "good") this.doubt();
    else if (this.state === "doubtful") {
      this.options.measure.missed(this.nowMs);
      if (this.misses >= this.missesAllowed) this.becomeDead();
      else this.options.changed();
    } else if (this.state === "untried" && this.misses >= missesUntilDead(0)) {
      this.state = "dead";
      this.options.changed();
    }
  }

  private doubt(): void {
    const { measure, changed } = this.options;
    this.missesAllowed = missesUntilDead(measure.loss(this.nowMs));
    measure.missed(this.nowMs);
    this.state = "doubtful";
    changed();
    // What `changed` has led to may have been more.
    if (this.state === "doubtful") this.step();
  }

  private refused(): void {
    this.refusals += 1;
    if (this.state !== "good" && this.state !== "doubtful") return;
    if (this.refusals >= REFUSALS_UNTIL_DEAD) {
      this.becomeDead();
      return;
    }
    this.missesAllowed = missesUntilDead(this.options.measure.loss(this.nowMs));
    this.state = "doubtful";
    this.options.changed();
  }

  private becomeDead(): void {
    this.deaths = this.recentDeaths() + 1;
    this.diedMs = this.nowMs;
    this.state = "dead";
    this.goodSinceMs = undefined;
    this.misses = 0;
    this.tries = 0;
    this.options.changed();
    this.schedule(this.retryMs());
  }

  private retryMs(): number {
    const { pace, lostForMs, isMetered } = this.options;
    const wasProven = this.provenMs !== undefined;
    return retryWaitMs(pace, {
      tries: this.tries++,
      lostForMs: lostForMs(),
      wasProven,
      metered: isMetered(),
    });
  }

  private intervalMs(): number {
    return this.options.intervalMs();
  }

  /** Up to a tenth earlier, so that the proofs of many paths do not come at once. */
  private schedule(delayMs: number): void {
    if (this.isStopped) return;
    this.callOffNext();
    const waitMs = Math.max(0, delayMs) * (1 - this.options.random() / 10);
    this.nextMs = this.nowMs + waitMs;
    this.callOffNext = this.options.timers.after(waitMs, () => this.step());
  }

  private forgetPending(): void {
    for (const proof of this.pending.values()) proof.callOff();
    this.pending.clear();
  }
}
