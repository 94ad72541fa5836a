import type { Timers } from "../../host/timers.ts";
import type { MeshPacket } from "../../lora/meshtastic/proto/meshtastic_pb.ts";
import { keyOf } from "./air-packet.ts";

/** NextHopRouter.h, NUM_RELIABLE_RETX: so many transmissions in all. */
const TRANSMISSIONS = 3;

interface Pending {
  packet: MeshPacket;
  left: number;
  dueMs: number;
  waitMs: () => number;
  callOff: () => void;
}

export interface RetransmissionsOptions {
  timers: Timers;
  again: (packet: MeshPacket) => void;
  givenUp: (packet: MeshPacket) => void;
}

/** Packets whose acknowledgement is awaited. */
export class Retransmissions {
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly options: RetransmissionsOptions) {}

  /** @param waitMs how long an acknowledgement is awaited, asked for anew each time */
  start(packet: MeshPacket, waitMs: () => number): void {
    this.stop(packet);
    const entry: Pending = {
      packet,
      left: TRANSMISSIONS - 1,
      dueMs: this.options.timers.monotonicMs() + waitMs(),
      waitMs,
      callOff: () => {},
    };
    this.pending.set(keyOf(packet), entry);
    this.arm(entry);
  }

  /** @returns whether it was awaited */
  stop(packet: { from: number; id: number }): boolean {
    const entry = this.pending.get(keyOf(packet));
    entry?.callOff();
    return this.pending.delete(keyOf(packet));
  }

  /** Nothing can be heard while something is sent or received. @param except what is sent itself */
  delayAll(ms: number, except?: { from: number; id: number }): void {
    const key = except && keyOf(except);
    for (const [other, entry] of this.pending) if (other !== key) entry.dueMs += ms;
  }

  clear(): void {
    for (const { callOff } of this.pending.values()) callOff();
    this.pending.clear();
  }

  private arm(entry: Pending): void {
    const { timers, again, givenUp } = this.options;
    entry.callOff = timers.after(entry.dueMs - timers.monotonicMs(), () => {
      if (entry.dueMs > timers.monotonicMs()) return this.arm(entry);
      if (entry.left === 0) {
        this.stop(entry.packet);
        givenUp(entry.packet);
        return;
      }
      entry.left -= 1;
      entry.dueMs = timers.monotonicMs() + entry.waitMs();
      this.arm(entry);
      again(entry.packet);
    });
  }
}
