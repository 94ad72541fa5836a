/** A packet between modules. The maker does not publish its header: this emulation has one of its own. */
export interface E22Frame {
  networkId: number;
  /** 0xffff: everyone. */
  address: number;
  data: Uint8Array;
}

const HEADER_BYTES = 8;
const MARK = 0xe2;

export function encodeE22Frame({ networkId, address, data }: E22Frame): Uint8Array {
  const frame = new Uint8Array(HEADER_BYTES + data.length);
  frame.set([MARK, networkId, address >> 8, address & 0xff, data.length]);
  frame.set(data, HEADER_BYTES);
  return frame;
}

/** @returns undefined when no module of this kind sent it */
export function decodeE22Frame(frame: Uint8Array): E22Frame | undefined {
  const [mark, networkId = 0, high = 0, low = 0, length] = frame;
  if (mark !== MARK || length !== frame.length - HEADER_BYTES) return undefined;
  return { networkId, address: (high << 8) | low, data: frame.slice(HEADER_BYTES) };
}
