import { EventEmitter } from "node:events";
import { type Port, type PortClosed, PortError, type PortEvents } from "./port.ts";

/** Bytes that may wait to be taken; at 115,200 baud that is a minute and a half. */
const MAX_WAITING_BYTES = 1 << 20;
/** What was written just before closing has so long to leave: a goodbye takes a few ms. */
const LAST_WORDS_MS = 500;

/** A port on one of Node's streams: writes that wait within a bound, last words, and one end that all of them learn of. */
export abstract class StreamPort extends EventEmitter<PortEvents> implements Port {
  private closed: PortClosed | undefined;
  private closing: Promise<void> | undefined;
  private waitingBytes = 0;
  private readonly writes = new Set<(error: Error) => void>();

  constructor(readonly name: string) {
    super();
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.closed || this.closing) throw new PortError(this.name, this.closed?.detail ?? "closed");
    if (this.waitingBytes + bytes.length > MAX_WAITING_BYTES)
      throw new PortError(this.name, `more than ${MAX_WAITING_BYTES} bytes wait to be written`);
    this.waitingBytes += bytes.length;
    try {
      await new Promise<void>((resolve, reject) => {
        // A stream that is about to close may keep a write without ever ending it.
        this.writes.add(reject);
        // A copy: whoever wrote them may use the bytes again at once.
        this.put(Buffer.from(bytes), (error) => {
          this.writes.delete(reject);
          if (error) reject(error);
          else resolve();
        });
      });
    } catch (error) {
      const failure = new PortError(this.name, this.detailOf(error));
      // Nothing can be written any more. Whoever listens learns that the port is closed first, and then of its write.
      this.end(error instanceof Error ? error : failure);
      throw failure;
    } finally {
      this.waitingBytes -= bytes.length;
    }
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  /** The stream is of no use any more. @param error why; undefined: closed by the other end or the system */
  protected end(error: Error | undefined): void {
    if (this.closed) return;
    const isAsked = this.closing !== undefined;
    this.closed = isAsked ? { reason: "asked", detail: "closed" } : this.closedBy(error);
    this.drop();
    for (const fail of [...this.writes]) fail(new Error(this.closed.detail));
    this.emit("closed", this.closed);
  }

  /** Hands bytes to the stream, behind all that was before. */
  protected abstract put(bytes: Buffer, done: (error?: Error | null) => void): void;

  /** Calls `done` when all that was written has left, if it ever does. */
  protected abstract leave(done: () => void): void;

  /** Closes the stream, all having left. */
  protected abstract letGo(): Promise<void>;

  /** Closes at once what the stream may not close by itself. */
  protected abstract drop(): void;

  protected abstract closedBy(error: Error | undefined): PortClosed;

  /** What an error says beside the port's name, which a {@link PortError} has by itself. */
  protected abstract detailOf(error: unknown): string;

  private async shut(): Promise<void> {
    if (this.closed) return;
    await this.lastWords();
    if (this.closed) return;
    await this.letGo();
    this.end(undefined);
  }

  /** Waits until all has left, but not longer than {@link LAST_WORDS_MS}, nor when the stream ends. */
  private lastWords(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LAST_WORDS_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.once("closed", done);
      this.leave(done);
    });
  }
}
