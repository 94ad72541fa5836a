import { EventEmitter } from "node:events";
import { SerialPortStream } from "@serialport/stream";
import { type Port, type PortClosed, PortError, type PortEvents } from "../port.ts";
import { linuxBinding } from "./binding.ts";
import type { LineOpenOptions } from "./open-options.ts";

export type SerialPortOptions = Omit<LineOpenOptions, "path">;

type Stream = SerialPortStream<typeof linuxBinding>;

/** Bytes that may wait for the line; at 115,200 baud that is a minute and a half. */
const MAX_WAITING_BYTES = 1 << 20;
/** What was written just before closing has so long to leave: a goodbye takes a few ms. */
const LAST_WORDS_MS = 500;

/**
 * Opens a serial line to a radio, 8N1 without flow control if nothing else is said. Bytes that come while nobody
 * listens are lost.
 * @throws {PortError} it is not there, in use, no serial line, or cannot be set so
 */
export async function openSerialPort(path: string, options: SerialPortOptions): Promise<Port> {
  const stream = new SerialPortStream({
    lowLatency: true,
    ...options,
    binding: linuxBinding,
    path,
    autoOpen: false,
  });
  await new Promise<void>((resolve, reject) =>
    stream.open((error) => (error ? reject(new PortError(path, detailOf(path, error))) : resolve())),
  );
  return new SerialPort(path, stream);
}

class SerialPort extends EventEmitter<PortEvents> implements Port {
  private closed: PortClosed | undefined;
  private closing: Promise<void> | undefined;
  private waitingBytes = 0;
  private readonly writes = new Set<(error: Error) => void>();

  constructor(
    readonly name: string,
    private readonly stream: Stream,
  ) {
    super();
    stream.on("data", (bytes: Buffer) => this.emit("data", bytes));
    stream.on("error", (error) => this.end(error));
    stream.on("close", (error?: Error | null) => this.end(error ?? undefined));
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closed || this.closing) throw new PortError(this.name, this.closed?.detail ?? "closed");
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES)
      throw new PortError(this.name, `more than ${MAX_WAITING_BYTES} bytes wait to be written`);
    this.waitingBytes += bytes.length;
    try {
      await new Promise<void>((resolve, reject) => {
        // While the stream closes after losing its line, it keeps writes for when it is opened again.
        this.writes.add(reject);
        // A copy: whoever wrote them may use the bytes again at once.
        this.stream.write(Buffer.from(bytes), (error) => {
          this.writes.delete(reject);
          if (error) reject(error);
          else resolve();
        });
      });
    } catch (error) {
      throw new PortError(this.name, detailOf(this.name, this.stream.port?.lost ?? error));
    } finally {
      this.waitingBytes -= bytes.length;
    }
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    if (this.closed) return;
    await this.lastWords();
    if (this.closed) return;
    await new Promise<void>((resolve) => this.stream.close(() => resolve()));
    this.end(undefined);
  }

  /** Waits until all has left, but not longer than {@link LAST_WORDS_MS}, nor when the line goes. */
  private lastWords(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LAST_WORDS_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.once("closed", done);
      // Behind all that was written before it.
      this.stream.write(Buffer.alloc(0), () => this.stream.drain(done));
    });
  }

  private end(error: Error | undefined): void {
    if (this.closed) return;
    // The stream may say first that it is of no use any more, and then why.
    this.closed = closedBy(this.name, this.stream.port?.lost ?? error, this.closing !== undefined);
    // A stream that has failed does not close its line by itself.
    if (this.stream.isOpen) this.stream.close(() => {});
    for (const fail of [...this.writes]) fail(new Error(this.closed.detail));
    this.emit("closed", this.closed);
  }
}

function closedBy(path: string, error: Error | undefined, asked: boolean): PortClosed {
  if (asked) return { reason: "asked", detail: "closed" };
  if (error === undefined) return { reason: "gone", detail: "closed by the system" };
  const isGone = "disconnected" in error && error.disconnected === true;
  return { reason: isGone ? "gone" : "failed", detail: detailOf(path, error) };
}

/** What an error says beside the path, which a {@link PortError} has by itself. */
function detailOf(path: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
