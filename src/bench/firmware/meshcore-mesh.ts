import type { Timers } from "../../host/timers.ts";
import { timeOnAirMs } from "../../lora/airtime/time-on-air.ts";
import type { Modulation } from "../../lora/modulation.ts";
import type { HeardFrame, Modem } from "../air/modem.ts";
import { decodePacket, encodePacket, type Packet, packetHash, TYPE } from "./meshcore-packet.ts";

export interface Heard extends Packet {
  snrDb: number;
  rssiDbm: number;
}

export interface MeshOptions {
  modem: Modem;
  timers: Timers;
  random: () => number;
  modulation: () => Modulation;
  /** This node's name in paths. */
  hash: number;
  /** Whether it repeats for others. */
  repeats: () => boolean;
  /** Every frame from the air, before anybody looks at it. */
  onRaw: (frame: HeardFrame) => void;
  /** A packet that is new. @returns whether it was for this node alone, and goes no further */
  onPacket: (packet: Heard) => boolean;
}

interface Queued {
  packet: Packet;
  priority: number;
  atMs: number;
  order: number;
}

/** StaticPoolPacketManager: for all that waits, in or out. */
const POOL = 16;
const SEEN = 160;
const MAX_PATH_BYTES = 64;
const HOUR_MS = 3_600_000;
/** The firmware's own limit, an airtime factor of 1: half of the time. */
const DUTY = 0.5;
const MIN_BUDGET_MS = 100;
const FORCE_AFTER_MS = 4_000;

/** Sends, repeats and forgets as src/Dispatcher.cpp and src/Mesh.cpp of MeshCore do. */
export class MeshCoreMesh {
  sentMs = 0;
  receivedMs = 0;
  sentPackets = 0;
  private queue: Queued[] = [];
  private readonly seen = new Set<string>();
  private sending = false;
  private stopped = false;
  private ordered = 0;
  private budgetMs = HOUR_MS * DUTY;
  private budgetAtMs: number;
  private notBeforeMs = 0;
  private busySinceMs: number | undefined;
  private callOff: () => void = () => {};
  private readonly stopHearing: () => void;

  constructor(private readonly options: MeshOptions) {
    this.budgetAtMs = options.timers.monotonicMs();
    this.stopHearing = options.modem.onFrame((frame) => this.hear(frame));
  }

  get queued(): number {
    return this.queue.length;
  }

  stop(): void {
    this.stopped = true;
    this.stopHearing();
    this.callOff();
    this.queue = [];
  }

  /** @returns false when the pool of packets is used up */
  flood(type: number, payload: Uint8Array, delayMs = 0): boolean {
    const priority = type === TYPE.path ? 2 : type === TYPE.advert ? 3 : 1;
    return this.send({ type, route: "flood", path: new Uint8Array(), payload }, priority, delayMs);
  }

  /** An empty path goes no further than this node is heard. */
  direct(type: number, payload: Uint8Array, path: Uint8Array, delayMs = 0): boolean {
    return this.send({ type, route: "direct", path, payload }, type === TYPE.path ? 1 : 0, delayMs);
  }

  private send(packet: Packet, priority: number, delayMs: number): boolean {
    if (this.stopped || this.queue.length + (this.sending ? 1 : 0) >= POOL) return false;
    this.markSeen(packetHash(packet));
    this.enqueue(packet, priority, delayMs);
    return true;
  }

  private enqueue(packet: Packet, priority: number, delayMs: number): void {
    const atMs = this.options.timers.monotonicMs() + delayMs;
    this.queue.push({ packet, priority, atMs, order: this.ordered++ });
    this.pump();
  }

  private markSeen(hash: string): void {
    this.seen.add(hash);
    const [oldest] = this.seen;
    if (this.seen.size > SEEN && oldest !== undefined) this.seen.delete(oldest);
  }

  airtimeMs(bytes: number): number {
    return timeOnAirMs(this.options.modulation(), bytes);
  }

  private pumpIn(delayMs: number): void {
    this.callOff();
    this.callOff = this.options.timers.after(delayMs, () => this.pump());
  }

