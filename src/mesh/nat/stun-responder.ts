import { SourceLimiter } from "../../host/source-limiter.ts";
import type { Timers } from "../../host/timers.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import {
  ATTRIBUTE,
  BINDING,
  decodeStun,
  encodeStun,
  hasAttribute,
  isStun,
  type StunAttribute,
  type StunMessage,
  unknownRequired,
  xorMappedAddress,
} from "./stun.ts";

export interface StunResponderOptions {
  timers: Timers;
  /** Hands an answer to the socket that the request came by. */
  send(datagram: Uint8Array, to: Endpoint): void;
}

/**
 * ICE asks a few times within a second for each of its sockets. A forged sender gets at most this: four answers a second of 52 bytes
 * at most each, and all senders together less than 100 kbit/s.
 */
const LIMITS = { burst: 12, perSecond: 4, totalPerSecond: 200, maxSources: 1_024 };
/** Of the types that were not understood, as many are listed: an answer is never much longer than its request. */
const MAX_LISTED = 4;

/**
 * A STUN server (RFC 8489, 12: the basic server behaviour, Binding over UDP, no credentials) on a socket that is used
 * for other things as well. WebRTC, other boxes and any other client may ask it; it holds no state.
 */
export class StunResponder {
  private readonly limiter: SourceLimiter;

  constructor(private readonly options: StunResponderOptions) {
    this.limiter = new SourceLimiter(LIMITS, options.timers.monotonicMs());
  }

  /** Takes a datagram. @returns whether it was a request of STUN, answered or not: then it is nobody else's */
  take(datagram: Uint8Array, from: Endpoint): boolean {
    if (!isStun(datagram)) return false;
    const request = decodeStun(datagram);
    if (request === undefined) return true;
    // Responses are for whoever asks by this socket. RFC 8489, 6.3.2: indications are not answered.
    if (request.class === "success" || request.class === "error") return false;
    if (request.class !== "request" || request.method !== BINDING) return true;
    if (this.limiter.takes(from.address, this.options.timers.monotonicMs())) {
      this.options.send(answerTo(request, from), from);
    }
    return true;
  }
}

/** The answer to a Binding request. It has a fingerprint if the request has one. */
export function answerTo(request: StunMessage, from: Endpoint): Uint8Array {
  const { transactionId, method } = request;
  const withFingerprint = hasAttribute(request, ATTRIBUTE.FINGERPRINT);
  const unknown = unknownRequired(request);
  if (unknown.length > 0) {
    const attributes = [errorCode(420), unknownAttributes(unknown.slice(0, MAX_LISTED))];
    return encodeStun({ class: "error", method, transactionId, attributes }, withFingerprint);
  }
  const attributes = [xorMappedAddress(from, transactionId)];
  return encodeStun({ class: "success", method, transactionId, attributes }, withFingerprint);
}

/** RFC 8489, 14.8; the reason phrase is left empty. */
const errorCode = (code: number): StunAttribute => ({
  type: ATTRIBUTE.ERROR_CODE,
  value: Uint8Array.from([0, 0, Math.floor(code / 100), code % 100]),
});

/** RFC 8489, 14.9. */
const unknownAttributes = (types: readonly number[]): StunAttribute => ({
  type: ATTRIBUTE.UNKNOWN_ATTRIBUTES,
  value: Uint8Array.from(types.flatMap((type) => [type >> 8, type & 0xff])),
});
