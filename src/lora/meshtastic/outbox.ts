import type { Timers } from "../../host/timers.ts";
import { type Priority, rankOf } from "../priority.ts";
import type { FailureReason, Fate } from "../radio.ts";
import { FirmwareQueue } from "./firmware-queue.ts";
import { BROADCAST } from "./node-id.ts";
import type { PacketIds } from "./packet-ids.ts";
import { type QueueStatus, RoutingError } from "./proto/meshtastic_pb.ts";
import { failureOf, resultOf } from "./routing-errors.ts";
import type { PacketToSend } from "./to-radio.ts";

/** Packets that wait here; more are refused. */
const QUEUE_LENGTH = 64;
/** Packets that wait in the firmware: one more than it sends, so that the air is not idle and the urgent overtake. */
const MAX_INSIDE = 2;
/** Packets whose acknowledgement is awaited; the firmware keeps each to send it again. */
const MAX_UNACKNOWLEDGED = 8;
/** The firmware says within milliseconds whether it takes a packet. */
const ANSWER_MS = 5_000;
/** Longer than the firmware's three transmissions take on the slowest preset, and its word for it. */
const ACK_MS = 180_000;
/** The firmware sends no more once a neighbour has repeated the packet, and does not tell that no answer came. */
const ACK_AFTER_REPEAT_MS = 60_000;
/** A channel that is never free, or a queue that is never empty. */
const STUCK_MS = 120_000;

export interface OutboxOptions {
  timers: Timers;
  ids: PacketIds;
  send: (packet: PacketToSend) => void;
  /** Asks for the state of the firmware's queue. */
  askQueue: () => void;
  /** Of a packet on the air, at most. */
  airtimeMs: (payloadBytes: number, isToOne: boolean) => number;
  /** The firmware did not say whether it takes a packet. */
  silent: () => void;
}

interface Packet {
  id: number;
  /** {@link BROADCAST} where it is for everyone. */
  to: number;
  payload: Uint8Array;
  priority: Priority;
  airtimeMs: number;
  tell: (fate: Fate) => void;
  /** `handed`: the firmware has not said yet; `inside`: in its queue; `sent`: its acknowledgement is awaited. */
  state: "waiting" | "handed" | "inside" | "sent";
  callOff: () => void;
}

const failed = (reason: FailureReason, detail: string): Fate => ({ state: "failed", reason, detail });

/** Packets on their way out: the most urgent first, few of them in the firmware at once, each with its fate. */
export class Outbox {
  private readonly queue: FirmwareQueue;
  /** In the order in which they go. */
  private waiting: Packet[] = [];
  private readonly handedOver = new Map<number, Packet>();
  private isOpen = false;
  private isSuspect = false;
  private whenIdle: (() => void) | undefined;

  constructor(private readonly options: OutboxOptions) {
    const { timers, askQueue, airtimeMs } = options;
    this.queue = new FirmwareQueue({
      timers,
      ask: askQueue,
      everyMs: () => Math.min(100, Math.max(15, airtimeMs(100, false) / 8)),
      left: (id) => this.leftQueue(id),
      noted: () => this.pump(),
    });
  }

  add(payload: Uint8Array, to: number | undefined, priority: Priority, told: (fate: Fate) => void): void {
    const { timers, ids, airtimeMs } = this.options;
    const tell = (fate: Fate) => void timers.after(0, () => told(fate));
    if (this.waiting.length >= QUEUE_LENGTH) {
      tell(failed("queue-full", `${QUEUE_LENGTH} packets wait already`));
      return;
    }
    tell({ state: "queued" });
    this.enqueue({
      id: ids.next(),
      to: to ?? BROADCAST,
      payload: payload.slice(),
      priority,
      airtimeMs: airtimeMs(payload.length, to !== undefined),
      tell,
      state: "waiting",
      callOff: () => {},
    });
    this.pump();
  }

  /** The firmware takes packets now. */
  resume(): void {
    this.isOpen = true;
    this.isSuspect = false;
    this.pump();
  }

  /** Nothing is handed over until {@link resume}. */
  pause(): void {
    this.isOpen = false;
  }

  /** The firmware may have lost all: nothing is handed over, nor is an empty queue believed, until {@link resume}. */
  suspect(): void {
    this.isOpen = false;
    this.isSuspect = true;
  }

  /** Calls `done` once the firmware has nothing of ours; one caller at a time. */
  onceIdle(done: () => void): void {
    this.whenIdle = done;
    this.checkIdle();
  }

