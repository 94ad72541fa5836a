import { fromBigEndian } from "./big-endian.ts";
import { RSSI_OFFSET } from "./commands.ts";

/** What the firmware tells of the channel, about once a second and right after it has sent. Shares are 0 to 1. */
export interface ChannelTime {
  /** Own time on the air in the last 7.5 to 15 s. */
  ownShort: number;
  /** Own time on the air in the last hour. */
  ownLong: number;
  /** All that was heard or sent in the last 7.5 s. */
  useShort: number;
  useLong: number;
  /** Received power now, and the noise floor; undefined in firmware before 1.81. */
  rssiDbm: number | undefined;
  noiseFloorDbm: number | undefined;
}

/** @returns undefined for a frame that is none; 8 bytes, or 11 from newer firmware */
export function channelTime(payload: Uint8Array): ChannelTime | undefined {
  if (payload.length !== 8 && payload.length !== 11) return undefined;
  const share = (index: number) =>
    Math.min(1, fromBigEndian(payload.subarray(index * 2, index * 2 + 2)) / 10_000);
  const dbm = (index: number) => {
    const byte = payload[index];
    return byte === undefined ? undefined : byte - RSSI_OFFSET;
  };
  return {
    ownShort: share(0),
    ownLong: share(1),
    useShort: share(2),
    useLong: share(3),
    rssiDbm: dbm(8),
    noiseFloorDbm: dbm(9),
  };
}

/** How the firmware times what it sends; it chooses these itself from the modulation. */
export interface PhyTiming {
  preambleSymbols: number;
  /** The unit of its random back-off. */
  slotMs: number;
  /** How long the channel must be free before it counts slots. */
  quietMs: number;
}

/** The firmware takes 24 ms of preamble, which are 188 symbols where they are shortest: more is noise on the line. */
const MOST_PREAMBLE_SYMBOLS = 200;

/** @returns undefined for a frame that is none, or while the radio is off; 10 bytes, or 12 from newer firmware */
export function phyTiming(payload: Uint8Array): PhyTiming | undefined {
  if (payload.length !== 10 && payload.length !== 12) return undefined;
  const word = (index: number) => fromBigEndian(payload.subarray(index * 2, index * 2 + 2));
  const slotMs = word(4);
  const preambleSymbols = word(2);
  if (preambleSymbols === 0 || preambleSymbols > MOST_PREAMBLE_SYMBOLS) return undefined;
  return {
    preambleSymbols,
    slotMs,
    quietMs: payload.length === 12 ? word(5) : 2 * slotMs,
  };
}

/** @returns percent; undefined for a frame that is none */
export function batteryPercent(payload: Uint8Array): number | undefined {
  const [, percent] = payload;
  return payload.length === 2 && percent !== undefined ? Math.min(percent, 100) : undefined;
}

/** A signed byte of quarters of a dB. */
export const snrDb = (byte: number): number => ((byte << 24) >> 24) / 4;
