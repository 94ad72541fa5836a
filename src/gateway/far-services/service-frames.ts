/** The protocol by which a box asks another for a connection to one of its services. */
export const SERVICE_PROTOCOL = "/omerta/service/1";

/** What one frame of a service's stream says. */
export type ServiceFrame =
  /** The first, from who opened the stream: the port of the service. */
  | { kind: "ask"; port: number }
  | { kind: "data"; bytes: Uint8Array }
  /** So many bytes of data were handed on: there is room for as many more. */
  | { kind: "taken"; bytes: number }
  /** No more data from this side; it goes on taking. */
  | { kind: "end" };

/** A frame that is malformed, or comes where it should not. */
export class ServiceFrameError extends Error {
  override readonly name = "ServiceFrameError";
}

const KINDS = ["ask", "data", "taken", "end"] as const;
/** Of data in one frame, so that both directions take turns. */
export const MAX_DATA_BYTES = 16_384;
export const MAX_SERVICE_FRAME_BYTES = 1 + MAX_DATA_BYTES;

/** One byte for the kind; then the port (2 bytes) or the number (4 bytes), big endian, or the data. */
export function encodeServiceFrame(frame: ServiceFrame): Uint8Array {
  const kind = KINDS.indexOf(frame.kind);
  switch (frame.kind) {
    case "ask":
      return Uint8Array.of(kind, frame.port >> 8, frame.port & 0xff);
    case "data":
      return Buffer.concat([Uint8Array.of(kind), frame.bytes]);
    case "taken": {
      const encoded = Buffer.of(kind, 0, 0, 0, 0);
      encoded.writeUInt32BE(frame.bytes, 1);
      return encoded;
    }
    case "end":
      return Uint8Array.of(kind);
  }
}

/** @throws {ServiceFrameError} */
export function decodeServiceFrame(encoded: Uint8Array): ServiceFrame {
  const kind = KINDS[encoded[0] ?? KINDS.length];
  const rest = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength).subarray(1);
  if (kind === "ask" && rest.length === 2) return { kind, port: rest.readUInt16BE() };
  if (kind === "data" && rest.length > 0 && rest.length <= MAX_DATA_BYTES) return { kind, bytes: rest };
  if (kind === "taken" && rest.length === 4) return { kind, bytes: rest.readUInt32BE() };
  if (kind === "end" && rest.length === 0) return { kind };
  throw new ServiceFrameError(`service frame: ${encoded.length} bytes of kind ${encoded[0]}`);
}
