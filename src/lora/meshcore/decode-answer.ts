import type { Position } from "../radio.ts";
import type { Answer, Contact, DeviceInfo, SelfInfo } from "./answers.ts";
import { textOf, viewOf } from "./bytes.ts";
import { KEY_PREFIX_BYTES, NO_PATH, PUBLIC_KEY_BYTES, PUSH, RESPONSE, STATS } from "./codes.ts";
import type { FrameRules } from "./frame.ts";
import { isFrameLength } from "./frame-lengths.ts";

/**
 * Reads a frame's content.
 * @returns undefined when the radio does not send such frames: noise, or half a frame with the next one in it
 */
export function decodeAnswer(frame: Uint8Array): Answer | undefined {
  const code = frame[0];
  if (code === undefined || !isFrameLength(code, frame.length)) return undefined;
  const decode = DECODERS[code];
  return decode ? decode(frame, viewOf(frame)) : { kind: "other", code };
}

export const fromRadioRules: FrameRules = {
  mayBe: isFrameLength,
  accepts: (content) => decodeAnswer(content) !== undefined,
};

type Decode = (frame: Uint8Array, view: DataView) => Answer | undefined;

const DECODERS: Readonly<Record<number, Decode>> = {
  [RESPONSE.ok]: () => ({ kind: "ok" }),
  [RESPONSE.error]: (frame) => ({ kind: "error", code: frame[1] ?? 0 }),
  [RESPONSE.contactsStart]: (_, view) => ({ kind: "contacts-start", count: view.getUint32(1, true) }),
  [RESPONSE.contact]: (frame, view) => contactOf("contact", frame, view),
  [RESPONSE.endOfContacts]: (_, view) => ({
    kind: "end-of-contacts",
    modifiedSeconds: view.getUint32(1, true),
  }),
  [RESPONSE.selfInfo]: selfInfoOf,
  [RESPONSE.sent]: (frame, view) =>
    (frame[1] ?? 2) > 1
      ? undefined
      : {
          kind: "sent",
          isFlood: frame[1] === 1,
          expectedAck: view.getUint32(2, true),
          timeoutMs: view.getUint32(6, true),
        },
  [RESPONSE.contactMessage]: (frame, view) => contactMessageOf(frame, view, 1, undefined),
  [RESPONSE.contactMessageV3]: (frame, view) =>
    isZero(frame, 2, 4) ? contactMessageOf(frame, view, 4, snrOf(view)) : undefined,
  [RESPONSE.channelMessage]: (frame, view) => channelMessageOf(frame, view, 1, undefined),
  [RESPONSE.channelMessageV3]: (frame, view) =>
    isZero(frame, 2, 4) ? channelMessageOf(frame, view, 4, snrOf(view)) : undefined,
  [RESPONSE.channelData]: channelDataOf,
  [RESPONSE.currentTime]: (_, view) => ({ kind: "current-time", seconds: view.getUint32(1, true) }),
  [RESPONSE.noMoreMessages]: () => ({ kind: "no-more-messages" }),
  [RESPONSE.battery]: (frame, view) =>
    frame.length === 3 || frame.length === 11
      ? { kind: "battery", milliVolts: view.getUint16(1, true) }
      : undefined,
  [RESPONSE.deviceInfo]: deviceInfoOf,
  [RESPONSE.stats]: statsOf,
  [PUSH.advert]: (frame) => ({ kind: "advert", publicKey: frame.slice(1) }),
  [PUSH.pathUpdated]: (frame) => ({ kind: "path-updated", publicKey: frame.slice(1) }),
  [PUSH.sendConfirmed]: (_, view) => ({
    kind: "send-confirmed",
    ack: view.getUint32(1, true),
    roundTripMs: view.getUint32(5, true),
  }),
  [PUSH.messageWaiting]: () => ({ kind: "message-waiting" }),
  [PUSH.rawData]: (frame, view) =>
    frame[3] === 0xff
      ? { kind: "raw-data", snrDb: snrOf(view), rssiDbm: view.getInt8(2), data: frame.slice(4) }
      : undefined,
  [PUSH.logRxData]: heardOf,
  [PUSH.newAdvert]: (frame, view) => contactOf("new-advert", frame, view),
};

const snrOf = (view: DataView): number => view.getInt8(1) / 4;

const isZero = (frame: Uint8Array, from: number, to: number): boolean =>
  frame.subarray(from, to).every((byte) => byte === 0);

/** The two upper bits are the size of a hop's hash, the others how many there are; a path has 64 bytes at most. */
function isPathLength(byte: number): boolean {
  const hashBytes = (byte >> 6) + 1;
  return hashBytes < 4 && (byte & 63) * hashBytes <= 64;
}

const isPath = (byte: number): boolean => byte === NO_PATH || isPathLength(byte);
const hopsOf = (byte: number): number | undefined => (byte === NO_PATH ? undefined : byte & 63);

/** Millionths of degrees; where a node does not know its place it says 0, 0. */
function positionOf(view: DataView, at: number): Position | undefined {
  const latitude = view.getInt32(at, true) / 1e6;
  const longitude = view.getInt32(at + 4, true) / 1e6;
  return latitude === 0 && longitude === 0 ? undefined : { latitude, longitude };
}

const isOnEarth = (position: Position | undefined): boolean =>
  position === undefined || (Math.abs(position.latitude) <= 90 && Math.abs(position.longitude) <= 180);

