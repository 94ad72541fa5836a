import type { ReadableStreamDefaultReader } from "node:stream/web";
import { BindingError, canceled, hungUp, lineError } from "./binding-error.ts";

/**
 * Reads a non-blocking descriptor without ever blocking or polling: Bun waits for it in its own event loop. It reads
 * ahead some 30 KB at most; the rest stays with the kernel, which holds up the other end where there is flow control.
 */
export class LineReader {
  /** Begun by the first read: who only writes does without. */
  private source: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** What has been read of `source` and nobody has asked for yet. */
  private rest: Uint8Array | undefined;
  private reading = false;
  private closed = false;

  constructor(
    private readonly descriptor: number,
    private readonly path: string,
  ) {}

  /**
   * Waits for at least one byte.
   * @returns how many bytes it has put into `buffer` from `offset` on, at most `length`
   * @throws {BindingError} `canceled` after {@link close}, `disconnected` once the line has hung up
   */
  async read(buffer: Uint8Array, offset: number, length: number): Promise<number> {
    if (this.reading) throw new BindingError(this.path, "a read is under way already");
    this.reading = true;
    try {
      while (this.rest === undefined) this.rest = await this.next();
    } finally {
      this.reading = false;
    }
    const taken = this.rest.subarray(0, length);
    buffer.set(taken, offset);
    this.rest = taken.length < this.rest.length ? this.rest.subarray(taken.length) : undefined;
    return taken.length;
  }

  /** Forgets what was read ahead; a read that is under way goes on with what comes after it. */
  discard(): void {
    const stale = this.source;
    this.source = undefined;
    this.rest = undefined;
    end(stale);
  }

  /** Reads that are under way fail as `canceled`. Bun closes its own copy of the descriptor within some ms. */
  close(): void {
    this.closed = true;
    this.rest = undefined;
    end(this.source);
  }

  /** @returns undefined when what came is stale */
  private async next(): Promise<Uint8Array | undefined> {
    if (this.closed) throw canceled(this.path);
    this.source ??= Bun.file(this.descriptor).stream().getReader();
    const { source } = this;
    const { done, value } = await source.read().catch((error) => {
      throw this.closed ? canceled(this.path) : lineError(this.path, error);
    });
    if (this.closed) throw canceled(this.path);
    if (source !== this.source) return undefined;
    // A line that was hung up reads its end (tty_io.c, hung_up_tty_read); a raw one never does otherwise.
    if (done) throw hungUp(this.path);
    return value;
  }
}

function end(source: ReadableStreamDefaultReader<Uint8Array> | undefined): void {
  // One that has failed only says so again.
  source?.cancel().catch(() => {});
}
