import type { Logger } from "../../host/log.ts";
import { SourceLimiter } from "../../host/source-limiter.ts";
import { withinTime } from "../../host/stream-time.ts";
import type { Timers } from "../../host/timers.ts";
import { type Ages, decodeAges, encodeAges, MAX_COMPARED_BYTES } from "./compared-ages.ts";
import type { KnownStatements } from "./known-statements.ts";
import { isBox, type RoamingEngine, type RoamingMember, type RoamingStream } from "./roaming-network.ts";
import { decodeTold, encodeTold, MAX_TOLD_BYTES, type Told } from "./statement.ts";

const NEWS_PROTOCOL = "/omerta/roaming-news/2";
const ALL_PROTOCOL = "/omerta/roaming/2";
/** What one answer may bring; the next brings more. */
const MAX_ANSWERED = 4_096;
/** What a neighbour may be behind with; more comes by comparing. */
const MAX_WAITING = 1_024;
/** News that are taken from one neighbour, and from all. */
const NEWS = { burst: 300, perSecond: 20, totalPerSecond: 200, maxSources: 256 };
/** The first comparison follows soon after somebody has joined, by when the members' records are there; then less and less often. */
const FIRST_COMPARE_MS = 1_500;
const LATEST_COMPARE_MS = 240_000;
/** Between two questions that one neighbour may ask. */
const LEAST_BETWEEN_MS = 1_000;
const CONVERSATION = { ms: 20_000, late: "timeout", failed: "roaming: broken off" };
const MAX_PEERS = 256;

export interface NeighboursExchangeOptions {
  engine: RoamingEngine;
  known: KnownStatements;
  /** Takes in what came. @returns whether it was new, and so goes on to the others @throws {RoamingError} */
  take: (told: Told) => boolean;
  /** Takes over the ages that a neighbour has counted further. */
  evenOut: (ages: Ages) => void;
  timers: Timers;
  random: () => number;
  log: Logger;
}

/**
 * Brings statements to the neighbours that are boxes, and so from box to box through the whole network: each that is new at
 * once, and what was missed by comparing with one neighbour at a time. In a comparison one names what it has with the age of
 * each; the other names what it has counted for longer, or has ended, and then tells what was not named: so both take the
 * greater age. Not by the mesh's gossip, which every member hears:
 * people's devices need not know where phones are.
 */
export class NeighboursExchange {
  private readonly waiting = new Map<string, Map<string, Told>>();
  private readonly askedAtMs = new Map<string, number>();
  private readonly limiter: SourceLimiter;
  private readonly ends: (() => void)[] = [];
  private isRunning = false;
  private compareMs = FIRST_COMPARE_MS;
  private compareAtMs = Number.POSITIVE_INFINITY;
  private cancelCompare: () => void = () => {};

  constructor(private readonly options: NeighboursExchangeOptions) {
    this.limiter = new SourceLimiter(NEWS, options.timers.monotonicMs());
  }

  start(): void {
    const { engine } = this.options;
    this.isRunning = true;
    engine.handle(NEWS_PROTOCOL, (stream, member) => this.hear(stream, member), {
      maxStreams: 2,
      maxFrameBytes: MAX_TOLD_BYTES,
    });
    engine.handle(ALL_PROTOCOL, (stream, member) => this.answer(stream, member), {
      maxStreams: 1,
      maxFrameBytes: MAX_COMPARED_BYTES,
    });
    this.ends.push(
      engine.on("joined", (peer) => {
        if (this.neighbours().includes(peer)) this.compareSoon();
      }),
    );
    this.compareLater();
  }

  stop(): void {
    this.isRunning = false;
    this.cancelCompare();
    for (const end of this.ends.splice(0)) end();
    this.waiting.clear();
  }

  /** Tells all neighbours but the one that it came from. @param station in hex */
  spread(station: string, told: Told, from?: string): void {
    for (const peer of this.neighbours()) if (peer !== from) this.tell(peer, station, told);
  }

  private neighbours(): string[] {
    const boxes = this.options.engine.connections().filter(({ member }) => isBox(member));
    return [...new Set(boxes.map(({ peer }) => peer))];
  }

  private tell(peer: string, station: string, told: Told): void {
    const waiting = this.waiting.get(peer);
    if (waiting) {
      if (waiting.size < MAX_WAITING || waiting.has(station)) waiting.set(station, told);
      return;
    }
    const mine = new Map([[station, told]]);
    this.waiting.set(peer, mine);
    this.sendTo(peer, mine)
      // It is not there any more, or too busy: comparing brings what it has missed.
      .catch((error) => this.options.log.debug({ peer, error }, "a neighbour was not told who roams"))
      .finally(() => this.waiting.delete(peer));
  }

