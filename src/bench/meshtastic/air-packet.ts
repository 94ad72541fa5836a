import { AIR_HEADER_BYTES } from "../../lora/meshtastic/wire-sizes.ts";

/** A packet as it is on the air: a header in the clear, and what is encrypted (RadioInterface.h, PacketHeader). */
export interface AirPacket {
  to: number;
  from: number;
  id: number;
  /** 0 to 7: how many more may repeat it. */
  hopLimit: number;
  /** The sender's hop limit. */
  hopStart: number;
  wantAck: boolean;
  viaMqtt: boolean;
  /** A hash of the channel's name and key. */
  channel: number;
  /** The last byte of whoever is to repeat it; 0: anybody. */
  nextHop: number;
  /** The last byte of whoever has sent this copy. */
  relay: number;
  body: Uint8Array;
}

const HOP_LIMIT = 0x07;
const WANT_ACK = 0x08;
const VIA_MQTT = 0x10;
const HOP_START_SHIFT = 5;

export function encodeAirPacket(packet: AirPacket): Uint8Array {
  const frame = new Uint8Array(AIR_HEADER_BYTES + packet.body.length);
  const view = new DataView(frame.buffer);
  view.setUint32(0, packet.to, true);
  view.setUint32(4, packet.from, true);
  view.setUint32(8, packet.id, true);
  frame[12] =
    (packet.hopLimit & HOP_LIMIT) |
    (packet.wantAck ? WANT_ACK : 0) |
    (packet.viaMqtt ? VIA_MQTT : 0) |
    ((packet.hopStart & HOP_LIMIT) << HOP_START_SHIFT);
  frame[13] = packet.channel;
  frame[14] = packet.nextHop;
  frame[15] = packet.relay;
  frame.set(packet.body, AIR_HEADER_BYTES);
  return frame;
}

/** @returns undefined for what is too short, or has no sender */
export function decodeAirPacket(frame: Uint8Array): AirPacket | undefined {
  if (frame.length < AIR_HEADER_BYTES) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const from = view.getUint32(4, true);
  if (from === 0) return undefined;
  const flags = view.getUint8(12);
  return {
    to: view.getUint32(0, true),
    from,
    id: view.getUint32(8, true),
    hopLimit: flags & HOP_LIMIT,
    hopStart: flags >> HOP_START_SHIFT,
    wantAck: (flags & WANT_ACK) !== 0,
    viaMqtt: (flags & VIA_MQTT) !== 0,
    channel: view.getUint8(13),
    nextHop: view.getUint8(14),
    relay: view.getUint8(15),
    body: frame.slice(AIR_HEADER_BYTES),
  };
}

/** What the firmware tells packets apart by. */
export const keyOf = ({ from, id }: Pick<AirPacket, "from" | "id">): string => `${from}/${id}`;
