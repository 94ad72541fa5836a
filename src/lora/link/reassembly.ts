import type { LinkAddress } from "./address.ts";
import { type DataFrame, type Holding, MAX_REPORTED } from "./frame.ts";
import { join } from "./pieces.ts";
import { type MessageName, SeenMessages } from "./seen-messages.ts";

/** Messages that are there in part, and their bytes; beyond that one has to go. */
const MAX_PARTIAL = 64;
const MAX_PARTIAL_BYTES = 1_048_576;
/** A part that has not grown for so long is given up. */
const STALE_MS = 3_600_000;

export interface Partial extends MessageName {
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
  private bytes = 0;

  /** @param seen what has been whole before, here or on another link of this box */
  constructor(
    private readonly nowMs: () => number,
    private readonly seen = new SeenMessages(nowMs),
  ) {}

  take(frame: DataFrame): Taken {
    const { source, message: number } = frame;
    const name: MessageName = { source, message: number, isToEveryone: frame.destination === undefined };
    if (this.seen.has(name)) {
      // Another link may have had the rest of it.
      this.forgetAllOf(name);
      return { state: "known" };
    }
    if (frame.count === 1) {
      this.seen.add(name);
      return { state: "whole", message: frame.body };
    }
    const shape = shapeOf(name, frame.count, frame.isCoded);
    const partial = this.partials.get(shape) ?? this.begin(shape, frame);
    this.add(partial, frame);
    if (partial.there < frame.count) return { state: "partial", partial };
    this.forget(shape);
    const message = join(partial.pieces.filter((piece) => piece !== undefined));
    if (!message) return { state: "refused" };
    this.seen.add(name);
    this.forgetAllOf(name);
    return { state: "whole", message };
  }

  /** What is there of a message to this box; where it came in several shapes, of the one that grew last. */
  holding(source: LinkAddress, message: number): Holding {
    const name: MessageName = { source, message, isToEveryone: false };
    if (this.seen.has(name)) return { message, isWhole: true };
    let partial: Partial | undefined;
    for (const other of this.partials.values()) {
      if (!isSame(other, name)) continue;
      if (!partial || other.grewAtMs >= partial.grewAtMs) partial = other;
    }
    return partial ? holdingOf(partial) : { message, isWhole: false, count: 0, base: 0, beyond: [] };
  }

  /** How much is held, for tests and the operator. */
  get held(): { partials: number; bytes: number } {
    return { partials: this.partials.size, bytes: this.bytes };
  }

  /** Whether more of it is still wanted. */
  isHeld(partial: Partial): boolean {
    const { pieces, isCoded } = partial;
    return this.partials.get(shapeOf(partial, pieces.length, isCoded)) === partial && !this.seen.has(partial);
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

  private forgetAllOf(name: MessageName): void {
    for (const [key, partial] of this.partials) if (isSame(partial, name)) this.forget(key);
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

const isSame = (a: MessageName, b: MessageName): boolean =>
  a.source === b.source && a.message === b.message && a.isToEveryone === b.isToEveryone;

const shapeOf = ({ source, message, isToEveryone }: MessageName, count: number, isCoded: boolean): string =>
  `${source} ${message} ${isToEveryone} ${count} ${isCoded}`;
