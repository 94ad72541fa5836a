import { join } from "node:path";
import type { Clock } from "../host/clock.ts";
import { atIntervals } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Part } from "../host/part.ts";
import type { Timers } from "../host/timers.ts";
import type { BootClock, RadioClock } from "../lora/index.ts";
import type { Journal } from "../store/index.ts";
import { BoxesExchange, type TimeNetworks } from "./boxes-exchange.ts";
import { wishForTime, withdrawWish } from "./clock-wish.ts";
import { type BootOffset, keepStanding, keptStanding } from "./kept-standing.ts";
import { nextStep } from "./next-step.ts";
import { PhoneVotes } from "./phone-votes.ts";
import { radioReadings } from "./radio-readings.ts";
import type { SureClock } from "./sure-clock.ts";
import type { ToldTime } from "./time-frames.ts";
import { isTrusted, type Reading, uncertaintyAt } from "./time-source.ts";
import { sourceText, type TimeView, timeText } from "./time-view.ts";

export interface TimePartOptions {
  /** So many phones must agree; 0: they are not asked. */
  leastPhones: number;
  /** Whether the machine's clock is this box's to set: in the flashable image alone. */
  setsClock: boolean;
  /** When the program was built, in ms since 1970. */
  builtMs: number;
  runFolder: string;
  /** The network's word that it has set the clock; undefined while it has not. */
  network: (wallMs: number, nowMs: number) => Reading | undefined;
  /** What the clocks of LoRa cases say. */
  radios: () => readonly RadioClock[];
  networks: TimeNetworks;
  clock: Clock;
  /** Told by how much those who are not trusted have moved it. */
  sureClock: Pick<SureClock, "movedMs" | "moved">;
  bootClock: BootClock;
  timers: Timers;
  journal: Pick<Journal, "append">;
  log: Logger;
}

const LOOK_EVERY_MS = 10_000;
/** How often other boxes are asked while this one is not sure, and while it has its time from them or from satellites. */
const ASK_UNSURE_MS = 60_000;
const ASK_SURE_MS = 3_600_000;
/** Within so long a wish is fulfilled or never: `set-clock` knows it too. */
const WISH_MS = 60_000;
/** So close is what was wished for. */
const FULFILLED_MS = 2_000;
/** After a wish that nobody fulfilled. */
const WISH_AGAIN_MS = 600_000;

interface Wish {
  reading: Reading;
  /** By how much the clock is to jump, in ms. */
  byMs: number;
  /** By how much untrusted sources had moved the clock before, in ms. */
  movedMs: number;
  wishedMs: number;
}

/**
 * Knows what time it is, who says so, and how sure that is; and where the clock is the box's own, has it set by whoever knows better.
 * A board has no battery clock: it goes on from what it knew last, until the network, satellites, another box, its LoRa case or the
 * phones around it tell it.
 */
export class TimePart implements Part {
  readonly name = "time";
  private readonly votes: PhoneVotes;
  private readonly boxes: BoxesExchange;
  private readonly file: string;
  /** What the clock follows. */
  private standing: Reading | undefined;
  private wish: Wish | undefined;
  private notBeforeMs = Number.NEGATIVE_INFINITY;
  private unfulfilled = "";
  private askedMs = Number.NEGATIVE_INFINITY;
  private readonly listeners = new Set<() => void>();
  private readonly ends: (() => unknown)[] = [];

  constructor(private readonly options: TimePartOptions) {
    const { leastPhones, builtMs, networks, timers, log, runFolder } = options;
    this.votes = new PhoneVotes({ least: leastPhones, builtMs });
    this.boxes = new BoxesExchange({ networks, told: () => this.told(), timers, log });
    this.file = join(runFolder, "clock.json");
  }

  async start(): Promise<void> {
    const { timers, log, runFolder } = this.options;
    this.standing = keptStanding(this.file, this.boot);
    withdrawWish(runFolder);
    this.boxes.start();
    this.look();
    const failed = (error: unknown) => log.error({ error }, "what time it is could not be looked after");
    this.ends.push(
      atIntervals(LOOK_EVERY_MS, () => this.look(), failed, timers),
      atIntervals(LOOK_EVERY_MS, () => this.ask(), failed, timers),
    );
  }

  async stop(): Promise<void> {
    for (const end of this.ends.splice(0)) await end();
    this.boxes.stop();
    this.wish = undefined;
  }

  /** What a guest's phone says when its owner sends a form. @param station its MAC address @param wallMs ms since 1970 */
  phoneSays(station: string, wallMs: number): void {
    // What was not asked for is not heard either.
    if (this.asksPhones()) this.votes.note(station, wallMs, this.nowMs);
  }

  /** Whether the first page asks phones for the time: while nobody better has told it. */
  asksPhones(): boolean {
    const { setsClock, leastPhones } = this.options;
    return setsClock && leastPhones > 0 && !this.isTrusted();
  }

