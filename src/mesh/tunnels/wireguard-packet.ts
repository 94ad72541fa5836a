/**
 * What anybody can read of a WireGuard datagram (wireguard.com/papers/wireguard.pdf, section 5.4): its kind, and the
 * indices by which the ends tell their sessions apart. Everything else is encrypted to a relay.
 */
export type WireGuardPacket =
  | { kind: "initiation"; sender: number }
  | { kind: "response"; sender: number; receiver: number }
  | { kind: "cookie"; receiver: number }
  | { kind: "data"; receiver: number };

const INITIATION_BYTES = 148;
const RESPONSE_BYTES = 92;
const COOKIE_BYTES = 64;
const SHORTEST_DATA_BYTES = 32;
/** First byte of a data packet; its three next are zero. */
export const DATA_TYPE = 4;

/** @returns undefined for what WireGuard would not send */
export function wireGuardPacket(datagram: Uint8Array): WireGuardPacket | undefined {
  const { length } = datagram;
  if (length < SHORTEST_DATA_BYTES || datagram[1] !== 0 || datagram[2] !== 0 || datagram[3] !== 0) return;
  const view = new DataView(datagram.buffer, datagram.byteOffset, length);
  const first = view.getUint32(4, true);
  switch (datagram[0]) {
    case 1:
      return length === INITIATION_BYTES ? { kind: "initiation", sender: first } : undefined;
    case 2:
      if (length !== RESPONSE_BYTES) return;
      return { kind: "response", sender: first, receiver: view.getUint32(8, true) };
    case 3:
      return length === COOKIE_BYTES ? { kind: "cookie", receiver: first } : undefined;
    case DATA_TYPE:
      // What is inside is padded to 16 bytes.
      return length % 16 === 0 ? { kind: "data", receiver: first } : undefined;
    default:
      return;
  }
}
