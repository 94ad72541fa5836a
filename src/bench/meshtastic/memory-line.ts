import { EventEmitter } from "node:events";
import type { Timers } from "../../host/timers.ts";
import { type Port, PortError, type PortEvents } from "../../lora/port.ts";
import type { Firmware, ToHost } from "../firmware.ts";

export interface MemoryLineOptions<F extends Firmware> {
  timers: Timers;
  create: (toHost: ToHost) => F;
  name?: string;
  /** Default 115,200, with ten bits to the byte. */
  baudRate?: number;
}

/** A serial line without an operating system, for simulations: what is written takes its time on it, and is not lost. */
export class MemoryLine<F extends Firmware> extends EventEmitter<PortEvents> implements Port {
  readonly name: string;
  readonly firmware: F;
  private readonly byteMs: number;
  private readonly freeAtMs = { toHost: 0, toFirmware: 0 };
  private isClosed = false;

  constructor(private readonly options: MemoryLineOptions<F>) {
    super();
    this.name = options.name ?? "memory";
    this.byteMs = 10_000 / (options.baudRate ?? 115_200);
    this.firmware = options.create((bytes) => {
      const copy = bytes.slice();
      this.carry("toHost", copy.length, () => this.emit("data", copy));
    });
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.isClosed) throw new PortError(this.name, "closed");
    const copy = bytes.slice();
    this.carry("toFirmware", copy.length, () => this.firmware.receive(copy));
  }

  /** The firmware runs on, as a case does that nobody listens to. */
  async close(): Promise<void> {
    this.end("asked", "closed");
  }

  /** The case is pulled out. */
  unplug(): void {
    this.firmware.stop();
    this.end("gone", "unplugged");
  }

  private carry(way: "toHost" | "toFirmware", byteCount: number, arrive: () => void): void {
    const { timers } = this.options;
    const nowMs = timers.monotonicMs();
    this.freeAtMs[way] = Math.max(nowMs, this.freeAtMs[way]) + byteCount * this.byteMs;
    timers.after(this.freeAtMs[way] - nowMs, () => {
      if (!this.isClosed || way === "toFirmware") arrive();
    });
  }

  private end(reason: "asked" | "gone", detail: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.emit("closed", { reason, detail });
  }
}
