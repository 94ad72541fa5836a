import type { Fate } from "../radio.ts";
import { RoutingError } from "./proto/meshtastic_pb.ts";

type Failed = Extract<Fate, { state: "failed" }>;

const failed = (reason: Failed["reason"], detail: string): Failed => ({ state: "failed", reason, detail });

/** What the firmware's or a peer's refusal means for a packet. */
export function failureOf(error: RoutingError): Failed {
  switch (error) {
    case RoutingError.MAX_RETRANSMIT:
      return failed("no-acknowledgement", "nobody acknowledged it in three transmissions");
    case RoutingError.TIMEOUT:
    case RoutingError.NO_RESPONSE:
    case RoutingError.NO_ROUTE:
    case RoutingError.GOT_NAK:
      return failed("no-acknowledgement", `routing error ${nameOf(error)}`);
    case RoutingError.TOO_LARGE:
      return failed("too-large", "payload: more than fits into a packet with what the firmware adds");
    case RoutingError.DUTY_CYCLE_LIMIT:
      return failed("airtime", "the firmware's duty cycle for this hour is used up");
    case RoutingError.RATE_LIMIT_EXCEEDED:
      return failed("airtime", "the firmware takes no more packets in so short a time");
    case RoutingError.NO_CHANNEL:
      return failed("refused", "the peer or the radio does not have this channel");
    case RoutingError.PKI_FAILED:
    case RoutingError.PKI_UNKNOWN_PUBKEY:
    case RoutingError.PKI_SEND_FAIL_PUBLIC_KEY:
      return failed("refused", `the two radios do not know each other's keys (${nameOf(error)})`);
    default:
      return failed("refused", `routing error ${nameOf(error)}`);
  }
}

const nameOf = (error: RoutingError): string => RoutingError[error] ?? String(error);

/** Results of the firmware's own beside routing errors (MeshTypes.h). */
const RESULT = { ok: 0, unknown: 32, noInterface: 33, disabled: 34, nothingToSend: 35 } as const;

/**
 * What {@link QueueStatus.result} says of a packet: `taken`; `full`: there was no room; or that it failed.
 * @param free places in the firmware's queue then
 */
export function resultOf(result: number, free: number): "taken" | "full" | Failed {
  switch (result) {
    case RESULT.ok:
    case RESULT.nothingToSend:
      return "taken";
    case RESULT.unknown:
      // The number of a bad request as well, by a mix-up of the firmware.
      return free === 0 ? "full" : failed("refused", "the firmware takes it for a bad request");
    case RESULT.noInterface:
      return failed("refused", "the firmware has no radio chip");
    case RESULT.disabled:
      return failed("refused", "the firmware does not send: no region is set, or sending is switched off");
    default:
      return failureOf(result);
  }
}
