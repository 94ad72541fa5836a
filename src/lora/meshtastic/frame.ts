/** `94 C3`: neither is a letter in ASCII, and together they are no UTF-8. */
export const FRAME_START = [0x94, 0xc3] as const;
/** `94 C3` and the payload's length in 16 bits, big-endian. */
export const FRAME_HEADER_BYTES = 4;
/** The firmware's buffers hold no more (PhoneAPI.h, MAX_TO_FROM_RADIO_SIZE). */
export const MAX_FRAME_PAYLOAD = 512;

/** A frame for the stream, in either direction (meshtastic.org/docs/development/device/client-api). */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  const { length } = payload;
  if (length === 0 || length > MAX_FRAME_PAYLOAD) {
    throw new RangeError(`payload: ${length} bytes, not 1 to ${MAX_FRAME_PAYLOAD}`);
  }
  const frame = new Uint8Array(FRAME_HEADER_BYTES + length);
  frame.set([...FRAME_START, length >> 8, length & 0xff]);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}
