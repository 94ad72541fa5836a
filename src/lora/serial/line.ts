import { close as closeDescriptor } from "node:fs";
import { promisify } from "node:util";
import { systemTimers } from "../../host/timers.ts";
import { BindingError, lineError } from "./binding-error.ts";
import type { BindingPortInterface, PortStatus, SetOptions, UpdateOptions } from "./bindings-interface.ts";
import { flushLine, unlockLine } from "./line-control.ts";
import { LineReader } from "./line-reader.ts";
import { bitsPerCharacter, setBaudRate } from "./line-settings.ts";
import { LineWriter, unsentBytesOf, writeSomeTo } from "./line-writer.ts";
import { getModemLines, setModemLines } from "./modem-lines.ts";
import type { LineOpenOptions } from "./open-options.ts";
import { readTermios } from "./termios.ts";
import { whenWritable } from "./writable-watch.ts";

const closeAsync = promisify(closeDescriptor);

/** A serial line that is open: what `@serialport/stream` reads and writes. */
export class Line implements BindingPortInterface {
  readonly openOptions: Required<LineOpenOptions>;
  /** How the device went away, once it has: of all that then fails, this is the reason. */
  lost: BindingError | undefined;
  private descriptor: number | undefined;
  private readonly reader: LineReader;
  private readonly writer: LineWriter;
  private baudRate: number;

  /** @param descriptor a line that is set by the options, non-blocking; {@link close} closes it */
  constructor(descriptor: number, openOptions: Required<LineOpenOptions>) {
    this.openOptions = openOptions;
    this.descriptor = descriptor;
    this.baudRate = openOptions.baudRate;
    const bits = bitsPerCharacter(openOptions);
    this.reader = new LineReader(descriptor, openOptions.path);
    this.writer = new LineWriter({
      path: openOptions.path,
      timers: systemTimers,
      whenWritable: (told) => whenWritable(descriptor, told),
      write: writeSomeTo(descriptor),
      unsent: () => unsentBytesOf(descriptor),
      characterMs: () => (bits * 1_000) / this.baudRate,
    });
  }

  get isOpen(): boolean {
    return this.descriptor !== undefined;
  }

  async close(): Promise<void> {
    const descriptor = this.opened();
    this.descriptor = undefined;
    this.reader.close();
    this.writer.close();
    this.letGo(descriptor);
    await closeAsync(descriptor);
  }

  async read(buffer: Buffer, offset: number, length: number): Promise<{ buffer: Buffer; bytesRead: number }> {
    expectBuffer(buffer);
    expectInteger("offset", offset);
    expectInteger("length", length);
    if (buffer.length < offset + length)
      throw new RangeError(`"buffer" is too small for ${offset} + ${length}`);
    this.opened();
    return { buffer, bytesRead: await this.noticing(this.reader.read(buffer, offset, length)) };
  }

  async write(buffer: Buffer): Promise<void> {
    expectBuffer(buffer);
    this.opened();
    await this.noticing(this.writer.write(buffer));
  }

  async update(options: UpdateOptions): Promise<void> {
    expectObject(options);
    const { baudRate } = options;
    if (typeof baudRate !== "number") throw new TypeError('"options.baudRate" is not a number');
    this.asking((descriptor) => setBaudRate(descriptor, baudRate));
    this.baudRate = baudRate;
  }

  async set(options: SetOptions): Promise<void> {
    expectObject(options);
    this.asking((descriptor) => setModemLines(descriptor, options));
  }

  async get(): Promise<PortStatus> {
    return this.asking(getModemLines);
  }

  async getBaudRate(): Promise<{ baudRate: number }> {
    return this.asking((descriptor) => ({ baudRate: readTermios(descriptor).baudRate }));
  }

  async flush(): Promise<void> {
    this.asking((descriptor) => {
      this.reader.discard();
      flushLine(descriptor, "both");
    });
  }

  async drain(): Promise<void> {
    this.opened();
    await this.writer.drain();
  }

  /**
   * What has not left the kernel is thrown away: with it, close(2) waits for the line, up to 30 s (tty_port.c). Whoever
   * wants it sent drains first.
   */
  private letGo(descriptor: number): void {
    try {
      if (unsentBytesOf(descriptor) > 0) flushLine(descriptor, "output");
      if (this.openOptions.lock) unlockLine(descriptor);
    } catch {
      // A line that has hung up says no to all but close(2), which undoes both.
    }
  }

  private opened(): number {
    if (this.descriptor === undefined) throw new BindingError(this.openOptions.path, "not open");
    return this.descriptor;
  }

  private async noticing<T>(transfer: Promise<T>): Promise<T> {
    try {
      return await transfer;
    } catch (error) {
      if (error instanceof BindingError && error.disconnected) this.lost ??= error;
      throw error;
    }
  }

  private asking<T>(ask: (descriptor: number) => T): T {
    const descriptor = this.opened();
    try {
      return ask(descriptor);
    } catch (error) {
      throw error instanceof RangeError ? error : lineError(this.openOptions.path, error);
    }
  }
}

function expectBuffer(buffer: unknown): void {
  if (!Buffer.isBuffer(buffer)) throw new TypeError('"buffer" is not a Buffer');
}

function expectInteger(name: string, value: unknown): void {
  if (!Number.isInteger(value) || Number(value) < 0)
    throw new TypeError(`"${name}" is not an integer: ${value}`);
}

function expectObject(options: unknown): void {
  if (!isObject(options)) throw new TypeError('"options" is not an object');
}

export const isObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);