function contactOf(kind: "contact" | "new-advert", frame: Uint8Array, view: DataView): Answer | undefined {
  const type = frame[33] ?? 0;
  const path = frame[35] ?? 0;
  const name = frame.subarray(100, 132);
  // The firmware always ends the name by a 0.
  if (type > 15 || !isPath(path) || !name.includes(0)) return undefined;
  const contact: Contact = {
    publicKey: frame.slice(1, 1 + PUBLIC_KEY_BYTES),
    type,
    name: textOf(name),
    hops: hopsOf(path),
    position: positionOf(view, 136),
    modifiedSeconds: view.getUint32(144, true),
  };
  // Another node may say any place of itself: it is no reason to doubt the frame.
  if (!isOnEarth(contact.position)) contact.position = undefined;
  return { kind, contact };
}

function selfInfoOf(frame: Uint8Array, view: DataView): Answer | undefined {
  const self: SelfInfo = {
    powerDbm: view.getInt8(2),
    maxPowerDbm: view.getInt8(3),
    publicKey: frame.slice(4, 4 + PUBLIC_KEY_BYTES),
    position: positionOf(view, 36),
    frequencyHz: view.getUint32(48, true) * 1_000,
    bandwidthHz: view.getUint32(52, true),
    spreadingFactor: frame[56] ?? 0,
    codingRate: frame[57] ?? 0,
    name: textOf(frame.subarray(58)),
  };
  const isSane =
    self.spreadingFactor >= 5 &&
    self.spreadingFactor <= 12 &&
    self.codingRate >= 5 &&
    self.codingRate <= 8 &&
    self.bandwidthHz >= 7_000 &&
    self.bandwidthHz <= 500_000 &&
    !frame.subarray(58).includes(0);
  return isSane ? { kind: "self-info", self } : undefined;
}

function deviceInfoOf(frame: Uint8Array): Answer | undefined {
  const protocolVersion = frame[1] ?? 0;
  const built = frame.subarray(8, 20);
  if (protocolVersion === 0 || !built.includes(0)) return undefined;
  const isLong = protocolVersion >= 3 && frame.length >= 80;
  const device: DeviceInfo = {
    protocolVersion,
    model: textOf(frame.subarray(20, isLong ? 60 : frame.length)),
    firmware: textOf(isLong ? frame.subarray(60, 80) : built),
    repeats: frame.length > 80 ? frame[80] === 1 : undefined,
  };
  return { kind: "device-info", device };
}

function contactMessageOf(
  frame: Uint8Array,
  view: DataView,
  at: number,
  snrDb: number | undefined,
): Answer | undefined {
  const path = frame[at + KEY_PREFIX_BYTES] ?? 0;
  const textType = frame[at + KEY_PREFIX_BYTES + 1] ?? 0;
  const text = frame.slice(at + KEY_PREFIX_BYTES + 6);
  if (!isPath(path) || textType > 2 || !isText(text, textType)) return undefined;
  return {
    kind: "contact-message",
    from: frame.slice(at, at + KEY_PREFIX_BYTES),
    textType,
    timestamp: view.getUint32(at + KEY_PREFIX_BYTES + 2, true),
    text,
    snrDb,
    hops: hopsOf(path),
  };
}

/** A text in C has no 0 in it; a signed one (2) begins with four bytes of its author's key, which may. */
const isText = (text: Uint8Array, textType = 0): boolean =>
  !text.subarray(textType === 2 ? 4 : 0).includes(0);

function channelMessageOf(
  frame: Uint8Array,
  view: DataView,
  at: number,
  snrDb: number | undefined,
): Answer | undefined {
  const path = frame[at + 1] ?? 0;
  const text = frame.slice(at + 7);
  if (!isPath(path) || (frame[at + 2] ?? 0) > 2 || !isText(text)) return undefined;
  return {
    kind: "channel-message",
    channel: frame[at] ?? 0,
    timestamp: view.getUint32(at + 3, true),
    text,
    snrDb,
    hops: hopsOf(path),
  };
}

function channelDataOf(frame: Uint8Array, view: DataView): Answer | undefined {
  const path = frame[5] ?? 0;
  if (!isZero(frame, 2, 4) || !isPath(path) || frame[8] !== frame.length - 9) return undefined;
  return {
    kind: "channel-data",
    channel: frame[4] ?? 0,
    dataType: view.getUint16(6, true),
    data: frame.slice(9),
    snrDb: snrOf(view),
    hops: hopsOf(path),
  };
}

/** Firmware may come to say more behind what it says now. */
function statsOf(frame: Uint8Array, view: DataView): Answer | undefined {
  switch (frame[1]) {
    case STATS.core:
      if (frame.length < 11) return undefined;
      return { kind: "core-stats", uptimeSeconds: view.getUint32(4, true), queued: frame[10] ?? 0 };
    case STATS.radio:
      if (frame.length < 14) return undefined;
      return {
        kind: "radio-stats",
        sentSeconds: view.getUint32(6, true),
        receivedSeconds: view.getUint32(10, true),
      };
    case STATS.packets:
      return frame.length >= 26 ? { kind: "other", code: RESPONSE.stats } : undefined;
    default:
      return undefined;
  }
}

const TRANSPORT_CODE_BYTES = 4;

/** Every packet that the radio hears, as it came from the air, before the radio looks at it. */
function heardOf(frame: Uint8Array, view: DataView): Answer | undefined {
  const header = frame[3] ?? 0;
  const route = header & 3;
  const hasCodes = route === 0 || route === 3;
  const path = frame[4 + (hasCodes ? TRANSPORT_CODE_BYTES : 0)];
  if (path === undefined) return undefined;
  return { kind: "heard", snrDb: snrOf(view), rssiDbm: view.getInt8(2), packetType: (header >> 2) & 0xf };
}
