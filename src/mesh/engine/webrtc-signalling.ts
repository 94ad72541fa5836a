import { type MessageStream, type Stream, StreamMessageEvent } from "@libp2p/interface";
import { forbiddenIp } from "./address-rules.ts";
import { FrameDecoder, frameHeader } from "./frame-code.ts";
import { decodeFields, encodeFields } from "./protobuf-fields.ts";

/** An SDP of libdatachannel is about one kilobyte. */
const MAX_MESSAGE_BYTES = 32_768;
/** WebRTC connections that one peer may be arranging with this box at a time. */
const MAX_OF_PEER = 4;

/** Fields and kinds of libp2p's signalling messages. */
const TYPE = 1;
const DATA = 2;
const ICE_CANDIDATE = 2;

/** foundation, component, transport, priority, address, port, type (RFC 8839, section 5.1). */
const CANDIDATE = /^(?:a=)?candidate:\S+ \d+ \S+ \d+ (\S+) \d+ typ [^\r\n]+$/i;

/** A signalling message that makes no sense. */
export class SignallingError extends Error {
  override name = "SignallingError";
}

/**
 * One message of libp2p's WebRTC signalling as this box takes it from another, without candidates that mean this machine
 * itself, nobody or many, and without names: this box would send packets to them.
 * @param message the protobuf, without its length
 * @returns undefined when nothing is left
 * @throws {SignallingError} or {ProtobufError}
 * @see https://github.com/libp2p/specs/blob/master/webrtc/webrtc.md
 */
export function allowedSignal(message: Uint8Array, loopbackToo: boolean): Uint8Array | undefined {
  const fields = decodeFields(message);
  const type = fields.get(TYPE);
  const data = fields.get(DATA) ?? new Uint8Array();
  if (typeof type !== "number" || typeof data === "number")
    throw new SignallingError("no signalling message");
  const text = new TextDecoder().decode(data);
  const allowed =
    type === ICE_CANDIDATE ? allowedCandidate(text, loopbackToo) : allowedDescription(text, loopbackToo);
  if (allowed === undefined) return undefined;
  return encodeFields([
    [TYPE, type],
    [DATA, new TextEncoder().encode(allowed)],
  ]);
}

/** @param json a candidate as browsers write it, or "" or null for "no more" */
function allowedCandidate(json: string, loopbackToo: boolean): string | undefined {
  let init: unknown;
  try {
    init = JSON.parse(json);
  } catch {
    throw new SignallingError("a candidate is no JSON");
  }
  if (init === null || init === "") return json;
  const { candidate } = init as { candidate?: unknown };
  return typeof candidate === "string" && isAllowed(candidate, loopbackToo)
    ? JSON.stringify(init)
    : undefined;
}

function allowedDescription(sdp: string, loopbackToo: boolean): string {
  return sdp
    .split(/[\r\n]+/)
    .filter((line) => !/candidate:/i.test(line) || isAllowed(line, loopbackToo))
    .join("\r\n");
}

function isAllowed(candidate: string, loopbackToo: boolean): boolean {
  const ip = CANDIDATE.exec(candidate)?.[1];
  if (ip === undefined) return false;
  const why = forbiddenIp(ip);
  return why === undefined || (why === "loopback" && loopbackToo);
}

/** Lets through of what comes on a signalling stream what {@link allowedSignal} does; a stream with nonsense is reset. */
export function filterSignals(stream: MessageStream, loopbackToo: boolean): void {
  const listen = stream.addEventListener.bind(stream);
  const filtered = (listener: (event: StreamMessageEvent) => void): ((event: StreamMessageEvent) => void) => {
    const decoder = new FrameDecoder(MAX_MESSAGE_BYTES);
    return ({ data }) => {
      try {
        for (const frame of decoder.decode(data.subarray())) {
          const allowed = allowedSignal(frame, loopbackToo);
          if (allowed === undefined) continue;
          listener(new StreamMessageEvent(Buffer.concat([frameHeader(allowed.length), allowed])));
        }
      } catch (error) {
        stream.abort(error instanceof Error ? error : new SignallingError(String(error)));
      }
    };
  };
  stream.addEventListener = (...[type, listener, options]: Parameters<typeof listen>) => {
    const isFiltered = type === "message" && typeof listener === "function";
    // "message" is the event whose listener takes a StreamMessageEvent.
    listen(type, isFiltered ? (filtered(listener as never) as typeof listener) : listener, options);
  };
}

/** How many signalling streams each peer has open with this box. */
export class SignallingRoom {
  private readonly open = new Map<string, number>();

  /** @returns whether one more of a peer's is taken; otherwise it is reset */
  take(peer: string, stream: Pick<Stream, "abort" | "addEventListener">): boolean {
    const others = this.open.get(peer) ?? 0;
    if (others >= MAX_OF_PEER) {
      stream.abort(new SignallingError("too many WebRTC connections at once"));
      return false;
    }
    this.open.set(peer, others + 1);
    const leave = (): void => {
      const left = (this.open.get(peer) ?? 1) - 1;
      if (left > 0) this.open.set(peer, left);
      else this.open.delete(peer);
    };
    stream.addEventListener("close", leave, { once: true });
    return true;
  }
}
