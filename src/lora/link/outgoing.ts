import type { Timers } from "../../host/timers.ts";
import type { FrameCarrier } from "../frame-carrier.ts";
import type { Priority } from "../priority.ts";
import type { Fate } from "../radio.ts";
import type { LinkAddress } from "./address.ts";
import { encodeFrame, PIECE_HEADER_BYTES, WHOLE_HEADER_BYTES } from "./frame.ts";
import { maxMessageBytes, split } from "./pieces.ts";

/** What a message on its way needs of the link. */
export interface OutgoingContext {
  readonly address: LinkAddress;
  readonly timers: Timers;
  readonly random: () => number;
  /** undefined while no radio is there. */
  carrier(): FrameCarrier | undefined;
  nextNumber(): number;
  /** The message is at its end; no fate comes after this. */
  ended(outgoing: Outgoing): void;
  /** Which messages to everyone go is to be chosen anew: one has sent what was due, or has more. */
  reschedule(): void;
}

export interface OutgoingMessage {
  /** Coded, where that is shorter. */
  bytes: Uint8Array;
  isCoded: boolean;
  priority: Priority;
  /** On the monotonic clock. */
  expiresAtMs: number;
  isOnce: boolean;
  isAnswer: boolean;
  told: (fate: Fate) => void;
}

/**
 * A message on its way: its pieces, and the frames of it that wait in the carrier. What drives it differs between a
 * message to one box and one to everyone.
 */
export abstract class Outgoing {
  readonly number: number;
  protected pieces: Uint8Array[] = [];
  private splitForBytes = 0;
  /** Frames that the carrier has, each with what takes it back. */
  private readonly queued = new Map<symbol, () => void>();
  private wait: (() => void) | undefined;
  private readonly expiry: () => void;
  private wasToldOnAir = false;
  isEnded = false;

  protected constructor(
    protected readonly context: OutgoingContext,
    readonly message: OutgoingMessage,
  ) {
    this.number = context.nextNumber();
    const leftMs = message.expiresAtMs - context.timers.monotonicMs();
    this.expiry = context.timers.after(leftMs, () => this.expire());
  }

  abstract readonly destination: LinkAddress | undefined;

  /** Time on the air that is still to be handed to the carrier, at least, in ms. */
  abstract backlogMs(carrier: FrameCarrier): number;

  protected abstract expire(): void;

  /** How many of its frames the carrier has. */
  protected get inCarrier(): number {
    return this.queued.size;
  }

  get isWaiting(): boolean {
    return this.wait !== undefined;
  }

  /** Ends it, with this as its last fate. */
  end(fate: Fate): void {
    if (this.isEnded) return;
    this.tell(fate);
    this.finish();
  }

  /** It was not taken on: nothing is told of it. */
  discard(): void {
    this.finish();
  }

  /** Ends it; its last fate has been told. */
  protected finish(): void {
    this.isEnded = true;
    this.expiry();
    this.pause();
    this.context.ended(this);
  }

  /** Tells once that it is on the air. */
  protected tellOnAir(): void {
    if (!this.wasToldOnAir) this.tell({ state: "on-air" });
    this.wasToldOnAir = true;
  }

  /** Takes its frames back and waits for another {@link go}. */
  pause(): void {
    this.wait?.();
    this.wait = undefined;
    const cancels = [...this.queued.values()];
    this.queued.clear();
    for (const cancel of cancels) cancel();
  }

  /**
   * The pieces for this carrier. The number stays: who has the message already does not take it anew. A message that was
   * taken on while no radio was there may be too large for the one that has come: it ends here.
   * @returns whether they are other ones than before
   */
  protected prepare({ maxFrameBytes }: FrameCarrier): boolean {
    if (this.isEnded || (this.splitForBytes > 0 && maxFrameBytes >= this.splitForBytes)) return false;
    const isNew = this.splitForBytes > 0;
    this.splitForBytes = maxFrameBytes;
    const { bytes } = this.message;
    const most = Math.max(0, maxMessageBytes(maxFrameBytes));
    this.pieces = bytes.length > most ? [] : split(bytes, maxFrameBytes);
    if (bytes.length > most) {
      const detail = `${bytes.length} bytes, more than frames of ${maxFrameBytes} bytes can carry (${most})`;
      this.end({ state: "failed", reason: "too-large", detail });
    }
    return isNew;
  }

  protected get headerBytes(): number {
    return this.pieces.length > 1 ? PIECE_HEADER_BYTES : WHOLE_HEADER_BYTES;
  }

  /**
   * Hands one piece to the carrier.
   * @param left called with its fate once that is final and the message still goes on
   */
  protected sendPiece(
    carrier: FrameCarrier,
    index: number,
    wantsReport: boolean,
    left: (fate: Fate) => void,
  ): void {
    const id = Symbol();
    const frame = encodeFrame({
      kind: "data",
      source: this.context.address,
      destination: this.destination,
      message: this.number,
      isUnnumbered: this.message.isOnce && this.destination === undefined && this.pieces.length === 1,
      index,
      count: this.pieces.length,
      isCoded: this.message.isCoded,
      wantsReport,
      body: this.pieces[index] ?? new Uint8Array(),
    });
    const onFate = (fate: Fate) => {
      if (fate.state !== "queued" && this.queued.delete(id)) left(fate);
    };
    const { priority, isAnswer } = this.message;
    this.queued.set(id, carrier.send(frame, priority, onFate, { isAnswer }));
  }

  private tell(fate: Fate): void {
    this.context.timers.after(0, () => this.message.told(fate));
  }

  /** Calls `task` later, instead of what was waited for before. */
  protected waitFor(delayMs: number, task: () => void): void {
    this.wait?.();
    this.wait = this.context.timers.after(delayMs, () => {
      this.wait = undefined;
      task();
    });
  }

  protected stopWaiting(): void {
    this.wait?.();
    this.wait = undefined;
  }
}
