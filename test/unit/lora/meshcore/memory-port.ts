import { EventEmitter } from "node:events";
import type { Firmware, ToHost } from "../../../../src/bench/firmware.ts";
import type { Timers } from "../../../../src/host/timers.ts";
import type { Port, PortClosed, PortEvents } from "../../../../src/lora/port.ts";

export interface MemoryPortOptions<F extends Firmware> {
  timers: Timers;
  create: (toHost: ToHost) => F;
  /** How many bytes come at once; default all. */
  pieceBytes?: () => number;
}

/** A line to emulated firmware without an operating system between: bytes arrive one timer later. */
export class MemoryPort<F extends Firmware> extends EventEmitter<PortEvents> implements Port {
  readonly name = "memory";
  readonly firmware: F;
  readonly written: Uint8Array[] = [];
  private closed = false;

  constructor(private readonly options: MemoryPortOptions<F>) {
    super();
    this.firmware = options.create((bytes) => this.toHost(bytes.slice()));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closed) throw new Error("memory: closed");
    const copy = bytes.slice();
    this.written.push(copy);
    this.options.timers.after(0, () => this.firmware.receive(copy));
  }

  async close(): Promise<void> {
    this.end({ reason: "asked", detail: "closed" });
  }

  unplug(): void {
    this.firmware.stop();
    this.end({ reason: "gone", detail: "unplugged" });
  }

  /** What the line itself brings, such as noise. */
  inject(bytes: Uint8Array): void {
    this.toHost(bytes);
  }

  private toHost(bytes: Uint8Array): void {
    const step = this.options.pieceBytes?.() ?? bytes.length;
    for (let at = 0; at < bytes.length; at += step) {
      const piece = bytes.slice(at, at + step);
      this.options.timers.after(0, () => {
        if (!this.closed) this.emit("data", piece);
      });
    }
  }

  private end(closed: PortClosed): void {
    if (this.closed) return;
    this.closed = true;
    this.emit("closed", closed);
  }
}
