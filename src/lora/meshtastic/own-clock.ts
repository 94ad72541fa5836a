import type { RadioClock } from "../radio.ts";
import { LocationSource, type Position } from "./proto/meshtastic_pb.ts";

/** Whole seconds, cut off: on average it is half of one later. */
const HALF_SECOND_MS = 500;
/** Packets that the firmware kept until somebody listened come right after the handshake, and tell the time of then. */
const LATE_FOR_MS = 60_000;
const LATE_BY_MS = 5_000;

/**
 * What the board's own clock says. At the handshake it may be what any node in reach has told the board. In the position that the
 * firmware makes for itself there is a time only where something better has (`PositionModule.cpp` strips it otherwise): satellites
 * where the position comes from the board's own receiver, a phone where it does not.
 */
export class OwnClock {
  private known: RadioClock | undefined;
  private handshakeMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly nowMs: () => number) {}

  get(): RadioClock | undefined {
    return this.known;
  }

  /** @param seconds since 1970; 0 for a board that does not know them */
  atHandshake(seconds: number): void {
    this.handshakeMs = this.nowMs();
    if (seconds > 0 && !this.known?.bySatellites) this.known = this.reading(seconds, false);
  }

  /** What the board says of itself, not what came from the air under its name. */
  inPosition(position: Position | undefined): void {
    if (position === undefined || position.time === 0) return;
    const bySatellites = position.locationSource === LocationSource.INTERNAL;
    if (this.known?.bySatellites && !bySatellites) return;
    const reading = this.reading(position.time, bySatellites);
    const isEarly = this.nowMs() - this.handshakeMs < LATE_FOR_MS;
    if (isEarly && (this.known === undefined || reading.epochMs < this.known.epochMs - LATE_BY_MS)) return;
    this.known = reading;
  }

  private reading(seconds: number, bySatellites: boolean): RadioClock {
    const heardMs = this.nowMs();
    return { epochMs: seconds * 1_000 + HALF_SECOND_MS - heardMs, heardMs, bySatellites };
  }
}
