import type { SessionState } from "./session.ts";

/** The captive-portal API's answer (RFC 8908 section 5); only keys that are known are present. */
export interface CapportAnswer {
  captive: boolean;
  "user-portal-url": string;
  "can-extend-session": boolean;
  "seconds-remaining"?: number;
}

export const CAPPORT_TYPE = "application/captive+json";

/** @param portalUrl must be https (RFC 8908 section 5) */
export function capportAnswer(
  view: { state: SessionState; secondsLeft: number },
  portalUrl: string,
): CapportAnswer {
  const captive = view.state !== "released";
  return {
    captive,
    "user-portal-url": portalUrl,
    "can-extend-session": true,
    ...(captive ? {} : { "seconds-remaining": view.secondsLeft }),
  };
}
