import type { Logger, MessageStreamDirection } from "@libp2p/interface";
import { AbstractMultiaddrConnection } from "@libp2p/utils";
import type { Multiaddr } from "@multiformats/multiaddr";

/** Longest WebSocket message that is sent; longer ones are cut, as the bytes inside are a stream. */
const MAX_SENT_BYTES = 262_144;
/** Longest that is taken; a stranger's longer one ends its connection. */
export const MAX_TAKEN_BYTES = 1_048_576;

/** A WebSocket of either side, as far as a stream of bytes needs it. */
export interface WsPort {
  /** @returns whether more may follow at once; otherwise {@link WsConnection.drained} is called */
  send(bytes: Uint8Array): boolean;
  close(): void;
  /** Without a goodbye. */
  terminate(): void;
}

export interface WsConnectionInit {
  port: WsPort;
  remoteAddr: Multiaddr;
  direction: MessageStreamDirection;
  log: Logger;
}

/** libp2p's raw connection over a WebSocket. What happens to the socket is told by the methods below. */
export class WsConnection extends AbstractMultiaddrConnection {
  private readonly port: WsPort;

  constructor({ port, ...init }: WsConnectionInit) {
    super(init);
    this.port = port;
  }

  received(bytes: Uint8Array): void {
    this.onData(bytes);
  }

  drained(): void {
    this.safeDispatchEvent("drain");
  }

  /** @param clean whether the other side said goodbye */
  ended(clean: boolean): void {
    if (this.status !== "open" && this.status !== "closing") return;
    if (clean) this.onTransportClosed();
    else this.onRemoteReset();
  }

  override sendData(data: Parameters<WsConnection["send"]>[0]): { sentBytes: number; canSendMore: boolean } {
    let canSendMore = true;
    const bytes = data.subarray();
    for (let at = 0; at < bytes.byteLength; at += MAX_SENT_BYTES) {
      canSendMore = this.port.send(bytes.subarray(at, at + MAX_SENT_BYTES));
    }
    return { sentBytes: bytes.byteLength, canSendMore };
  }

  override async sendClose(): Promise<void> {
    this.port.close();
  }

  override sendReset(): void {
    this.port.terminate();
  }

  // WebSockets cannot tell the other side to wait; yamux's windows do, within them.
  override sendPause(): void {}

  override sendResume(): void {}
}
