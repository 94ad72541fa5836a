import type { Timers } from "../../host/timers.ts";
import type { QueueStatus } from "./proto/meshtastic_pb.ts";

/** Places that are left to what the firmware repeats for others: where it has none, it drops what is least urgent. */
const RESERVE = 4;
/** A question that was not answered is asked again. */
const ASK_AGAIN_MS = 1_000;

export interface FirmwareQueueOptions {
  timers: Timers;
  /** Asks for the state of the queue. */
  ask: () => void;
  /** How often, while it matters, in ms. */
  everyMs: () => number;
  /** The firmware has begun to send a packet. */
  left: (id: number) => void;
  /** There may be room again. */
  noted: () => void;
}

/**
 * What is known of the queue in which packets wait in the firmware until the channel is free. It tells its length only;
 * that a packet of ours has left is concluded from so many having left as were there when it came, or from the queue
 * being empty. What came later and is more urgent is not told apart: the packet may then be one place behind.
 */
export class FirmwareQueue {
  private readonly inside: { id: number; ahead: number }[] = [];
  private length = 0;
  private free = Number.POSITIVE_INFINITY;
  private isWatched = false;
  private callOff: (() => void) | undefined;

  constructor(private readonly options: FirmwareQueueOptions) {}

  /** Packets of ours in it. */
  get count(): number {
    return this.inside.length;
  }

  get hasRoom(): boolean {
    return this.free > RESERVE;
  }

  /** The firmware has taken a packet. @param status that tells so */
  enter(id: number, status: QueueStatus): void {
    this.read(status);
    this.inside.push({ id, ahead: this.length });
    this.settle(0);
  }

  note(status: QueueStatus): void {
    const before = this.length;
    this.read(status);
    this.settle(before - this.length);
  }

  /** Keeps asking until there is room. */
  watch(): void {
    this.isWatched = true;
    this.plan();
  }

  /** It is in there no more, however that came. */
  forget(id: number): void {
    const at = this.inside.findIndex((packet) => packet.id === id);
    if (at >= 0) this.inside.splice(at, 1);
  }

  /** The firmware was started anew, with an empty queue. */
  clear(): void {
    this.inside.length = 0;
    this.length = 0;
    this.free = Number.POSITIVE_INFINITY;
    this.isWatched = false;
    this.callOff?.();
    this.callOff = undefined;
  }

  private read({ free, length }: QueueStatus): void {
    this.length = Math.max(0, length - free);
    this.free = free;
  }

  private settle(gone: number): void {
    const left = this.inside.filter((packet) => {
      packet.ahead -= Math.max(0, gone);
      return packet.ahead <= 0 || this.length === 0;
    });
    for (const { id } of left) this.forget(id);
    if (this.hasRoom) this.isWatched = false;
    this.callOff?.();
    this.callOff = undefined;
    this.plan();
    for (const { id } of left) this.options.left(id);
    this.options.noted();
  }

  private plan(): void {
    if (this.callOff || (this.inside.length === 0 && !this.isWatched)) return;
    const { timers, everyMs } = this.options;
    this.callOff = timers.after(everyMs(), () => this.ask());
  }

  private ask(): void {
    this.callOff = this.options.timers.after(ASK_AGAIN_MS, () => this.ask());
    this.options.ask();
  }
}
