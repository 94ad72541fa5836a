import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from "@libp2p/circuit-relay-v2";
import type { Connection, Stream } from "@libp2p/interface";
import { lpStream } from "@libp2p/utils";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { ByteRate } from "./byte-rate.ts";
import {
  decodeHopRequest,
  decodeStopStatus,
  encodeHopStatus,
  encodeStopConnect,
  MAX_CIRCUIT_MESSAGE_BYTES,
  STATUS,
  type Status,
} from "./circuit-messages.ts";
import type { Entry } from "./connection-table.ts";
import type { PeerId } from "./engine-interface.ts";
import type { RelayOptions } from "./engine-options.ts";
import type { Node } from "./libp2p-node.ts";
import { splice } from "./splice.ts";

/** A reservation lasts for this long; members renew it at half of it, so one that went leaves its place soon. */
export const RESERVATION_MS = 10 * 60_000;
/** Requests and answers have to come within this. */
const MESSAGE_WITHIN_MS = 8_000;
/** Circuits of one member that begin or end here, at a time. */
const MAX_CIRCUITS_OF_PEER = 16;
/** Requests of one connection at a time, circuits included. */
const MAX_STREAMS = 32;

export interface RelayServerOptions extends RelayOptions {
  /** A peer's connections, the best first. */
  connectionsOf(peer: PeerId): readonly Entry[];
  timers: Timers;
  /** Milliseconds since 1970. */
  wallMs: () => number;
  log: Logger;
}

type Link = ReturnType<typeof lpStream<Stream>>;

/**
 * Relays circuits between members (circuit relay v2, the relay's side), within what the operator gives. It reads
 * nothing of them: inside is another connection from end to end. libp2p's own server is not used, as its limits cut
 * circuits off without a word and it takes in whatever a fast sender sends for a slow receiver; here a circuit is slowed
 * down, and what cannot be relayed is refused with the protocol's own reasons.
 */
export class RelayServer {
  /** When a peer's reservation ends, by our monotonic clock. */
  private readonly reservations = new Map<PeerId, number>();
  private readonly circuits = new Map<PeerId, number>();
  private readonly total: ByteRate;

  constructor(private readonly options: RelayServerOptions) {
    this.total = new ByteRate(options.maxTotalKbit, options.timers);
  }

  async attach({ libp2p }: Node): Promise<void> {
    await libp2p.handle(RELAY_V2_HOP_CODEC, (stream, connection) => this.incoming(stream, connection), {
      maxInboundStreams: MAX_STREAMS,
    });
  }

  /** To be told when a peer's last connection has ended: its reservation ends with it. */
  left(peer: PeerId): void {
    this.reservations.delete(peer);
  }

  private async incoming(stream: Stream, connection: Connection): Promise<void> {
    const link = lpStream(stream, { maxDataLength: MAX_CIRCUIT_MESSAGE_BYTES });
    const signal = AbortSignal.timeout(MESSAGE_WITHIN_MS);
    const from = connection.remotePeer.toString();
    try {
      const request = decodeHopRequest((await link.read({ signal })).subarray());
      // A circuit within a circuit would be relayed for one who is not here.
      if (this.isCircuit(connection)) return await answer(link, STATUS.permissionDenied, signal);
      if (request === undefined) return await answer(link, STATUS.malformedMessage, signal);
      if (request.type === "reserve") return await this.reserve(from, link, signal);
      await this.connect(from, request.peer, link, signal);
    } catch (error) {
      this.options.log.debug({ error }, `what ${from} asked of the relay failed`);
      stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private async reserve(from: PeerId, link: Link, signal: AbortSignal): Promise<void> {
    const nowMs = this.options.timers.monotonicMs();
    for (const [peer, endsMs] of this.reservations) if (endsMs <= nowMs) this.reservations.delete(peer);
    if (!this.reservations.has(from) && this.reservations.size >= this.options.maxReservations) {
      return answer(link, STATUS.reservationRefused, signal);
    }
    this.reservations.set(from, nowMs + RESERVATION_MS);
    await answer(link, STATUS.ok, signal, Math.floor((this.options.wallMs() + RESERVATION_MS) / 1_000));
  }

  private async connect(from: PeerId, to: PeerId, link: Link, signal: AbortSignal): Promise<void> {
    const { timers, connectionsOf, maxCircuitKbit } = this.options;
    const endsMs = this.reservations.get(to) ?? Number.NEGATIVE_INFINITY;
    const best = connectionsOf(to).find(({ facts }) => facts.kind !== "circuit");
    if (best === undefined || endsMs <= timers.monotonicMs())
      return answer(link, STATUS.noReservation, signal);
    if (this.circuitsOf(from) >= MAX_CIRCUITS_OF_PEER || this.circuitsOf(to) >= MAX_CIRCUITS_OF_PEER) {
      return answer(link, STATUS.resourceLimitExceeded, signal);
    }
    this.count(from, to, 1);
    try {
      const onward = await takes(best.connection, from, signal).catch(() => undefined);
      if (onward === undefined) return await answer(link, STATUS.connectionFailed, signal);
      await link.write(encodeHopStatus(STATUS.ok), { signal });
      const own = new ByteRate(maxCircuitKbit, timers);
      await splice(link.unwrap(), onward, (bytes) => {
        const waitMs = Math.max(own.take(bytes), this.total.take(bytes));
        return waitMs === 0
          ? Promise.resolve()
          : new Promise((resolve) => void timers.after(waitMs, resolve));
      });
    } finally {
      this.count(from, to, -1);
    }
  }

  private isCircuit(connection: Connection): boolean {
    return connection.remoteAddr.getComponents().some(({ name }) => name === "p2p-circuit");
  }

  private circuitsOf(peer: PeerId): number {
    return this.circuits.get(peer) ?? 0;
  }

  private count(from: PeerId, to: PeerId, change: number): void {
    for (const peer of [from, to]) {
      const circuits = this.circuitsOf(peer) + change;
      if (circuits > 0) this.circuits.set(peer, circuits);
      else this.circuits.delete(peer);
    }
  }
}

/** Asks a peer to take a circuit. @returns the stream that leads there, or undefined when it does not want it */
async function takes(connection: Connection, from: PeerId, signal: AbortSignal): Promise<Stream | undefined> {
  const stream = await connection.newStream(RELAY_V2_STOP_CODEC, {
    signal,
    maxOutboundStreams: MAX_CIRCUITS_OF_PEER * 2,
  });
  try {
    const link = lpStream(stream, { maxDataLength: MAX_CIRCUIT_MESSAGE_BYTES });
    await link.write(encodeStopConnect(from), { signal });
    if (decodeStopStatus((await link.read({ signal })).subarray()) === STATUS.ok) return link.unwrap();
    await stream.close({ signal });
    return undefined;
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function answer(link: Link, status: Status, signal: AbortSignal, expiresS?: number): Promise<void> {
  await link.write(encodeHopStatus(status, expiresS), { signal });
  await link.unwrap().close({ signal });
}
