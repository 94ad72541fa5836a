import { EventEmitter } from "node:events";
import type { Firmware } from "../../../../src/bench/firmware.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import { type Port, type PortClosed, PortError, type PortEvents } from "../../../../src/lora/port.ts";

/**
 * A line that is no more than two ends in memory. What one end writes comes to the other a moment later, in the pieces
 * in which it was written or, as on a real line, in others.
 */
export class MemoryPort extends EventEmitter<PortEvents> implements Port {
  /** All that the host has written. */
  readonly written: number[] = [];
  private closed: PortClosed | undefined;

  constructor(
    readonly name: string,
    private readonly timers: Timers,
    /** Cuts what comes at one time into pieces; default: it stays whole. */
    private readonly cut: (bytes: Uint8Array) => Uint8Array[] = (bytes) => [bytes],
  ) {
    super();
  }

  /** Takes what the host writes. */
  firmware: Pick<Firmware, "receive"> | undefined;

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closed) throw new PortError(this.name, this.closed.detail);
    this.written.push(...bytes);
    const copy = bytes.slice();
    this.timers.after(0, () => {
      // What was written before the line was closed has left it; a pulled cable carries nothing.
      if (this.closed?.reason === "gone") return;
      for (const piece of this.cut(copy)) this.firmware?.receive(piece);
    });
  }

  async close(): Promise<void> {
    this.end({ reason: "asked", detail: "closed" });
  }

  /** What the firmware, or noise on the line, sends to the host. */
  fromFirmware(bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.timers.after(0, () => {
      for (const piece of this.cut(copy)) if (!this.closed) this.emit("data", piece);
    });
  }

  /** The cable is pulled. */
  unplug(): void {
    this.end({ reason: "gone", detail: "unplugged" });
  }

  private end(closed: PortClosed): void {
    if (this.closed) return;
    this.closed = closed;
    this.emit("closed", closed);
  }
}
