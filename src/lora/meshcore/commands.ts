import type { ChannelSettings } from "../modulation.ts";
import { joined, uint32 } from "./bytes.ts";
import { COMMAND, KEY_PREFIX_BYTES, NO_PATH, PUBLIC_KEY_BYTES } from "./codes.ts";

/** The version of the protocol that this driver speaks: 3 brings the signal's quality with each message. */
export const APP_VERSION = 3;

const of = (...bytes: readonly number[]): Uint8Array => Uint8Array.from(bytes);

export const deviceQuery = (): Uint8Array => of(COMMAND.deviceQuery, APP_VERSION);

/** Answered by what the node is; the firmware drops a list of contacts that it was sending. */
export const appStart = (): Uint8Array =>
  joined(of(COMMAND.appStart, APP_VERSION, 0, 0, 0, 0, 0, 0), new TextEncoder().encode("omerta"));

/** @param sinceSeconds by the radio's clock: only contacts that have changed later */
export const getContacts = (sinceSeconds = 0): Uint8Array =>
  sinceSeconds === 0 ? of(COMMAND.getContacts) : joined(of(COMMAND.getContacts), uint32(sinceSeconds));

export const getDeviceTime = (): Uint8Array => of(COMMAND.getDeviceTime);
export const getBattery = (): Uint8Array => of(COMMAND.getBattery);
export const getStats = (kind: number): Uint8Array => of(COMMAND.getStats, kind);
export const syncNextMessage = (): Uint8Array => of(COMMAND.syncNextMessage);

export const sendSelfAdvert = (reach: "neighbours" | "flood"): Uint8Array =>
  of(COMMAND.sendSelfAdvert, reach === "flood" ? 1 : 0);

export interface TextMessage {
  /** The first six bytes of the recipient's public key. */
  to: Uint8Array;
  /** 0 to 3; another attempt of the same message. */
  attempt: number;
  /** Seconds since 1970. */
  timestamp: number;
  /** At most 160 bytes, none of them 0: the firmware takes it for a text in C. */
  text: Uint8Array;
}

const PLAIN_TEXT = 0;

export const sendTextMessage = ({ to, attempt, timestamp, text }: TextMessage): Uint8Array =>
  joined(
    of(COMMAND.sendTextMessage, PLAIN_TEXT, attempt),
    uint32(timestamp),
    to.subarray(0, KEY_PREFIX_BYTES),
    text,
  );

/** Floods a datagram to everyone who has the channel's key. */
export const sendChannelData = (channel: number, dataType: number, data: Uint8Array): Uint8Array =>
  joined(of(COMMAND.sendChannelData, channel, NO_PATH, dataType & 0xff, dataType >> 8), data);

/** To everyone who hears this node itself; at least 4 bytes. */
export const sendRawData = (data: Uint8Array): Uint8Array => joined(of(COMMAND.sendRawData, 0), data);

/**
 * @param repeats whether this node repeats for others, as the radio said; undefined: its firmware does not know that
 *   (it would stop repeating if it were not told to go on)
 */
export function setRadioParams(settings: ChannelSettings, repeats: boolean | undefined): Uint8Array {
  const { frequencyHz, modulation } = settings;
  const { bandwidthHz, spreadingFactor, codingRate } = modulation;
  return joined(
    of(COMMAND.setRadioParams),
    uint32(frequencyHz / 1_000),
    uint32(bandwidthHz),
    of(spreadingFactor, codingRate),
    repeats === undefined ? of() : of(repeats ? 1 : 0),
  );
}

export const setTxPower = (dbm: number): Uint8Array => of(COMMAND.setTxPower, dbm & 0xff);

/** The next message to this contact is flooded. */
export const resetPath = (publicKey: Uint8Array): Uint8Array =>
  joined(of(COMMAND.resetPath), publicKey.subarray(0, PUBLIC_KEY_BYTES));
