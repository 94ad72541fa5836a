import { RELAY_V2_HOP_CODEC } from "@libp2p/circuit-relay-v2";
import { lpStream } from "@libp2p/utils";
import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import { decodeHopStatus, encodeHopRequest, MAX_CIRCUIT_MESSAGE_BYTES, STATUS } from "./circuit-messages.ts";
import type { Entry } from "./connection-table.ts";
import { EngineError } from "./engine-error.ts";
import type { PeerId } from "./engine-interface.ts";
import { RESERVATION_MS } from "./relay-server.ts";

const RENEW_MS = RESERVATION_MS / 2;
const ANSWER_WITHIN_MS = 8_000;
/** After a failure while the relay is connected. */
const AGAIN_MS = 10_000;

interface Reservation {
  /** How many in this box want it. */
  wanted: number;
  /** The first request for it, whose answer is everybody's. */
  asked: Promise<void> | undefined;
  callOffRenewal: () => void;
}

export interface RelayReservationsOptions {
  /** A peer's connections, the best first. */
  connectionsOf(peer: PeerId): readonly Entry[];
  timers: Timers;
  log: Logger;
}

/**
 * Relays that this box has asked to relay circuits to it. A reservation ends with the last connection to the relay; it is
 * made anew when there is one again, and renewed in time, for as long as it is wanted. Circuits by others are not taken.
 */
export class RelayReservations {
  private readonly reservations = new Map<PeerId, Reservation>();
  private isStopped = false;

  constructor(private readonly options: RelayReservationsOptions) {}

  isWanted(relay: PeerId): boolean {
    return this.reservations.has(relay);
  }

  /** @throws {EngineError} when the relay is not connected, or refuses now */
  async reserve(relay: PeerId): Promise<() => Promise<void>> {
    // Wanted before it is asked for: the first circuit may come before the answer.
    const reservation: Reservation = this.reservations.get(relay) ?? {
      wanted: 0,
      asked: undefined,
      callOffRenewal: () => {},
    };
    reservation.wanted += 1;
    this.reservations.set(relay, reservation);
    let isWanted = true;
    const callOff = async (): Promise<void> => {
      if (!isWanted) return;
      isWanted = false;
      reservation.wanted -= 1;
      if (reservation.wanted > 0) return;
      reservation.callOffRenewal();
      this.reservations.delete(relay);
    };
    try {
      reservation.asked ??= this.renew(relay, reservation);
      await reservation.asked;
      return callOff;
    } catch (error) {
      await callOff();
      throw error;
    }
  }

  /** To be told when there is a new connection to a peer. */
  opened(peer: PeerId): void {
    const reservation = this.reservations.get(peer);
    if (reservation !== undefined) this.renewSoon(peer, reservation, 0);
  }

  start(): void {
    this.isStopped = false;
  }

  stop(): void {
    this.isStopped = true;
    for (const { callOffRenewal } of this.reservations.values()) callOffRenewal();
  }

  private renewSoon(relay: PeerId, reservation: Reservation, afterMs: number): void {
    reservation.callOffRenewal();
    // An answer may come when everything has been stopped.
    if (this.isStopped) return;
    reservation.callOffRenewal = this.options.timers.after(afterMs, () => {
      // Without a connection the next one brings it about.
      if (this.options.connectionsOf(relay).length === 0) return;
      this.renew(relay, reservation).catch((error) => {
        this.options.log.debug({ error }, `no reservation with ${relay}`);
        if (this.reservations.get(relay) === reservation) this.renewSoon(relay, reservation, AGAIN_MS);
      });
    });
  }

  private async renew(relay: PeerId, reservation: Reservation): Promise<void> {
    const straight = this.options.connectionsOf(relay).find(({ facts }) => facts.kind !== "circuit");
    if (straight === undefined) throw new EngineError(`not connected to the relay ${relay}`);
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const stream = await straight.connection.newStream(RELAY_V2_HOP_CODEC, { signal });
    try {
      const link = lpStream(stream, { maxDataLength: MAX_CIRCUIT_MESSAGE_BYTES });
      await link.write(encodeHopRequest({ type: "reserve" }), { signal });
      const status = decodeHopStatus((await link.read({ signal })).subarray());
      if (status !== STATUS.ok)
        throw new EngineError(`${relay} does not relay: status ${status ?? "unknown"}`);
      await link.unwrap().close({ signal });
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error)));
      throw error;
    }
    if (this.reservations.get(relay) === reservation) this.renewSoon(relay, reservation, RENEW_MS);
  }
}
