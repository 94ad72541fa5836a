import { SerialPortStream } from "@serialport/stream";
import { type Port, type PortClosed, PortError } from "../port.ts";
import { StreamPort } from "../stream-port.ts";
import { linuxBinding } from "./binding.ts";
import type { LineOpenOptions } from "./open-options.ts";

export type SerialPortOptions = Omit<LineOpenOptions, "path">;

type Stream = SerialPortStream<typeof linuxBinding>;

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

class SerialPort extends StreamPort {
  constructor(
    path: string,
    private readonly stream: Stream,
  ) {
    super(path);
    stream.on("data", (bytes: Buffer) => this.emit("data", bytes));
    stream.on("error", (error) => this.end(error));
    stream.on("close", (error?: Error | null) => this.end(error ?? undefined));
  }

  protected put(bytes: Buffer, done: (error?: Error | null) => void): void {
    this.stream.write(bytes, done);
  }

  protected leave(done: () => void): void {
    // Behind all that was written before it.
    this.stream.write(Buffer.alloc(0), () => this.stream.drain(done));
  }

  protected letGo(): Promise<void> {
    return new Promise((resolve) => this.stream.close(() => resolve()));
  }

  protected drop(): void {
    // A stream that has failed does not close its line by itself.
    if (this.stream.isOpen) this.stream.close(() => {});
  }

  protected closedBy(error: Error | undefined): PortClosed {
    // The stream may say first that it is of no use any more, and then why.
    const why = this.stream.port?.lost ?? error;
    if (why === undefined) return { reason: "gone", detail: "closed by the system" };
    const isGone = "disconnected" in why && why.disconnected === true;
    return { reason: isGone ? "gone" : "failed", detail: detailOf(this.name, why) };
  }

  protected detailOf(error: unknown): string {
    return detailOf(this.name, this.stream.port?.lost ?? error);
  }
}

/** What an error says beside the path, which a {@link PortError} has by itself. */
function detailOf(path: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}