  private pump(): void {
    if (this.sending || this.stopped || this.queue.length === 0) return;
    const { modem, random, timers } = this.options;
    const nowMs = timers.monotonicMs();
    const earliestMs = Math.max(this.notBeforeMs, Math.min(...this.queue.map(({ atMs }) => atMs)));
    if (earliestMs > nowMs) {
      this.pumpIn(earliestMs - nowMs);
      return;
    }
    this.refill(nowMs);
    const neededMs = this.airtimeMs(255) / 2;
    if (this.budgetMs < neededMs) {
      this.pumpIn((neededMs - this.budgetMs) / DUTY);
      return;
    }
    if (modem.isBusy()) {
      this.busySinceMs ??= nowMs;
      if (nowMs - this.busySinceMs <= FORCE_AFTER_MS) {
        this.pumpIn((1 + Math.floor(random() * 3)) * 120);
        return;
      }
    }
    this.busySinceMs = undefined;
    this.transmit(nowMs);
  }

  private transmit(nowMs: number): void {
    const due = this.queue.filter(({ atMs }) => atMs <= nowMs);
    due.sort((a, b) => a.priority - b.priority || a.order - b.order);
    const [next] = due;
    if (!next) return;
    this.queue = this.queue.filter((other) => other !== next);
    this.sending = true;
    const airtimeMs = this.options.modem.transmit(encodePacket(next.packet), () => {
      this.sending = false;
      if (this.stopped) return;
      this.sentMs += airtimeMs;
      this.sentPackets++;
      const doneMs = this.options.timers.monotonicMs();
      this.refill(doneMs);
      this.budgetMs = Math.max(0, this.budgetMs - airtimeMs);
      const lackMs = Math.max(0, MIN_BUDGET_MS - this.budgetMs);
      this.notBeforeMs = doneMs + lackMs / DUTY;
      this.pump();
    });
  }

  private refill(nowMs: number): void {
    this.budgetMs = Math.min(HOUR_MS * DUTY, this.budgetMs + (nowMs - this.budgetAtMs) * DUTY);
    this.budgetAtMs = nowMs;
  }

  private hear(frame: HeardFrame): void {
    if (this.stopped) return;
    this.options.onRaw(frame);
    const decoded = decodePacket(frame.bytes);
    if (!decoded) return;
    this.receivedMs += this.airtimeMs(frame.bytes.length);
    const packet: Heard = { ...decoded, snrDb: frame.snrDb, rssiDbm: frame.rssiDbm };
    const hash = packetHash(packet);
    if (packet.route === "direct" && packet.path.length > 0) {
      this.passOn(packet, hash);
      return;
    }
    // A raw packet that was flooded is nobody's.
    if (this.seen.has(hash) || (packet.type === TYPE.raw && packet.route === "flood")) return;
    this.markSeen(hash);
    const isOurs = this.options.onPacket(packet);
    if (isOurs || packet.route === "direct" || !this.options.repeats()) return;
    if (packet.path.length >= MAX_PATH_BYTES) return;
    const path = Uint8Array.of(...packet.path, this.options.hash);
    const delayMs = this.options.random() * 2.5 * this.airtimeMs(frame.bytes.length);
    this.repeat({ ...packet, path }, path.length, delayMs);
  }

  /** Along a path that was laid down: the first hop takes its name off and sends the rest on. */
  private passOn(packet: Heard, hash: string): void {
    const { hash: own, repeats, random } = this.options;
    // Whoever overhears an acknowledgement that it waits for need not wait for its own copy.
    if (packet.type === TYPE.ack) this.options.onPacket(packet);
    if (packet.path[0] !== own || !repeats() || this.seen.has(hash)) return;
    this.markSeen(hash);
    const delayMs = random() * this.airtimeMs(packet.payload.length);
    this.repeat({ ...packet, path: packet.path.slice(1) }, 0, delayMs);
  }

  private repeat({ type, route, path, payload }: Packet, priority: number, delayMs: number): void {
    if (this.queue.length >= POOL) return;
    this.enqueue({ type, route, path, payload }, priority, delayMs);
  }
}
