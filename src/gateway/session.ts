/** What guests agree to, by number: raised when the risks that the portal names change in substance, so that guests are asked anew. */
export const RISKS_VERSION = 1;

/**
 * Where a guest stands:
 * - `new`: has an address, has seen nothing;
 * - `shown`: the portal's first page was sent;
 * - `consented`: the owner agreed, and that is on the medium;
 * - `released`: the kernel lets the guest through;
 * - `expired`: the time is over, or the guest left.
 */
export type SessionState = "new" | "shown" | "consented" | "released" | "expired";

/** One guest: a station with an address. A MAC address is a key for a session, never an identity. */
export interface Session {
  readonly mac: string;
  readonly ipv4: string;
  readonly state: SessionState;
  /** The next probe of a family that needs it meets the portal again. */
  readonly armed: boolean;
  /** Language of the page on which the owner agreed (BCP 47); "" before. */
  readonly language: string;
  /** The box at which the owner agreed, by what it is called; "" for this one. */
  readonly from: string;
  /** When the agreement ends, on the monotonic clock in ms; 0 before. */
  readonly endsAtMs: number;
  /** When anything last happened, on the monotonic clock in ms. */
  readonly seenAtMs: number;
}

export type SessionEvent =
  | { kind: "joined"; ipv4: string }
  | { kind: "shown" }
  | { kind: "agreed"; language: string; durationMs: number; from: string }
  | { kind: "admitted" }
  | { kind: "ended" };

/** A station that has just got its first address. */
export function newSession(mac: string, ipv4: string, nowMs: number): Session {
  return { mac, ipv4, state: "new", armed: true, language: "", from: "", endsAtMs: 0, seenAtMs: nowMs };
}

/** Whether the owner has agreed and that still holds. */
export function hasConsent({ state }: Session): boolean {
  return state === "consented" || state === "released";
}

/** The session after an event: the same object when the event changes nothing. */
export function step(session: Session, event: SessionEvent, nowMs: number): Session {
  const seen = { ...session, seenAtMs: nowMs };
  switch (event.kind) {
    case "joined":
      return {
        ...seen,
        ipv4: event.ipv4,
        armed: true,
        state: session.state === "expired" ? "new" : session.state,
      };
    case "shown":
      // A guest who has agreed meets the page again only after coming back: that disarms the detection.
      if (hasConsent(session)) return session.armed ? { ...seen, armed: false } : session;
      return session.state === "shown" ? session : { ...seen, state: "shown" };
    case "agreed":
      return {
        ...seen,
        state: session.state === "released" ? "released" : "consented",
        armed: false,
        language: event.language,
        from: event.from,
        endsAtMs: nowMs + event.durationMs,
      };
    case "admitted":
      return session.state === "consented" ? { ...seen, state: "released" } : session;
    case "ended":
      return session.state === "expired" ? session : { ...seen, state: "expired", armed: true, endsAtMs: 0 };
  }
}
