import { EventEmitter } from "node:events";
import type { ChannelSettings } from "./modulation.ts";
import type { Priority } from "./priority.ts";

/** How a firmware names a node: `!a1b2c3d4` (Meshtastic), hex of a public key's start (MeshCore), an address (AT). */
export type NodeId = string;

/** What a radio and its firmware can do. */
export interface RadioCapabilities {
  /** The largest payload of one packet, in bytes. */
  maxPayloadBytes: number;
  /** Of the channel as it is set, in bit/s; undefined while unknown. */
  bitRate: number | undefined;
  /** `raw`: the host decides when each frame goes on the air; `managed`: the firmware does. */
  access: "raw" | "managed";
  /** Whether the firmware itself repeats packets for others. */
  routes: boolean;
  /** Whether packets to one node are acknowledged by its firmware. */
  acknowledges: boolean;
  /** Whether the firmware listens before it talks, or can tell the host that the channel is busy. */
  listensBeforeTalk: boolean;
  /** Bytes that the firmware adds to a payload on the air, and the modulation that it sends by, for airtime. */
  overheadBytes: number;
}

export interface Outgoing {
  payload: Uint8Array;
  priority: Priority;
  /** One node; undefined: everyone who hears it. */
  to?: NodeId;
}

export type FailureReason =
  /** More than {@link RadioCapabilities.maxPayloadBytes}. */
  | "too-large"
  /** The radio holds as many packets as it can. */
  | "queue-full"
  /** The peer did not acknowledge, after all the firmware's tries. */
  | "no-acknowledgement"
  /** The law's or the firmware's limit on airtime is used up. */
  | "airtime"
  /** Its lifetime ended first. */
  | "expired"
  /** The radio was unplugged or reset, or does not answer. */
  | "radio-gone"
  /** Taken back by whoever sent it. */
  | "cancelled"
  /** The firmware says no. */
  | "refused";

/** What has become of a packet. `on-air` is the end where nobody acknowledges. */
export type Fate =
  | { state: "queued" }
  | { state: "on-air" }
  | { state: "acknowledged" }
  | { state: "failed"; reason: FailureReason; detail: string };

/** A packet from the air. */
export interface Received {
  payload: Uint8Array;
  /** undefined where the firmware does not say. */
  from: NodeId | undefined;
  /** undefined: to everyone. */
  to: NodeId | undefined;
  rssiDbm: number | undefined;
  snrDb: number | undefined;
  /** Hops between the sender and us; 0: heard from the sender itself. */
  hops: number | undefined;
}

export interface Position {
  /** Degrees, WGS 84. */
  latitude: number;
  longitude: number;
  altitudeM?: number;
}

/** Another node that the firmware knows. */
export interface RadioNode {
  id: NodeId;
  name: string;
  /** Seconds since it was heard last; undefined: never, or unknown. */
  heardSecondsAgo?: number;
  snrDb?: number;
  hops?: number;
  batteryPercent?: number;
  position?: Position;
}

/** What a radio's own clock says. */
export interface RadioClock {
  /** What it says of the moment at which the monotonic clock was 0, in ms since 1970. */
  epochMs: number;
  /** When it was heard, on the monotonic clock. */
  heardMs: number;
  /** Satellites have told it, not a phone or another node. */
  bySatellites: boolean;
}

/** What is known of a radio now. What the firmware does not tell is undefined. */
export interface RadioStatus {
  firmware: string;
  hardware: string | undefined;
  self: NodeId | undefined;
  /** The name by which others see this node. */
  name: string | undefined;
  channel: Partial<ChannelSettings> & { name?: string; region?: string };
  /** This radio's own share of the last hour on the air, 0 to 1. */
  airtimeShare: number | undefined;
  /** How busy the channel is, 0 to 1. */
  channelUse: number | undefined;
  /** 0 to 100. */
  batteryPercent: number | undefined;
  position: Position | undefined;
  /** Absent for firmware that has no clock, or was never told the time. */
  clock?: RadioClock | undefined;
}

export interface RadioEvents {
  received: [packet: Received];
  /** Something of {@link Radio.status} or {@link Radio.nodes} has changed. */
  changed: [];
  /** Once, and nothing after it: the port is closed, the firmware was reset or fell silent. */
  closed: [reason: string];
}

/** A radio could not do what it was asked. */
export class RadioError extends Error {
  override readonly name = "RadioError";
  constructor(
    readonly reason: FailureReason | "no-answer" | "unsupported",
    detail: string,
  ) {
    super(detail);
  }
}

/**
 * A LoRa radio of whatever firmware, on a port that is open already. `open` once, then use, then `close` once; one that
 * has closed is not opened again: a new one is made on a new port.
 */
export abstract class Radio extends EventEmitter<RadioEvents> {
  /** May change when the channel is set. */
  abstract readonly capabilities: RadioCapabilities;

  /** Shakes hands with the firmware. @throws {RadioError} when it does not answer in time, or is too old */
  abstract open(): Promise<void>;

  /** Says goodbye where the firmware wants it, and closes the port. What is under way fails with `radio-gone`. */
  abstract close(): Promise<void>;

  /**
   * Hands a packet to the radio. It never throws: what cannot be sent fails by its fate.
   * @param told every fate, in order: at least one, and nothing after `acknowledged`, `failed`, or the `on-air` of a
   *   packet that nobody acknowledges. Never called before `send` has returned.
   */
  abstract send(outgoing: Outgoing, told: (fate: Fate) => void): void;

  abstract status(): RadioStatus;

  abstract nodes(): readonly RadioNode[];

  /**
   * Sets frequency, modulation and power.
   * @throws {RadioError} `unsupported` where the firmware does not let the host, `refused` with the field named
   */
  abstract setChannel(settings: ChannelSettings): Promise<void>;
}
