/** What one box tells another of the time. */
export interface ToldTime {
  /** In ms since 1970, whole. */
  wallMs: number;
  uncertaintyMs: number;
  /** Boxes between the one that has it from no box and who tells it: 0 for that one. */
  hops: number;
}

/** A frame of the protocol is none of ours. */
export class TimeFrameError extends Error {
  override readonly name = "TimeFrameError";
}

export const TIME_PROTOCOL = "/omerta/time/1";
/** Whoever has it from farther away tells nobody. */
export const MAX_HOPS = 4;
/** The hops, the time, the uncertainty; all whole, the highest byte first. */
const TOLD_BYTES = 1 + 8 + 4;
export const MAX_TIME_FRAME_BYTES = TOLD_BYTES;
const MAX_UNCERTAINTY_MS = 0xffff_ffff;

/** The question has nothing in it but this. */
export const TIME_QUESTION = Uint8Array.of(1);
/** Who is not sure says so by an empty frame. */
export function encodeTold(told: ToldTime | undefined): Uint8Array {
  if (!told) return new Uint8Array(0);
  const out = Buffer.alloc(TOLD_BYTES);
  out.writeUInt8(told.hops, 0);
  out.writeBigUInt64BE(BigInt(Math.round(told.wallMs)), 1);
  out.writeUInt32BE(Math.min(MAX_UNCERTAINTY_MS, Math.ceil(told.uncertaintyMs)), 9);
  return out;
}

/** @returns undefined from who is not sure @throws {TimeFrameError} */
export function decodeTold(frame: Uint8Array): ToldTime | undefined {
  if (frame.length === 0) return undefined;
  if (frame.length !== TOLD_BYTES) throw new TimeFrameError(`time: a frame of ${frame.length} bytes`);
  const from = Buffer.from(frame.buffer, frame.byteOffset, frame.length);
  const [hops, wall] = [from.readUInt8(0), from.readBigUInt64BE(1)];
  if (hops > MAX_HOPS) throw new TimeFrameError(`hops: ${hops} are too many`);
  if (wall > BigInt(Number.MAX_SAFE_INTEGER)) throw new TimeFrameError("wallMs: no time");
  return { hops, wallMs: Number(wall), uncertaintyMs: from.readUInt32BE(9) };
}
