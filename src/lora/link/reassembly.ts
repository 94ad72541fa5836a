import type { LinkAddress } from "./address.ts";
import { type DataFrame, type Holding, MAX_REPORTED } from "./frame.ts";
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
  /** All pieces are there, and do not make a message: it begins anew. */
  | { state: "refused" };

/** Puts pieces together, each message once. What it holds is bounded, whatever comes. */
export class Reassembly {
  /** By message and shape: who gets another radio cuts a message anew, and a forged piece of another shape harms none. */
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
    const shape = shapeOf(key, frame.count, frame.isCoded);
    const partial = this.partials.get(shape) ?? this.begin(shape, frame);
    this.add(partial, frame);
    if (partial.there < frame.count) return { state: "partial", partial };
    this.forget(shape);
    const message = join(partial.pieces.filter((piece) => piece !== undefined));
    if (!message) return { state: "refused" };
    this.remember(key);
    for (const [other, { source, message: number, isToEveryone }] of this.partials)
      if (keyOf(source, number, isToEveryone) === key) this.forget(other);
    return { state: "whole", message };
  }

  /** What is there of a message to this box; where it came in several shapes, of the one that grew last. */
  holding(source: LinkAddress, message: number): Holding {
    const key = keyOf(source, message, false);
    if (this.remembered.has(key)) return { message, isWhole: true };
    let partial: Partial | undefined;
    for (const other of this.partials.values()) {
      if (keyOf(other.source, other.message, other.isToEveryone) !== key) continue;
      if (!partial || other.grewAtMs >= partial.grewAtMs) partial = other;
    }
    return partial ? holdingOf(partial) : { message, isWhole: false, count: 0, base: 0, beyond: [] };
  }

  /** How much is held, for tests and the operator. */
  get held(): { partials: number; bytes: number } {
    return { partials: this.partials.size, bytes: this.bytes };
  }

  isHeld(partial: Partial): boolean {
    const { source, message, isToEveryone, pieces, isCoded } = partial;
    return (
      this.partials.get(shapeOf(keyOf(source, message, isToEveryone), pieces.length, isCoded)) === partial
    );
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

/** As a report says it. */
export function holdingOf({ message, pieces }: Partial): Holding {
  const base = pieces.indexOf(undefined);
  const beyond = pieces.slice(base + 1, base + 1 + MAX_REPORTED).map((piece) => piece !== undefined);
  return {
    message,
    isWhole: false,
    count: pieces.length,
    base,
    beyond: beyond.slice(0, beyond.lastIndexOf(true) + 1),
  };
}

const keyOf = (source: LinkAddress, message: number, isToEveryone: boolean): string =>
  `${source} ${message}${isToEveryone ? " all" : ""}`;

const shapeOf = (key: string, count: number, isCoded: boolean): string => `${key} ${count} ${isCoded}`;