  /** @param listener told when it begins or ceases to ask phones @returns ends it */
  onAsking(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Whether people may be told what the clock says: not before anybody has told this box the time. */
  isKnown(): boolean {
    return this.source !== "none";
  }

  /** Whether anything may be decided by the clock. */
  isTrusted(): boolean {
    const { source } = this;
    return source === "machine" || (source !== "none" && isTrusted(source));
  }

  view(): TimeView {
    const reading = this.standing;
    return {
      wallMs: this.options.clock.wallMs(),
      source: this.source,
      uncertaintyMs: reading && uncertaintyAt(reading, this.nowMs),
      isTrusted: this.isTrusted(),
      voices: reading?.voices,
      phones: this.votes.count(this.nowMs),
      trouble: this.unfulfilled,
    };
  }

  detail(): string {
    return timeText(this.view());
  }

  trouble(): string | undefined {
    return this.unfulfilled === "" ? undefined : this.unfulfilled;
  }

  private get nowMs(): number {
    return this.options.timers.monotonicMs();
  }

  private get boot(): BootOffset {
    const { bootClock } = this.options;
    return { bootId: bootClock.bootId, aheadMs: bootClock.nowMs() - this.nowMs };
  }

  private get source(): TimeView["source"] {
    return this.standing?.source ?? (this.options.setsClock ? "none" : "machine");
  }

  private told(): ToldTime | undefined {
    const reading = this.standing;
    if (!reading || !isTrusted(reading.source)) return undefined;
    return {
      wallMs: this.options.clock.wallMs(),
      uncertaintyMs: uncertaintyAt(reading, this.nowMs),
      hops: reading.hops ?? 0,
    };
  }

  private async ask(): Promise<void> {
    if (!this.options.setsClock) return;
    const everyMs = this.standing && this.isTrusted() ? ASK_SURE_MS : ASK_UNSURE_MS;
    if (this.source === "network" || this.nowMs - this.askedMs < everyMs) return;
    this.askedMs = this.nowMs;
    await this.boxes.ask();
  }

  private look(): void {
    const { clock, sureClock, network, radios, builtMs, setsClock } = this.options;
    const { nowMs } = this;
    if (this.wish) this.lookAtWish(this.wish);
    if (this.wish) return;
    const wallMs = clock.wallMs();
    const readings = [
      network(wallMs, nowMs),
      ...radioReadings(radios()),
      this.boxes.reading(nowMs),
      this.votes.reading(nowMs),
    ]
      .filter((one) => one !== undefined)
      // A machine's own clock is worth more than the word of those.
      .filter(({ source }) => setsClock || isTrusted(source));
    const { movedMs } = sureClock;
    const step = nextStep(this.standing, readings, { nowMs, wallMs, builtMs, movedMs });
    if (step.kind === "take") this.follow(step.reading, 0, movedMs);
    if (step.kind === "set" && setsClock && nowMs >= this.notBeforeMs) this.wishFor(step.reading, step.toMs);
  }

  private wishFor(reading: Reading, toMs: number): void {
    const { runFolder, bootClock, clock, sureClock } = this.options;
    const byMs = toMs - clock.wallMs();
    const { movedMs } = sureClock;
    this.wish = { reading, byMs, movedMs, wishedMs: this.nowMs };
    // Before it is done: a power cut may come right after that.
    if (!isTrusted(reading.source)) sureClock.moved(Math.max(movedMs, movedMs + byMs));
    wishForTime(runFolder, toMs, bootClock.nowMs());
  }

  private lookAtWish({ reading, byMs, movedMs, wishedMs }: Wish): void {
    const { clock, sureClock, runFolder, log } = this.options;
    const { nowMs } = this;
    const wallMs = clock.wallMs();
    const source = sourceText(reading.source, reading.voices ?? 1);
    if (Math.abs(reading.epochMs + nowMs - wallMs) <= FULFILLED_MS) {
      this.wish = undefined;
      this.unfulfilled = "";
      this.follow(reading, byMs, movedMs + byMs);
      const detail = {
        by: `${Math.round(byMs / 1_000)} s`,
        within: `${Math.ceil(reading.uncertaintyMs / 1_000)} s`,
        trusted: isTrusted(reading.source),
      };
      log.info(detail, `the clock was set: ${source}`);
      this.note("clock-set", source, detail);
    } else if (nowMs - wishedMs > WISH_MS) {
      this.wish = undefined;
      this.notBeforeMs = nowMs + WISH_AGAIN_MS;
      withdrawWish(runFolder);
      sureClock.moved(movedMs);
      const why = `the clock is wrong by the word of ${source}, and could not be set`;
      if (this.unfulfilled === "")
        this.note("clock-not-set", source, { by: `${Math.round(byMs / 1_000)} s` });
      this.unfulfilled = why;
      log.error(why);
    }
  }

  /** @param byMs by how much the clock has jumped for it @param movedMs and by how much in all for those who are not trusted */
  private follow(reading: Reading, byMs: number, movedMs: number): void {
    const { sureClock, log } = this.options;
    const before = this.standing;
    const asked = this.asksPhones();
    this.standing = reading;
    sureClock.moved(isTrusted(reading.source) ? 0 : movedMs);
    if (asked !== this.asksPhones()) for (const listener of this.listeners) listener();
    if (before?.source !== reading.source) log.info(`the time is known: ${timeText(this.view())}`);
    // What is kept for the next daemon changes with the source; that it grows older it can tell itself.
    if (before?.source === reading.source && byMs === 0) return;
    try {
      keepStanding(this.file, this.standing, this.boot);
    } catch (error) {
      log.error({ error }, "who has set the clock could not be kept for the next start of this program");
    }
  }

  private note(kind: string, subject: string, detail: Record<string, unknown>): void {
    const { journal, log } = this.options;
    journal.append(this.name, kind, subject, detail).catch((error) => log.error({ error }, "journal"));
  }
}
