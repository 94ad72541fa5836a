import type { Position, RadioNode } from "../radio.ts";
import { nodeIdOf } from "./node-id.ts";
import type {
  DeviceMetrics,
  MeshPacket,
  NodeInfo,
  Position as PositionMessage,
  User,
} from "./proto/meshtastic_pb.ts";

/** The firmware keeps 80 to 250; what was heard longest ago goes first. */
const MAX_NODES = 500;
/** Stands for power from outside. */
const POWERED = 101;

interface Entry {
  name?: string;
  heardMs?: number;
  snrDb?: number;
  hops?: number;
  batteryPercent?: number;
  position?: Position;
  hasKey?: boolean;
}

/** @returns undefined where it is powered from outside, or not told */
export function batteryPercentOf(metrics: DeviceMetrics | undefined): number | undefined {
  const level = metrics?.batteryLevel;
  return level === undefined || level >= POWERED ? undefined : level;
}

/** @returns undefined for one without a fix */
export function positionOf(message: PositionMessage | undefined): Position | undefined {
  if (message?.latitude === undefined || message.longitude === undefined) return undefined;
  const [latitude, longitude] = [message.latitude / 1e7, message.longitude / 1e7];
  const isFix = (latitude !== 0 || longitude !== 0) && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180;
  if (!isFix) return undefined;
  return {
    latitude,
    longitude,
    ...(message.altitude === undefined ? {} : { altitudeM: message.altitude }),
  };
}

/** Hops between the sender and us; undefined where the sender's firmware does not tell its hop limit. */
export const hopsOf = ({ hopStart, hopLimit }: MeshPacket): number | undefined =>
  hopStart > 0 && hopLimit <= hopStart ? hopStart - hopLimit : undefined;

/** The nodes that the firmware knows, by their numbers, ours among them. */
export class NodeBook {
  private readonly entries = new Map<number, Entry>();
  /** The radio's clock in seconds minus ours; undefined while it does not know the time. */
  private clockOffset: number | undefined;

  constructor(private readonly nowMs: () => number) {}

  /** What the firmware tells at the handshake. @param isSelf whose time of hearing is the radio's time now */
  put(info: NodeInfo, isSelf: boolean): void {
    if (isSelf && info.lastHeard > 0) this.clockOffset = info.lastHeard - this.nowMs() / 1_000;
    const entry = this.entryOf(info.number);
    if (info.user) this.putUser(info.number, info.user);
    if (info.snr !== 0) entry.snrDb = info.snr;
    if (info.hopsAway !== undefined) entry.hops = info.hopsAway;
    this.putMetrics(info.number, info.metrics);
    this.putPosition(info.number, info.position);
    if (info.lastHeard > 0 && this.clockOffset !== undefined && !isSelf) {
      entry.heardMs = Math.min(this.nowMs(), (info.lastHeard - this.clockOffset) * 1_000);
    }
  }

  /** A packet from it has come. */
  heard(packet: MeshPacket): void {
    const entry = this.entryOf(packet.from);
    entry.heardMs = this.nowMs();
    const hops = hopsOf(packet);
    if (hops !== undefined) entry.hops = hops;
    // The signal is that of whoever repeated it last.
    if (hops === 0 && packet.rxRssi !== 0 && Number.isFinite(packet.rxSnr)) entry.snrDb = packet.rxSnr;
  }

  putUser(number: number, { longName, publicKey }: User): void {
    const entry = this.entryOf(number);
    if (longName !== "") entry.name = longName;
    if (publicKey.length > 0) entry.hasKey = true;
  }

  putMetrics(number: number, metrics: DeviceMetrics | undefined): void {
    const batteryPercent = batteryPercentOf(metrics);
    if (batteryPercent !== undefined) this.entryOf(number).batteryPercent = batteryPercent;
  }

  putPosition(number: number, message: PositionMessage | undefined): void {
    const position = positionOf(message);
    if (position) this.entryOf(number).position = position;
  }

  get(number: number): Readonly<Entry> | undefined {
    return this.entries.get(number);
  }

  /** All but this one. */
  nodesBeside(self: number | undefined): RadioNode[] {
    return [...this.entries]
      .filter(([number]) => number !== self)
      .map(([number, entry]) => this.nodeOf(number, entry));
  }

  private nodeOf(number: number, { name, heardMs, hasKey: _, ...rest }: Entry): RadioNode {
    const id = nodeIdOf(number);
    const heard =
      heardMs === undefined ? {} : { heardSecondsAgo: Math.floor((this.nowMs() - heardMs) / 1_000) };
    return { id, name: name ?? id, ...heard, ...rest };
  }

  private entryOf(number: number): Entry {
    const known = this.entries.get(number);
    if (known) return known;
    if (this.entries.size >= MAX_NODES) this.forgetOne();
    const entry: Entry = {};
    this.entries.set(number, entry);
    return entry;
  }

  private forgetOne(): void {
    let oldest: number | undefined;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const [number, { heardMs = Number.NEGATIVE_INFINITY }] of this.entries) {
      if (heardMs >= oldestMs) continue;
      oldest = number;
      oldestMs = heardMs;
    }
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}
