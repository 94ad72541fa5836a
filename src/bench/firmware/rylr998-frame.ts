/** A packet between modules. The maker tells of its header only that it has 8 bytes: their order is this emulation's. */
export interface RylrFrame {
  networkId: number;
  /** 0: everyone on the network. */
  to: number;
  from: number;
  data: Uint8Array;
}

const HEADER_BYTES = 8;

export function encodeRylrFrame({ networkId, to, from, data }: RylrFrame): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + data.length);
  const view = new DataView(frame.buffer);
  view.setUint8(0, networkId);
  view.setUint16(1, to);
  view.setUint16(3, from);
  view.setUint8(5, data.length);
  frame.set(data, HEADER_BYTES);
  return frame;
}

/** @returns undefined when no module of this kind sent it */
export function decodeRylrFrame(frame: Uint8Array): RylrFrame | undefined {
  if (frame.length <= HEADER_BYTES) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint8(5) !== frame.length - HEADER_BYTES || view.getUint16(6) !== 0) return undefined;
  return {
    networkId: view.getUint8(0),
    to: view.getUint16(1),
    from: view.getUint16(3),
    data: frame.slice(HEADER_BYTES),
  };
}
