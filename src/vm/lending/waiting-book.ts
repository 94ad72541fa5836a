import type { Source, WaitingRequest, WaitsFor } from "../admission/index.ts";
import {
  type LeaseAction,
  type LeaseEvent,
  type LeaseState,
  leaseStep,
  newLease,
  USUAL_LIMITS,
} from "../leases/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import type { Happening } from "./lent-lease.ts";

/** Somebody who has asked, and has not been given anything yet. */
export interface Applicant {
  readonly request: LeaseRequest;
  readonly source: Source;
  /** ms since 1970 by the box's clock, for people to read. */
  readonly askedMs: number;
  priority: number;
  waitsFor: WaitsFor;
  /** In words, for the requester. */
  why: string;
  /** The operator said yes. */
  isApproved: boolean;
  /** Room is being made for it: it will have a lease, unless it is given up or that fails. */
  isNext: boolean;
  state: LeaseState;
}

/** What a request of this kind may be told of where it stands. */
export interface Place {
  why: string;
  /** From 1, among those that wait for the same. */
  place: number;
}

/** For how long somebody may wait, by what for. A requester who is silent meanwhile is out after 15 s. */
export const LONGEST_WAIT_MS: Readonly<Record<WaitsFor, number>> = {
  room: 3_600_000,
  operator: 12 * 3_600_000,
  host: 24 * 3_600_000,
};

/**
 * Those that wait, in the order in which they came. What becomes of each is said by the lease's own step function, which
 * hears its requester's silence and its release.
 */
export class WaitingBook {
  private readonly all = new Map<string, Applicant>();

  get size(): number {
    return this.all.size;
  }

  add(applicant: Applicant): void {
    this.all.set(applicant.request.id, applicant);
  }

  get(id: string): Applicant | undefined {
    return this.all.get(id);
  }

  remove(id: string): void {
    this.all.delete(id);
  }

  of(requester: string): boolean {
    return this.values().some(({ request }) => request.requester === requester);
  }

  values(): Applicant[] {
    return [...this.all.values()];
  }

  /** Whose turn it is first: the higher priority, then who has waited longer. */
  inTurn(): Applicant[] {
    return this.values().sort((a, b) => b.priority - a.priority);
  }

  /** As `admit` wants them. Who is next waits no more: what it is to have is given already. */
  forAdmission(): WaitingRequest[] {
    return this.values()
      .filter(({ isNext }) => !isNext)
      .map(({ request: { id, requester }, source, priority, waitsFor }) => ({
        ...{ id, requester, priority, sourceAddress: source.address },
        for: waitsFor,
      }));
  }

  /** Where each that is in the book stands, by its id. */
  places(): Map<string, Place> {
    const counts = { room: 0, operator: 0, host: 0 };
    return new Map(
      this.inTurn().map(({ request: { id }, waitsFor, why }) => {
        counts[waitsFor] += 1;
        return [id, { why, place: counts[waitsFor] }];
      }),
    );
  }

  /**
   * Something of one that waits. Who has been given up, or has waited too long, is out of the book then.
   * @returns what is to be done about it
   */
  step(applicant: Applicant, happening: Happening, atMs: number): LeaseAction[] {
    const { state, actions } = leaseStep(applicant.state, { ...happening, atMs } as LeaseEvent);
    applicant.state = state;
    if (state.phase === "ended") this.remove(applicant.request.id);
    return actions;
  }
}

/** @param nowMs monotonic */
export function newApplicant(
  request: LeaseRequest,
  source: Source,
  askedMs: number,
  nowMs: number,
): Applicant {
  const { id, requester, durationS } = request;
  const limits = { ...USUAL_LIMITS, durationMs: durationS * 1_000 };
  return {
    ...{ request, source, askedMs },
    ...{ priority: 0, waitsFor: "room", why: "", isApproved: false, isNext: false },
    state: newLease({ id, requester, limits }, nowMs),
  };
}

/** It waits for something, or for something else than before: that has its own longest time. */
export function waitFor(applicant: Applicant, waitsFor: WaitsFor): void {
  const { state } = applicant;
  const isOther = applicant.waitsFor !== waitsFor || state.phase === "asked";
  applicant.waitsFor = waitsFor;
  if (!isOther) return;
  const limits = { ...state.limits, waitMs: LONGEST_WAIT_MS[waitsFor] };
  applicant.state = { ...state, limits, stageMs: 0 };
}
