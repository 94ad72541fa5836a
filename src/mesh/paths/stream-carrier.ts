import type { Timers } from "../../host/timers.ts";
import type { Engine, EngineConnection, FrameStream, PeerId } from "../engine/engine-interface.ts";
import { MAX_DATAGRAM_BYTES } from "./datagram.ts";
import type { Carrier, PathOffer, PathTarget } from "./paths-interface.ts";

export const DATAGRAM_PROTOCOL = "/omerta/datagram/1";

/**
 * More is not kept waiting for one stream: a proof that has stood in a queue for seconds proves nothing, and a message
 * goes another way meanwhile.
 */
const MAX_WAITING_BYTES = 8_192;
const OPEN_TIMEOUT_MS = 5_000;
/** A stream that could not be opened, or has ended before its connection, is opened anew after this, later and later. */
const FIRST_AGAIN_MS = 1_000;
const LONGEST_AGAIN_MS = 30_000;
/** As over UDP, so that a message is cut alike. */
const MAX_BYTES = 1_232;

export interface StreamCarrierOptions {
  timers: Timers;
  onDatagram: (from: PathTarget, datagram: Uint8Array) => void;
  /** A stream to the peer is there: a way to offer. */
  opened?: (peer: PeerId, offer: PathOffer) => void;
  closed?: (peer: PeerId, target: PathTarget) => void;
  /** A stream could not be opened, or has ended badly. */
  failed?: (error: unknown) => void;
}

interface Kept {
  stream: FrameStream;
  waitingBytes: number;
}

/** A datagram does not fit behind those that wait for the stream, or there is no such stream. */
export class StreamSendError extends Error {
  override readonly name = "StreamSendError";
}

/** Sealed datagrams over libp2p streams, one stream a connection: where UDP does not get through. */
export class StreamCarrier implements Carrier {
  private readonly kept = new Map<string, Kept>();

  constructor(private readonly options: StreamCarrierOptions) {}

  /** Serves the protocol, and keeps a stream on each connection that this box has dialled. @returns ends it */
  attach(engine: Engine): () => void {
    engine.handle(DATAGRAM_PROTOCOL, (stream) => this.serve(stream), { maxFrameBytes: MAX_DATAGRAM_BYTES });
    const later = new Set<() => void>();
    let isOver = false;
    // Who dialled opens it, so that there is one.
    const keep = async ({ peer, id, direction }: EngineConnection, againMs: number): Promise<void> => {
      if (direction === "inbound") return;
      const { timers } = this.options;
      const startedMs = timers.monotonicMs();
      try {
        const options = { connectionId: id, timeoutMs: OPEN_TIMEOUT_MS };
        await this.serve(await engine.open(peer, DATAGRAM_PROTOCOL, options));
      } catch (error) {
        this.options.failed?.(error);
      }
      if (isOver) return;
      const hasLasted = timers.monotonicMs() - startedMs >= LONGEST_AGAIN_MS;
      const nextMs = hasLasted ? FIRST_AGAIN_MS : Math.min(LONGEST_AGAIN_MS, againMs * 2);
      const cancel = timers.after(againMs, () => {
        later.delete(cancel);
        const connection = engine.connections(peer).find((one) => one.id === id);
        if (connection && !this.kept.has(id)) void keep(connection, nextMs);
      });
      later.add(cancel);
    };
    const unsubscribe = engine.on("opened", (connection) => void keep(connection, FIRST_AGAIN_MS));
    for (const connection of engine.connections()) void keep(connection, FIRST_AGAIN_MS);
    return () => {
      isOver = true;
      unsubscribe();
      for (const { stream } of this.kept.values()) stream.abort(new Error("the box stops"));
      for (const cancel of later) cancel();
    };
  }

  /** Ways over the streams to a peer that there are now: to be offered once there is a session. */
  offers(peer: PeerId): PathOffer[] {
    return [...this.kept.values()]
      .filter(({ stream }) => stream.peer === peer)
      .map(({ stream }) => offerOf(stream));
  }

  maxBytes(): number {
    return MAX_BYTES;
  }

  /** @throws {StreamSendError} */
  send(target: PathTarget, datagram: Uint8Array): void {
    const kept = target.by === "stream" ? this.kept.get(target.connectionId) : undefined;
    if (!kept) throw new StreamSendError("no such stream");
    if (kept.waitingBytes + datagram.length > MAX_WAITING_BYTES)
      throw new StreamSendError(`${kept.waitingBytes} bytes wait already`);
    kept.waitingBytes += datagram.length;
    kept.stream.send(datagram).then(
      () => {
        kept.waitingBytes -= datagram.length;
      },
      // Its frames end as well, and that is where it is let go.
      (error: unknown) => kept.stream.abort(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Takes datagrams from a stream until it ends. */
  async serve(stream: FrameStream): Promise<void> {
    const { connectionId, peer } = stream;
    this.kept.get(connectionId)?.stream.abort(new Error("there is a newer one"));
    const kept: Kept = { stream, waitingBytes: 0 };
    this.kept.set(connectionId, kept);
    const offer = offerOf(stream);
    this.options.opened?.(peer, offer);
    try {
      for await (const frame of stream.frames()) this.options.onDatagram(offer.target, frame);
      await stream.close();
    } catch (error) {
      this.options.failed?.(error);
    } finally {
      if (this.kept.get(connectionId) === kept) {
        this.kept.delete(connectionId);
        this.options.closed?.(peer, offer.target);
      }
    }
  }
}

const offerOf = ({ connectionId }: FrameStream): PathOffer => ({
  kind: "stream",
  target: { by: "stream", connectionId },
  cost: 0,
  metered: false,
});
