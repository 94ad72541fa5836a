import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier } from "../frame-carrier.ts";
import type { LinkAddress } from "./address.ts";
import { encodeFrame, fitsReport, type Holding, holdingBytes } from "./frame.ts";
import { holdingOf, type Partial, type Reassembly } from "./reassembly.ts";

export interface ReporterOptions {
  address: LinkAddress;
  timers: Timers;
  random: () => number;
  reassembly: Reassembly;
  carrier: () => FrameCarrier | undefined;
}

/** How often one box asks for the missing pieces of a message to everyone. */
const MOST_ASKS = 4;
/** Silence after which a piece that has not come will not: so many frames of the largest size, and up to as many more. */
const GAP_FRAMES = 3;
/** The share of missing pieces from which a report is sent twice. */
const REPEAT_FROM_LOSS = 0.1;
/** Sources that are remembered with what they may wait to hear of, and messages of each. */
const MAX_SOURCES = 64;
const MAX_MESSAGES = 48;

interface Gap {
  asks: number;
  cancel: () => void;
}

/** What one source has sent. */
interface FromSource {
  /** Messages of which something has come since the last report left. */
  fresh: Set<number>;
  /** Messages of the last report, which may have been lost. */
  told: Set<number>;
  /** Takes a report back that waits in the carrier. */
  takeBack: () => void;
}

/** Tells sources what is there of their messages: when asked, and of messages to everyone when pieces stay away. */
export class Reporter {
  /** By the last time that they were heard, oldest first. */
  private readonly sources = new Map<LinkAddress, FromSource>();
  private readonly gaps = new Map<Partial, Gap>();

  constructor(private readonly options: ReporterOptions) {}

  /** Something of a message to this box has come. */
  note(source: LinkAddress, message: number): void {
    const { fresh } = this.at(source);
    fresh.delete(message);
    fresh.add(message);
    trim(fresh);
  }

  /**
   * A source waits for a report.
   * @param isRepeated the last report did not reach it
   */
  answer(source: LinkAddress, message: number, isRepeated: boolean): void {
    const carrier = this.options.carrier();
    if (!carrier) return;
    const from = this.at(source);
    from.takeBack();
    const wanted = new Set([message, ...[...from.fresh].reverse(), ...(isRepeated ? from.told : [])]);
    const holdings: Holding[] = [];
    let bytes = 0;
    for (const one of wanted) {
      const holding = this.options.reassembly.holding(source, one);
      bytes += holdingBytes(holding).length;
      if (!fitsReport(bytes, carrier.maxFrameBytes)) break;
      holdings.push(holding);
    }
    // Where much is lost, reports are too, and one that is lost costs more than it is long.
    const copies = isRepeated || holdings.some(isFullOfGaps) ? 2 : 1;
    const cancels = Array.from({ length: copies }, (_, copy) =>
      this.send(carrier, source, holdings, true, () => {
        if (copy === 0) this.onTold(from, holdings);
      }),
    );
    from.takeBack = () => {
      for (const cancel of cancels) cancel();
    };
  }

  /** A piece of a message to everyone has come, and others are missing. */
  watch(partial: Partial): void {
    const gap = this.gaps.get(partial) ?? { asks: 0, cancel: () => {} };
    this.gaps.set(partial, gap);
    // What comes is worth asking for more of.
    gap.asks = 0;
    this.askLater(partial, gap);
  }

  /** Another box has asked for pieces of this message: what is sent for it may serve us too. */
  overheard(source: LinkAddress, message: number): void {
    for (const [partial, gap] of this.gaps) {
      if (partial.source === source && partial.message === message) this.askLater(partial, gap);
    }
  }

  stop(): void {
    for (const { cancel } of this.gaps.values()) cancel();
    this.gaps.clear();
    for (const from of this.sources.values()) {
      from.takeBack();
      from.takeBack = () => {};
    }
  }

  private at(source: LinkAddress): FromSource {
    const known = this.sources.get(source);
    const from: FromSource = known ?? { fresh: new Set(), told: new Set(), takeBack: () => {} };
    this.sources.delete(source);
    this.sources.set(source, from);
    for (const [oldest, { takeBack }] of this.sources) {
      if (this.sources.size <= MAX_SOURCES) break;
      takeBack();
      this.sources.delete(oldest);
    }
    return from;
  }

  private onTold(from: FromSource, holdings: readonly Holding[]): void {
    const told = holdings.map(({ message }) => message);
    for (const message of told) from.fresh.delete(message);
    from.told = new Set(told);
  }

  private askLater(partial: Partial, gap: Gap): void {
    const carrier = this.options.carrier();
    gap.cancel();
    if (!carrier) return;
    const frameMs = carrier.airtimeMs(carrier.maxFrameBytes);
    const delayMs = frameMs * GAP_FRAMES * (1 + this.options.random()) * 2 ** gap.asks;
    gap.cancel = this.options.timers.after(delayMs, () => this.ask(partial, gap));
  }

  private ask(partial: Partial, gap: Gap): void {
    const carrier = this.options.carrier();
    if (!carrier || !this.options.reassembly.isHeld(partial) || gap.asks >= MOST_ASKS) {
      this.gaps.delete(partial);
      return;
    }
    gap.asks += 1;
    this.send(carrier, partial.source, [holdingOf(partial)], false, () => {});
    this.askLater(partial, gap);
  }

  private send(
    carrier: FrameCarrier,
    destination: LinkAddress,
    holdings: readonly Holding[],
    isAnswer: boolean,
    left: () => void,
  ): () => void {
    const frame = encodeFrame({ kind: "report", source: this.options.address, destination, holdings });
    const onFate = ({ state }: { state: string }) => {
      if (state === "on-air") left();
    };
    return carrier.send(frame, "direct", onFate, { isAnswer });
  }
}

function isFullOfGaps(holding: Holding): boolean {
  if (holding.isWhole) return false;
  const { beyond } = holding;
  return beyond.filter((isThere) => !isThere).length > beyond.length * REPEAT_FROM_LOSS;
}

function trim(messages: Set<number>): void {
  for (const oldest of messages) {
    if (messages.size <= MAX_MESSAGES) return;
    messages.delete(oldest);
  }
}
