import type { MeshCoreFirmware } from "./meshcore.ts";
import type { Heard } from "./meshcore-mesh.ts";
import type { NodeContact } from "./meshcore-node.ts";

/** Frames to the host, byte for byte as examples/companion_radio/MyMesh.cpp of MeshCore 1.17 writes them. */

const MAX_FRAME_BYTES = 176;
const NO_PATH = 0xff;

const u16 = (value: number): number[] => [value & 0xff, (value >> 8) & 0xff];
const u32 = (value: number): number[] => [...u16(value), ...u16(value >>> 16)];
const i8 = (value: number): number => Math.trunc(Math.max(-128, Math.min(127, value))) & 0xff;
const snr = (snrDb: number): number => i8(snrDb * 4);
const of = (...parts: readonly (number | ArrayLike<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === "number" ? [part] : Array.from(part))));

/** A text with zeros behind it, and at least one. */
function padded(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode(text).subarray(0, length - 1));
  return bytes;
}

export const ok = (): Uint8Array => of(0);
export const error = (code: number): Uint8Array => of(1, code);
export const contactsStart = (count: number): Uint8Array => of(2, u32(count));
export const endOfContacts = (modifiedSeconds: number): Uint8Array => of(4, u32(modifiedSeconds));
export const currentTime = (seconds: number): Uint8Array => of(9, u32(seconds));
export const noMoreMessages = (): Uint8Array => of(10);

export const contact = ({ publicKey, type, path, name, timestamp, ...rest }: NodeContact): Uint8Array => {
  const outPath = new Uint8Array(64);
  outPath.set(path ?? []);
  return of(
    3,
    publicKey,
    type,
    0,
    path?.length ?? NO_PATH,
    outPath,
    padded(name, 32),
    u32(timestamp),
    u32(rest.latitude),
    u32(rest.longitude),
    u32(rest.modifiedSeconds),
  );
};

export function selfInfo(node: MeshCoreFirmware): Uint8Array {
  const { settings, position } = node;
  const { bandwidthHz, spreadingFactor, codingRate } = settings.modulation;
  return of(
    5,
    1,
    i8(settings.powerDbm),
    node.maxPowerDbm,
    node.identity.publicKey,
    u32(Math.round((position?.latitude ?? 0) * 1e6)),
    u32(Math.round((position?.longitude ?? 0) * 1e6)),
    [0, 0, 0, 0],
    u32(settings.frequencyHz / 1_000),
    u32(bandwidthHz),
    spreadingFactor,
    codingRate,
    new TextEncoder().encode(node.name).subarray(0, 31),
  );
}

export const sent = (isFlood: boolean, ack: number, timeoutMs: number): Uint8Array =>
  of(6, isFlood ? 1 : 0, u32(ack), u32(timeoutMs));

const pathOf = ({ route, path }: Heard): number => (route === "flood" ? path.length : NO_PATH);
const cut = (frame: Uint8Array): Uint8Array => frame.slice(0, MAX_FRAME_BYTES);

export const contactMessage = (
  appVersion: number,
  from: Uint8Array,
  packet: Heard,
  timestamp: number,
  text: Uint8Array,
): Uint8Array => {
  const head = appVersion >= 3 ? of(16, snr(packet.snrDb), 0, 0) : of(7);
  return cut(of(head, from.subarray(0, 6), pathOf(packet), 0, u32(timestamp), text));
};

export const channelMessage = (
  appVersion: number,
  packet: Heard,
  timestamp: number,
  text: Uint8Array,
): Uint8Array => {
  const head = appVersion >= 3 ? of(17, snr(packet.snrDb), 0, 0) : of(8);
  return cut(of(head, 0, pathOf(packet), 0, u32(timestamp), text));
};

/** @returns undefined: it is too long for the serial line, and dropped */
export const channelData = (packet: Heard, dataType: number, data: Uint8Array): Uint8Array | undefined =>
  data.length > MAX_FRAME_BYTES - 9
    ? undefined
    : of(27, snr(packet.snrDb), 0, 0, 0, pathOf(packet), u16(dataType), data.length, data);

export const isFromChannel = (message: Uint8Array): boolean => [8, 17, 27].includes(message[0] ?? 0);

export const battery = (milliVolts: number): Uint8Array => of(12, u16(milliVolts), u32(120), u32(1_024));

export function deviceInfo(node: MeshCoreFirmware): Uint8Array {
  const version = node.protocolVersion;
  const built = padded("14 Aug 2026", 12);
  if (version < 3) return of(13, version, new Uint8Array(6), built, new TextEncoder().encode("Heltec V3"));
  return of(
    13,
    version,
    50,
    8,
    u32(0),
    built,
    padded("Heltec V3", 40),
    padded("v1.17.1", 20),
    version >= 9 ? [node.repeats ? 1 : 0] : [],
    version >= 10 ? [0] : [],
  );
}

export const coreStats = (milliVolts: number, uptimeSeconds: number, queued: number): Uint8Array =>
  of(24, 0, u16(milliVolts), u32(uptimeSeconds), u16(0), queued);

export const radioStats = (sentMs: number, receivedMs: number): Uint8Array =>
  of(24, 1, u16(-110), i8(-90), snr(5), u32(sentMs / 1_000), u32(receivedMs / 1_000));

export const packetStats = (sentPackets: number): Uint8Array =>
  of(24, 2, u32(0), u32(sentPackets), new Uint8Array(20));

export const advert = (publicKey: Uint8Array): Uint8Array => of(0x80, publicKey);
export const pathUpdated = (publicKey: Uint8Array): Uint8Array => of(0x81, publicKey);
export const sendConfirmed = (ack: number, roundTripMs: number): Uint8Array =>
  of(0x82, u32(ack), u32(roundTripMs));
export const messageWaiting = (): Uint8Array => of(0x83);
export const contactsFull = (): Uint8Array => of(0x90);

export const rawData = (snrDb: number, rssiDbm: number, payload: Uint8Array): Uint8Array | undefined =>
  payload.length + 4 > MAX_FRAME_BYTES ? undefined : of(0x84, snr(snrDb), i8(rssiDbm), 0xff, payload);

export const heard = (snrDb: number, rssiDbm: number, bytes: Uint8Array): Uint8Array | undefined =>
  bytes.length + 3 > MAX_FRAME_BYTES ? undefined : of(0x88, snr(snrDb), i8(rssiDbm), bytes);
