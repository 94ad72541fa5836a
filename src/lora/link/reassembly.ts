import type { LinkAddress } from "./address.ts";
import { type DataFrame, MAX_REPORTED } from "./frame.ts";
import { join } from "./pieces.ts";

/** Messages that are there in part, and their bytes; beyond that one has to go. */
const MAX_PARTIAL = 64;
const MAX_PARTIAL_BYTES = 1_048_576;
/** Whole messages that are known again when they come a second time. */
const MAX_REMEMBERED = 4_096;
/** A part that has not grown for so long is given up. */
const STALE_MS = 3_600_000;

export interface Partial {
  source: LinkAddress;
  message: number;
  isToEveryone: boolean;
  isCoded: boolean;
  pieces: (Uint8Array | undefined)[];
  bytes: number;
  there: number;
  grewAtMs: number;
}

export type Taken =
  /** The last piece: the message is whole, for the first time. */
  | { state: "whole"; message: Uint8Array }
  /** It had been whole before. */
  | { state: "known" }
  | { state: "partial"; partial: Partial }
  /** It fits nothing: a piece of another shape, or pieces that do not make a message. */
  | { state: "refused" };

/** What of a message is there, as a report says it. */
export interface Holdings {
  base: number;
  beyond: boolean[];
}

/** Puts pieces together, each message once. What it holds is bounded, whatever comes. */
export class Reassembly {
  private readonly partials = new Map<string, Partial>();
  /** By their last use, oldest first. */
  private readonly remembered = new Set<string>();
  private bytes = 0;

  constructor(private readonly nowMs: () => number) {}

  take(frame: DataFrame): Taken {
    const key = keyOf(frame.source, frame.message, frame.destination === undefined);
    if (this.remembered.has(key)) {
      this.remember(key);
      return { state: "known" };
    }
    if (frame.count === 1) {
      this.remember(key);
      return { state: "whole", message: frame.body };
    }
    const partial = this.partials.get(key) ?? this.begin(key, frame);
    // Numbers are not used anew while they can be remembered: another shape is somebody's forgery.
    if (partial.pieces.length !== frame.count || partial.isCoded !== frame.isCoded)
      return { state: "refused" };
    this.add(partial, frame);
    if (partial.there < frame.count) return { state: "partial", partial };
    this.forget(key);
    const message = join(partial.pieces.filter((piece) => piece !== undefined));
    if (!message) return { state: "refused" };
    this.remember(key);
    return { state: "whole", message };
  }

  /** What is there of the message that a frame belongs to. */
  holdings({ source, message, destination, count }: DataFrame): Holdings {
    const key = keyOf(source, message, destination === undefined);
    if (this.remembered.has(key)) return { base: count, beyond: [] };
    const partial = this.partials.get(key);
    return partial ? holdingsOf(partial) : { base: 0, beyond: [] };
  }

  /** How much is held, for tests and the operator. */
  get held(): { partials: number; bytes: number } {
    return { partials: this.partials.size, bytes: this.bytes };
  }

  isHeld(partial: Partial): boolean {
    return this.partials.get(keyOf(partial.source, partial.message, partial.isToEveryone)) === partial;
  }

  private begin(key: string, { source, message, destination, isCoded, count }: DataFrame): Partial {
    for (const [other, { grewAtMs }] of this.partials)
      if (this.nowMs() - grewAtMs > STALE_MS) this.forget(other);
    if (this.partials.size >= MAX_PARTIAL) this.forget(this.leastWorth());
    const partial: Partial = {
      source,
      message,
      isToEveryone: destination === undefined,
      isCoded,
      pieces: new Array(count).fill(undefined),
      bytes: 0,
      there: 0,
      grewAtMs: this.nowMs(),
    };
    this.partials.set(key, partial);
    return partial;
  }

  private add(partial: Partial, { index, body }: DataFrame): void {
    if (partial.pieces[index] !== undefined) return;
    partial.pieces[index] = body;
    partial.there += 1;
    partial.bytes += body.length;
    partial.grewAtMs = this.nowMs();
    this.bytes += body.length;
    while (this.bytes > MAX_PARTIAL_BYTES && this.partials.size > 1) this.forget(this.leastWorth(partial));
  }

  /** The one with the fewest pieces, and of these the oldest: a flood of first pieces pushes out its own. */
  private leastWorth(except?: Partial): string {
    let least: [string, Partial] | undefined;
    for (const entry of this.partials) {
      const [, partial] = entry;
      if (partial === except) continue;
      const isLess = !least || partial.there < least[1].there;
      const isOlder = least && partial.there === least[1].there && partial.grewAtMs < least[1].grewAtMs;
      if (isLess || isOlder) least = entry;
    }
    return least?.[0] ?? "";
  }

  private forget(key: string): void {
    this.bytes -= this.partials.get(key)?.bytes ?? 0;
    this.partials.delete(key);
  }

  private remember(key: string): void {
    this.remembered.delete(key);
    this.remembered.add(key);
    if (this.remembered.size <= MAX_REMEMBERED) return;
    for (const oldest of this.remembered) {
      this.remembered.delete(oldest);
      return;
    }
  }
}

export function holdingsOf({ pieces }: Partial): Holdings {
  const missing = pieces.indexOf(undefined);
  const base = missing < 0 ? pieces.length : missing;
  const beyond = pieces.slice(base + 1, base + 1 + MAX_REPORTED).map((piece) => piece !== undefined);
  return { base, beyond: beyond.slice(0, beyond.lastIndexOf(true) + 1) };
}

const keyOf = (source: LinkAddress, message: number, isToEveryone: boolean): string =>
  `${source} ${message}${isToEveryone ? " all" : ""}`;
