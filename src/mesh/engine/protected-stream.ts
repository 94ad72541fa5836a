import type { MessageStream } from "@libp2p/interface";
import { AbstractMessageStream } from "@libp2p/utils";
import { NONCE_BYTES, type XSalsa20 } from "./xsalsa20.ts";

/** What both sides say first inside: multistream-select's greeting with its length. */
export const GREETING = Buffer.from("\x13/multistream/1.0.0\n");
const PREAMBLE_BYTES = NONCE_BYTES + GREETING.length;

/** A connection that is not encrypted with one of this network's shared keys. */
export class PrivateNetworkError extends Error {
  override name = "PrivateNetworkError";
}

/** The bytes of an event of a stream in one piece. */
type Data = Parameters<MessageStream["send"]>[0];

/** What a protected stream needs to go on after the preambles. */
export interface ProtectedStreamInit {
  stream: MessageStream;
  send: Pick<XSalsa20, "apply">;
  /** Given the first 44 bytes of the other side, returns its cipher and the greeting, decrypted. @throws {PrivateNetworkError} */
  opens(preamble: Uint8Array): { receive: XSalsa20; greeting: Uint8Array };
  /** Told once whether the other side's preamble fitted. */
  settled(error: Error | undefined): void;
}

/** A stream whose bytes are encrypted with the network's shared key (libp2p's private networks, PSK version 1). */
export class ProtectedStream extends AbstractMessageStream {
  private readonly inner: MessageStream;
  private preamble = Buffer.alloc(0);
  private receive: XSalsa20 | undefined;
  private isSettled = false;

  constructor(private readonly init: ProtectedStreamInit) {
    const { stream } = init;
    super({
      log: stream.log,
      inactivityTimeout: stream.inactivityTimeout,
      maxReadBufferLength: stream.maxReadBufferLength,
      direction: stream.direction,
    });
    this.inner = stream;
    stream.addEventListener("message", (event) => this.incoming(event.data));
    stream.addEventListener("drain", () => this.safeDispatchEvent("drain"));
    stream.addEventListener("remoteCloseWrite", () => this.onRemoteCloseWrite());
    stream.addEventListener("close", (event) => {
      this.settle(event.error ?? new PrivateNetworkError("closed before it showed the shared key"));
      if (event.error === undefined) this.onTransportClosed();
      else if (event.local === true) this.abort(event.error);
      else this.onRemoteReset();
    });
  }

  async close(options?: { signal?: AbortSignal }): Promise<void> {
    await this.inner.close(options);
  }

  override sendData(data: Data): { sentBytes: number; canSendMore: boolean } {
    const sentBytes = data.byteLength;
    return { sentBytes, canSendMore: this.inner.send(this.init.send.apply(data.subarray())) };
  }

  override sendReset(error: Error): void {
    this.inner.abort(error);
  }

  override sendPause(): void {
    this.inner.pause();
  }

  override sendResume(): void {
    this.inner.resume();
  }

  private incoming(data: Data): void {
    try {
      let bytes = data.subarray();
      if (this.receive === undefined) {
        // Never more than a preamble is kept of one that has not shown the key yet.
        const wanted = PREAMBLE_BYTES - this.preamble.length;
        this.preamble = Buffer.concat([this.preamble, bytes.subarray(0, wanted)]);
        if (this.preamble.length < PREAMBLE_BYTES) return;
        const { receive, greeting } = this.init.opens(this.preamble);
        this.receive = receive;
        this.settle(undefined);
        this.onData(greeting);
        bytes = bytes.subarray(wanted);
      }
      if (bytes.byteLength > 0) this.onData(this.receive.apply(bytes));
    } catch (error) {
      const reason = error instanceof Error ? error : new Error(String(error));
      this.settle(reason);
      this.abort(reason);
    }
  }

  private settle(error: Error | undefined): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.init.settled(error);
  }
}
