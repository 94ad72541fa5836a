import type { AirPacket } from "./air-packet.ts";

/** RadioInterface.h, MAX_TX_QUEUE. */
export const TX_QUEUE_LENGTH = 16;

export interface QueuedPacket {
  packet: AirPacket;
  /** The greater goes first. */
  priority: number;
  /** Of this node; among the equal, what others have sent goes first. */
  isOwn: boolean;
  /** How well it was heard, where it is repeated. */
  snrDb: number | undefined;
}

/** Packets that wait for the channel, in the order in which they go (MeshPacketQueue.cpp). */
export class TxQueue {
  private items: QueuedPacket[] = [];

  get free(): number {
    return TX_QUEUE_LENGTH - this.items.length;
  }

  get first(): QueuedPacket | undefined {
    return this.items[0];
  }

  /** @returns false when there is no room, and nothing that is less urgent */
  add(item: QueuedPacket): boolean {
    if (this.free <= 0) {
      const last = this.items.at(-1);
      if (!last || last.priority >= item.priority) return false;
      this.items.pop();
    }
    const behind = this.items.findIndex((other) => goesBefore(item, other));
    this.items.splice(behind < 0 ? this.items.length : behind, 0, item);
    return true;
  }

  takeFirst(): QueuedPacket | undefined {
    return this.items.shift();
  }

  has(from: number, id: number): boolean {
    return this.items.some(({ packet }) => packet.from === from && packet.id === id);
  }

  /** @returns whether it was there */
  remove(from: number, id: number): boolean {
    const at = this.items.findIndex(({ packet }) => packet.from === from && packet.id === id);
    if (at >= 0) this.items.splice(at, 1);
    return at >= 0;
  }
}

const goesBefore = (a: QueuedPacket, b: QueuedPacket): boolean =>
  a.priority === b.priority ? !a.isOwn && b.isOwn : a.priority > b.priority;
