import { decode, encode } from "cborg";
import { z } from "zod";
import { STRICT_CBOR } from "../../identity/index.ts";
import { MAX_BUNDLE_BYTES } from "../bundle/layout.ts";
import { CHUNK_BYTES } from "../bundle/partial-bundle.ts";

/** The protocol by which boxes tell each other what they run and have, and hand it on. */
export const UPDATE_PROTOCOL = "/omerta/update/1";

/** A bundle that a box has and gives. */
export interface OfferedBundle {
  /** SHA-256 of its signature and of the signature's length: the same at every box that has it. */
  id: Uint8Array;
  bytes: number;
  compatible: string;
  version: string;
}

export type UpdateFrame =
  /** The first, both ways: what runs, and what can be had. */
  | { kind: "has"; compatible: string; version: string; bundles: readonly OfferedBundle[] }
  | { kind: "read"; id: Uint8Array; offset: number; length: number }
  | { kind: "data"; bytes: Uint8Array }
  /** It cannot be had, or not now. */
  | { kind: "refused"; reason: string };

/** A frame that is malformed, or comes where it should not. */
export class UpdateFrameError extends Error {
  override readonly name = "UpdateFrameError";
}

const ID_BYTES = 32;
export const MAX_OFFERED = 4;
export const MAX_UPDATE_FRAME_BYTES = CHUNK_BYTES + 64;

const text = z.string().max(120);
const bytes = (most: number) => z.instanceof(Uint8Array).refine((value) => value.length <= most);
const id = bytes(ID_BYTES).refine((value) => value.length === ID_BYTES);
const offset = z.int().min(0).max(MAX_BUNDLE_BYTES);
const form = z.union([
  z.tuple([z.literal(0), text, text, z.array(z.tuple([id, offset, text, text])).max(MAX_OFFERED)]),
  z.tuple([z.literal(1), id, offset, z.int().min(1).max(CHUNK_BYTES)]),
  z.tuple([z.literal(2), bytes(CHUNK_BYTES)]),
  z.tuple([z.literal(3), z.string().max(300)]),
]);

/** Deterministic CBOR: an array that begins with the kind, 0 to 3 in the order of {@link UpdateFrame}. */
export function encodeUpdateFrame(frame: UpdateFrame): Uint8Array {
  switch (frame.kind) {
    case "has": {
      const bundles = frame.bundles.map((one) => [one.id, one.bytes, one.compatible, one.version]);
      return encode([0, frame.compatible, frame.version, bundles.slice(0, MAX_OFFERED)]);
    }
    case "read":
      return encode([1, frame.id, frame.offset, frame.length]);
    case "data":
      return encode([2, frame.bytes]);
    case "refused":
      return encode([3, frame.reason.slice(0, 300)]);
  }
}

/** @throws {UpdateFrameError} */
export function decodeUpdateFrame(encoded: Uint8Array): UpdateFrame {
  if (encoded.length > MAX_UPDATE_FRAME_BYTES) throw new UpdateFrameError("update frame: too long");
  const parsed = form.safeParse(decoded(encoded));
  if (!parsed.success) throw new UpdateFrameError(`update frame: ${parsed.error.issues[0]?.message}`);
  const { data } = parsed;
  switch (data[0]) {
    case 0: {
      const bundles = data[3].map(([one, size, compatible, version]) => ({
        id: one,
        bytes: size,
        compatible,
        version,
      }));
      return { kind: "has", compatible: data[1], version: data[2], bundles };
    }
    case 1:
      return { kind: "read", id: data[1], offset: data[2], length: data[3] };
    case 2:
      return { kind: "data", bytes: data[1] };
    case 3:
      return { kind: "refused", reason: data[1] };
  }
}

function decoded(encoded: Uint8Array): unknown {
  try {
    return decode(encoded, STRICT_CBOR);
  } catch (error) {
    throw new UpdateFrameError(`update frame: ${error instanceof Error ? error.message : String(error)}`);
  }
}