  /** What the firmware says of its queue. */
  takeStatus(status: QueueStatus): void {
    const packet = this.handedOver.get(status.packetId);
    if (packet?.state !== "handed") {
      if (!this.isSuspect) this.queue.note(status);
      return;
    }
    packet.callOff();
    const result = resultOf(status.result, status.free);
    if (result === "taken") {
      packet.state = "inside";
      packet.callOff = this.options.timers.after(STUCK_MS, () => this.leftQueue(packet.id));
      this.queue.enter(packet.id, status);
      return;
    }
    if (result === "full") {
      this.handedOver.delete(packet.id);
      // The firmware remembers the number of what it has refused as well.
      this.enqueue({ ...packet, id: this.options.ids.next(), state: "waiting" }, "first");
      this.queue.note(status);
      this.queue.watch();
      return;
    }
    this.finish(packet, result);
    this.queue.note(status);
  }

  /**
   * An acknowledgement or a refusal.
   * @param by our own radio: that a neighbour has repeated the packet, or that it is given up; or the number of a node
   */
  takeRouting(id: number, error: RoutingError, by: number | "radio"): void {
    const packet = this.handedOver.get(id);
    // Nobody else has a say in it.
    if (!packet || (by !== "radio" && by !== packet.to)) return;
    if (error !== RoutingError.NONE) {
      this.finish(packet, failureOf(error));
      return;
    }
    if (packet.to === BROADCAST) return;
    if (by === packet.to) {
      // It is there, so it was on the air, whatever the queue has told.
      if (packet.state !== "sent") packet.tell({ state: "on-air" });
      this.finish(packet, { state: "acknowledged" });
      return;
    }
    this.queue.forget(id);
    if (packet.state === "inside") this.markSent(packet);
    packet.callOff();
    packet.callOff = this.options.timers.after(ACK_AFTER_REPEAT_MS, () =>
      this.finish(
        packet,
        failed("no-acknowledgement", "a neighbour repeated it, but the peer did not acknowledge it"),
      ),
    );
  }

  /** The firmware has forgotten all that it had. What waits here goes on waiting, until {@link resume}. */
  reset(reason: string): void {
    this.isOpen = false;
    this.queue.clear();
    for (const packet of [...this.handedOver.values()]) this.finish(packet, failed("radio-gone", reason));
  }

  /** Fails all that is here and in the firmware. */
  close(reason: string): void {
    this.reset(reason);
    for (const { tell } of this.waiting.splice(0)) tell(failed("radio-gone", reason));
  }

  private enqueue(packet: Packet, among: "first" | "last" = "last"): void {
    const rank = rankOf(packet.priority);
    const behind = this.waiting.findIndex(({ priority }) =>
      among === "first" ? rankOf(priority) >= rank : rankOf(priority) > rank,
    );
    this.waiting.splice(behind < 0 ? this.waiting.length : behind, 0, packet);
  }

  private pump(): void {
    if (!this.isOpen || this.waiting.length === 0) return;
    const packets = [...this.handedOver.values()];
    // One at a time: the firmware keeps the answers to two only.
    if (packets.some(({ state }) => state === "handed") || this.queue.count >= MAX_INSIDE) return;
    if (packets.length >= MAX_UNACKNOWLEDGED) return;
    if (!this.queue.hasRoom) {
      this.queue.watch();
      return;
    }
    const packet = this.waiting.shift();
    if (packet) this.hand(packet);
  }

  private hand(packet: Packet): void {
    const { id, to, payload, priority } = packet;
    packet.state = "handed";
    this.handedOver.set(id, packet);
    packet.callOff = this.options.timers.after(ANSWER_MS, () => {
      this.finish(packet, failed("radio-gone", "the firmware did not say what became of it"));
      this.options.silent();
    });
    this.options.send({ id, to, payload, priority, wantAck: to !== BROADCAST });
  }

  /** The firmware sends it now, or has sent it. */
  private leftQueue(id: number): void {
    const packet = this.handedOver.get(id);
    if (packet?.state !== "inside") return;
    this.queue.forget(id);
    packet.callOff();
    packet.callOff = this.options.timers.after(packet.airtimeMs, () => this.markSent(packet));
    this.pump();
  }

  private markSent(packet: Packet): void {
    packet.callOff();
    if (packet.to === BROADCAST) {
      this.finish(packet, { state: "on-air" });
      return;
    }
    packet.state = "sent";
    packet.tell({ state: "on-air" });
    packet.callOff = this.options.timers.after(ACK_MS, () =>
      this.finish(packet, failed("no-acknowledgement", "neither the peer nor the firmware said anything")),
    );
  }

  private finish(packet: Packet, fate: Fate): void {
    packet.callOff();
    this.handedOver.delete(packet.id);
    this.queue.forget(packet.id);
    packet.tell(fate);
    this.checkIdle();
    this.pump();
  }

  private checkIdle(): void {
    if (this.handedOver.size > 0) return;
    const done = this.whenIdle;
    this.whenIdle = undefined;
    done?.();
  }
}
