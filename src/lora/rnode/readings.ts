import { COMMAND, RSSI_OFFSET } from "./commands.ts";
import type { KissFrame } from "./kiss.ts";
import {
  batteryPercent,
  type ChannelTime,
  channelTime,
  type PhyTiming,
  phyTiming,
  snrDb,
} from "./telemetry.ts";

/** How the packet that comes next was heard. */
export interface Reception {
  rssiDbm: number;
  snrDb: number;
}

/** What the firmware has told unasked, the latest of each. */
export class Readings {
  channelTime: ChannelTime | undefined;
  phyTiming: PhyTiming | undefined;
  /** The longest back-off that the firmware may draw now, in slots. */
  lastSlot: number | undefined;
  batteryPercent: number | undefined;
  private rssiDbm: number | undefined;
  private snrDb: number | undefined;

  /** @returns whether something has changed that an operator looks at; frames that are no reading change nothing */
  take({ command, payload }: KissFrame): boolean {
    const [first] = payload;
    if (command === COMMAND.STAT_CHANNEL) return this.takeChannelTime(payload);
    if (command === COMMAND.STAT_BATTERY) return this.takeBattery(payload);
    if (command === COMMAND.STAT_PHY) this.phyTiming = phyTiming(payload) ?? this.phyTiming;
    if (command === COMMAND.STAT_CSMA && payload.length === 3) this.lastSlot = payload[2];
    if (first === undefined || payload.length > 1) return false;
    if (command === COMMAND.STAT_RSSI) this.rssiDbm = first - RSSI_OFFSET;
    if (command === COMMAND.STAT_SNR) this.snrDb = snrDb(first);
    return false;
  }

  /** @returns what was told of the packet that has come; once: undefined when nothing was told since the one before */
  takeReception(): Reception | undefined {
    const { rssiDbm, snrDb } = this;
    this.rssiDbm = undefined;
    this.snrDb = undefined;
    return rssiDbm === undefined || snrDb === undefined ? undefined : { rssiDbm, snrDb };
  }

  private takeChannelTime(payload: Uint8Array): boolean {
    const before = this.channelTime;
    this.channelTime = channelTime(payload) ?? before;
    return this.channelTime?.ownLong !== before?.ownLong || this.channelTime?.useShort !== before?.useShort;
  }

  private takeBattery(payload: Uint8Array): boolean {
    const before = this.batteryPercent;
    this.batteryPercent = batteryPercent(payload) ?? before;
    return this.batteryPercent !== before;
  }
}
