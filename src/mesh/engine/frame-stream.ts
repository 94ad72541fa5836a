import type { Stream } from "@libp2p/interface";
import type { FrameStream, PeerId } from "./engine-interface.ts";
import { FrameDecoder, frameHeader } from "./frame-code.ts";
import { roomToSend } from "./stream-room.ts";

/** Frames are at most this long unless a protocol says otherwise. */
export const MAX_FRAME_BYTES = 1_048_576;
/** Whole frames that wait for their reader, in bytes; then the sender is told to wait. */
const READ_AHEAD_BYTES = 262_144;
/** What a waiting frame costs besides its bytes, so that empty ones are counted too. */
const FRAME_OVERHEAD_BYTES = 64;

/** A frame stream that has ended, or cannot take a frame. */
export class FrameStreamError extends Error {
  override name = "FrameStreamError";
}

/**
 * Frames over one stream of libp2p, both ways, with backpressure both ways where the muxer has it: over WebRTC a sender
 * cannot be told to wait, and a reader that falls 4 MiB behind has its stream reset.
 */
export class Libp2pFrameStream implements FrameStream {
  private readonly decoder: FrameDecoder;
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private paused = false;
  private remoteClosed = false;
  private ended = false;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;
  private sending: Promise<void> = Promise.resolve();

  constructor(
    private readonly stream: Stream,
    readonly peer: PeerId,
    readonly connectionId: string,
    private readonly maxFrameBytes: number = MAX_FRAME_BYTES,
  ) {
    this.decoder = new FrameDecoder(maxFrameBytes);
    this.remoteClosed = stream.status === "open" && stream.remoteWriteStatus === "closed";
    stream.addEventListener("remoteCloseWrite", () => {
      this.remoteClosed = true;
    });
    let isClosed = false;
    stream.addEventListener("end", () => {
      // Of a stream that the other side did not close, "close" tells why it ended.
      if (this.remoteClosed || isClosed) this.finish(undefined);
    });
    stream.addEventListener("close", (event) => {
      isClosed = true;
      // What came before and waits while we are paused is still read; "end" follows it.
      if (event.error !== undefined || stream.readBufferLength === 0) this.finish(event.error);
    });
    stream.addEventListener("message", (event) => this.incoming(event.data.subarray()));
    if (stream.readableEnded || (stream.status !== "open" && stream.readBufferLength === 0)) {
      this.finish(undefined);
    }
  }

  send(frame: Uint8Array): Promise<void> {
    if (frame.byteLength > this.maxFrameBytes) {
      const why = `a frame of ${frame.byteLength} bytes is longer than ${this.maxFrameBytes}`;
      return Promise.reject(new FrameStreamError(why));
    }
    // One after the other, also when several are sent at once: each waits for room before the next is handed over.
    const sent = this.sending.then(() => this.sendNow(frame));
    this.sending = sent.catch(() => undefined);
    return sent;
  }

  async *frames(): AsyncGenerator<Uint8Array> {
    while (true) {
      const frame = this.waiting.shift();
      if (frame !== undefined) {
        this.waitingBytes -= frame.byteLength + FRAME_OVERHEAD_BYTES;
        this.resumeWithRoom();
        yield frame;
        continue;
      }
      if (this.failure !== undefined) throw this.failure;
      if (this.ended) return;
      const woken = Promise.withResolvers<void>();
      this.wake = woken.resolve;
      await woken.promise;
    }
  }

  async close(): Promise<void> {
    await this.sending;
    await this.stream.close();
  }

  abort(reason: Error): void {
    this.finish(reason);
    this.stream.abort(reason);
  }

  private async sendNow(frame: Uint8Array): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    if (this.stream.writeStatus !== "writable") throw new FrameStreamError("the stream has ended");
    this.stream.send(Buffer.concat([frameHeader(frame.byteLength), frame]));
    await roomToSend(this.stream);
  }

  private incoming(bytes: Uint8Array): void {
    try {
      for (const frame of this.decoder.decode(bytes)) {
        this.waiting.push(frame);
        this.waitingBytes += frame.byteLength + FRAME_OVERHEAD_BYTES;
      }
    } catch (error) {
      this.abort(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (!this.paused && this.waitingBytes > READ_AHEAD_BYTES && this.stream.readStatus === "readable") {
      this.paused = true;
      this.stream.pause();
    }
    this.wakeReader();
  }

  private resumeWithRoom(): void {
    if (!this.paused || this.waitingBytes > READ_AHEAD_BYTES / 2) return;
    this.paused = false;
    if (this.stream.readStatus !== "paused") return;
    try {
      this.stream.resume();
    } catch {
      // The connection went meanwhile, and with it who would have been told to go on; what had come was handed out.
    }
  }

  private finish(error: Error | undefined): void {
    if (this.ended || this.failure !== undefined) return;
    if (error !== undefined) this.failure = error;
    else if (!this.remoteClosed) this.failure = new FrameStreamError("the connection has ended");
    else if (this.decoder.isMidway) this.failure = new FrameStreamError("the stream ended within a frame");
    else this.ended = true;
    this.wakeReader();
  }

  private wakeReader(): void {
    this.wake?.();
    this.wake = undefined;
  }
}
