import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { atIntervals } from "../host/intervals.ts";
import type { Logger } from "../host/log.ts";
import type { Timers } from "../host/timers.ts";
import type { BoxStatus, OperatorView } from "../portal/index.ts";
import { cardTexts } from "./card/card-texts.ts";
import { type CardMount, writeCard } from "./card/card-writer.ts";
import type { ResetBy } from "./reset/reset-request.ts";
import { COLUMNS, type Silence, screenLines, silentLines } from "./screen/console-screen.ts";
import { type Front, frontOf } from "./screen/front.ts";
import { type Terminal, terminalText, writeTerminal } from "./screen/terminal.ts";

export interface BoardOptions {
  /** Asks the daemon; undefined where it does not answer. */
  ask: (path: string) => Promise<unknown>;
  terminals: readonly Terminal[];
  /** The control partition and how to write to it; undefined: the machine has none. */
  card: { folder: string; mount: CardMount } | undefined;
  /** Where scripts leave notes before the daemon runs: a file each, a line for each note. */
  notesFolder: string;
  timers: Timers;
  log: Logger;
  /** Has the box forget everything, because the operator's page was asked to. */
  reset?: (by: ResetBy) => Promise<void>;
  /** Writes to a terminal; {@link writeTerminal} when absent. */
  write?: (terminal: Terminal, text: string) => void;
}

const EVERY_MS = 3_000;
/** The kernel's own words may have run over the screen. */
const REDRAW_EVERY_MS = 60_000;
/** How long a box takes to start on the slowest board. */
const STARTING_MS = 180_000;
/** A daemon that has just begun reports parts that are only on their way. */
const CARD_AFTER_S = 20;
/** A card that cannot be written is not tried all the time. */
const CARD_AGAIN_MS = 300_000;
const CLOSE_AGAIN_MS = 10_000;

/** The box's screen, serial line and card: what somebody who stands before it sees. A process of its own, because it may mount. */
export class Board {
  private end: () => Promise<void> = async () => {};
  private shown = new Map<string, { lines: string; atMs: number }>();
  private startedMs = 0;
  private hasAnswered = false;
  private cardAgainMs = 0;
  /** Whether it could not be made read-only again. */
  private isCardOpen = false;

  constructor(private readonly options: BoardOptions) {}

  async start(): Promise<void> {
    const { timers, log } = this.options;
    this.startedMs = timers.monotonicMs();
    const failed = (error: unknown) => log.error({ error }, "the screen or the card could not be written");
    await this.round().catch(failed);
    this.end = atIntervals(EVERY_MS, () => this.round(), failed, timers);
  }

  async stop(): Promise<void> {
    await this.end();
  }

  /** Says something on all screens until the next round that has something else to say. */
  say(lines: readonly string[]): void {
    this.show(() => lines);
  }

  private async round(): Promise<void> {
    const notes = notesIn(this.options.notesFolder);
    const front = await this.front(notes);
    if (front === undefined) {
      const silence = this.silence();
      this.show(() => silentLines(silence, notes));
      return;
    }
    this.hasAnswered = true;
    if (front.resetAsked && this.options.reset) {
      await this.options.reset("console");
      return;
    }
    this.show((kind) => screenLines(front, kind === "screen"));
    await this.keepCard(front);
  }

  private async front(notes: readonly string[]): Promise<Front | undefined> {
    // The daemon is of the same version, and the socket root's.
    const status = (await this.options.ask("/api/status")) as BoxStatus | undefined;
    const operator = (await this.options.ask("/api/operator")) as OperatorView | undefined;
    return status && operator ? frontOf(status, operator, notes) : undefined;
  }

  private silence(): Silence {
    const isYoung = this.options.timers.monotonicMs() - this.startedMs < STARTING_MS;
    return isYoung && !this.hasAnswered ? "starting" : "gone";
  }

  private show(linesFor: (kind: Terminal["kind"]) => readonly string[]): void {
    const { terminals, timers, write = writeTerminal } = this.options;
    const nowMs = timers.monotonicMs();
    for (const terminal of terminals) {
      const lines = linesFor(terminal.kind);
      const text = lines.join("\n");
      const last = this.shown.get(terminal.path);
      const isDue = terminal.kind === "screen" && nowMs - (last?.atMs ?? 0) >= REDRAW_EVERY_MS;
      if (last?.lines === text && !isDue) continue;
      this.shown.set(terminal.path, { lines: text, atMs: nowMs });
      const framed = terminal.kind === "serial" ? [...lines, "-".repeat(COLUMNS - 1)] : lines;
      write(terminal, terminalText(terminal.kind, framed));
    }
  }

  private async keepCard(front: Front): Promise<void> {
    const { card, timers, log } = this.options;
    if (card === undefined || front.uptimeSeconds < CARD_AFTER_S) return;
    if (timers.monotonicMs() < this.cardAgainMs) return;
    const mount: CardMount = {
      writable: async () => {
        await card.mount.writable();
        this.isCardOpen = true;
      },
      readOnly: async () => {
        await card.mount.readOnly();
        this.isCardOpen = false;
      },
    };
    try {
      if (this.isCardOpen) await mount.readOnly();
      const written = await writeCard(card.folder, cardTexts(front), mount);
      if (written.length > 0) log.info(`on the card: ${written.join(", ")}`);
    } catch (error) {
      // Left open, it may be damaged by a power cut.
      this.cardAgainMs = timers.monotonicMs() + (this.isCardOpen ? CLOSE_AGAIN_MS : CARD_AGAIN_MS);
      throw error;
    }
  }
}

/** What scripts have left to be told, in the order of the files' names. */
export function notesIn(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).sort();
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const text = readFileSync(join(folder, name), "utf8").slice(0, MAX_NOTE_CHARS);
    return text.split("\n").filter((line) => line.trim() !== "");
  });
}

const MAX_NOTE_CHARS = 4_096;
