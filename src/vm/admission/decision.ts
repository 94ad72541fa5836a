import type { LeaseRequest } from "../request/index.ts";
import type { LeaseLimits } from "./policy.ts";
import type { Source, WaitsFor } from "./state.ts";

export type ReasonCode =
  | "replay"
  | "id-taken"
  | "blocked"
  | "no-member"
  | "not-accepted"
  | "rule"
  | "quiet-hours"
  | "no-description"
  | "refused-description"
  | "inspection"
  | "no-image"
  | "over-limit"
  | "too-many"
  | "more-than-there-is"
  | "busy"
  | "operator";

/** Why a request is not simply allowed. Told to the requester as it is. */
export interface Reason {
  code: ReasonCode;
  /** The field of the request that it is about: `resources.memoryMiB`. */
  field?: string;
  /** A sentence for people. */
  words: string;
  /** Of "busy" and "quiet-hours": in how many seconds it may be different, where that is known. */
  retryAfterS?: number;
}

export type Decision = {
  /** What the journal is to keep of it (see `Journal.append`). */
  journal: JournalNote;
} & (
  | {
      kind: "allow";
      priority: number;
      /** What the lease gets. */
      limits: LeaseLimits;
      /** Leases that must be gone first. */
      displaces: readonly string[];
    }
  | { kind: "deny"; reason: Reason }
  /** Ask: its operator. */
  | { kind: "queue" | "ask"; priority: number; waitsFor: WaitsFor; reason: Reason }
);

export interface JournalNote {
  kind: "lease-allowed" | "lease-denied" | "lease-queued" | "lease-asked";
  /** The request's id. */
  subject: string;
  detail: Record<string, unknown>;
}

const NOTE_KINDS = {
  allow: "lease-allowed",
  deny: "lease-denied",
  queue: "lease-queued",
  ask: "lease-asked",
} as const;

/** What is kept of a request and what became of it, its description word for word. At most 8 KiB as JSON. */
export function noteOf(
  request: LeaseRequest,
  source: Source,
  kind: Decision["kind"],
  outcome: Record<string, unknown>,
): JournalNote {
  const { id, requester, network, resources, durationS, image, activity, acceptsInspection } = request;
  const asked = { requester, network, resources, durationS, image, activity, acceptsInspection };
  return { kind: NOTE_KINDS[kind], subject: id, detail: { ...asked, source, ...outcome } };
}