  private async sendTo(peer: string, waiting: Map<string, Told>): Promise<void> {
    // What is put in meanwhile goes along, or by the next stream.
    while (waiting.size > 0) {
      const stream = await this.options.engine.open(peer, NEWS_PROTOCOL);
      await this.within(stream, async () => {
        for (const [station, told] of waiting) {
          waiting.delete(station);
          await stream.send(encodeTold(told));
        }
        await stream.close();
      });
    }
  }

  private async hear(stream: RoamingStream, member: RoamingMember): Promise<void> {
    const { timers } = this.options;
    if (!this.isRunning || !isBox(member)) throw new Error("roaming: only boxes tell of it");
    await this.within(stream, async () => {
      for await (const frame of stream.frames()) {
        if (!this.isRunning) break;
        if (!this.limiter.takes(stream.peer, timers.monotonicMs())) continue;
        this.takeIn(frame, stream.peer);
      }
    });
  }

  /** What is no good, or of somebody who is not known as a box yet, is left; it comes again by comparing. */
  private takeIn(frame: Uint8Array, from: string): void {
    try {
      const told = decodeTold(frame);
      if (!this.options.take(told)) return;
      this.spread(Buffer.from(told.statement.station).toString("hex"), told, from);
    } catch (error) {
      this.options.log.debug({ peer: from, error }, "a statement was refused");
    }
  }

  /** Takes over what a neighbour knows. Never rejects. */
  private async compareWith(peer: string): Promise<void> {
    const { engine, known, evenOut, log } = this.options;
    try {
      const stream = await engine.open(peer, ALL_PROTOCOL);
      await this.within(stream, async () => {
        await stream.send(encodeAges(known.ages()));
        await stream.close();
        let ages: Ages | undefined;
        let count = 0;
        for await (const frame of stream.frames()) {
          if (!this.isRunning) return;
          if (!ages) {
            ages = decodeAges(frame);
            continue;
          }
          count += 1;
          if (count > MAX_ANSWERED) throw new Error("roaming: too many at once");
          this.takeIn(frame, peer);
        }
        // After what is new: whoever has agreed anew meanwhile stays let through.
        if (ages) evenOut(ages);
      });
    } catch (error) {
      log.debug({ peer, error }, "could not compare who roams");
    }
  }

  private async answer(stream: RoamingStream, member: RoamingMember): Promise<void> {
    if (!this.isRunning || !isBox(member)) throw new Error("roaming: only boxes are told of it");
    const { known, evenOut, timers } = this.options;
    const nowMs = timers.monotonicMs();
    const { peer } = stream;
    if (nowMs - (this.askedAtMs.get(peer) ?? Number.NEGATIVE_INFINITY) < LEAST_BETWEEN_MS)
      throw new Error("roaming: asked too often");
    this.askedAtMs.delete(peer);
    this.askedAtMs.set(peer, nowMs);
    for (const oldest of this.askedAtMs.keys()) {
      if (this.askedAtMs.size <= MAX_PEERS) break;
      this.askedAtMs.delete(oldest);
    }
    await this.within(stream, async () => {
      for await (const question of stream.frames()) {
        const theirs = decodeAges(question);
        evenOut(theirs);
        await stream.send(encodeAges(known.agesBeyond(theirs)));
        const missing = [...known.all()].filter(({ tag }) => !theirs.has(tag));
        for (const { told } of missing.slice(0, MAX_ANSWERED)) await stream.send(encodeTold(told));
        await stream.close();
        return;
      }
    });
  }

  private within(stream: RoamingStream, task: () => Promise<void>): Promise<void> {
    return withinTime(stream, this.options.timers, CONVERSATION, task);
  }

  private compareSoon(): void {
    this.compareMs = FIRST_COMPARE_MS;
    // One that comes and goes all the time must not put it off again and again.
    if (this.compareAtMs - this.options.timers.monotonicMs() > FIRST_COMPARE_MS) this.compareLater();
  }

  private compareLater(): void {
    const { timers, random } = this.options;
    const delayMs = this.compareMs * (0.75 + random() / 2);
    this.compareAtMs = timers.monotonicMs() + delayMs;
    this.cancelCompare();
    this.cancelCompare = timers.after(delayMs, () => {
      const peers = this.neighbours();
      const peer = peers[Math.floor(random() * peers.length)];
      if (peer) void this.compareWith(peer);
      this.compareMs = Math.min(LATEST_COMPARE_MS, this.compareMs * 2);
      this.compareLater();
    });
  }
}
