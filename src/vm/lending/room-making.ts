import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Decision, LiveLease } from "../admission/index.ts";
import type { RunningLeases } from "./running-leases.ts";
import type { LenderAnswer } from "./turns.ts";
import type { Applicant } from "./waiting-book.ts";

export type Allowed = Extract<Decision, { kind: "allow" }>;

/** Of those whose turn it is: what room is made for, and what becomes of it. */
export interface RoomMakingDesk {
  running: Pick<RunningLeases, "end">;
  /** Whether leases that give way are saved where that can be done. */
  withCheckpoint: boolean;
  /** One thing is decided after the other. */
  inTurn<T>(task: () => Promise<T>): Promise<T>;
  /** It has not been given up meanwhile. */
  isWaiting(one: Applicant): boolean;
  /** Whether there are no more of those who wait, this one among them, than may. */
  mayWait(): boolean;
  give(one: Applicant, decision: Allowed): Promise<LenderAnswer>;
  refuse(one: Applicant, why: string): Promise<LenderAnswer>;
  /** It is over, well or not: perhaps it is somebody's turn. */
  onMade(): void;
  log: Logger;
  timers: Timers;
}

export const MAKING_ROOM = "Room is being made for it.";
export const NO_ROOM = "No room could be made for it.";
/** Who asks by HTTP waits no 15 s for an answer; a machine that gives way may have to be saved before. */
const SOON_MS = 5_000;

/** Ends leases for one that goes first, while others are decided on: its room is lent already ({@link reserved}). */
export class RoomMaking {
  private readonly underWay = new Set<Promise<unknown>>();

  constructor(private readonly desk: RoomMakingDesk) {}

  /** Kept when there is room or none. Nothing is thrown. */
  make(one: Applicant, decision: Allowed): Promise<LenderAnswer> {
    one.isNext = true;
    const made = this.made(one, decision).catch((error: unknown): LenderAnswer => {
      one.isNext = false;
      this.desk.log.error({ error }, `request ${one.request.id}: no room could be made`);
      return { is: "queued", why: one.why };
    });
    this.underWay.add(made);
    void made.then(() => {
      this.underWay.delete(made);
      this.desk.onMade();
    });
    return made;
  }

  /** Who asks is not kept waiting for an answer: what comes later comes as news. */
  soon(made: Promise<LenderAnswer>): Promise<LenderAnswer> {
    const late = Promise.withResolvers<LenderAnswer>();
    const callOff = this.desk.timers.after(SOON_MS, () => late.resolve({ is: "queued", why: MAKING_ROOM }));
    return Promise.race([made, late.promise]).finally(callOff);
  }

  /** Kept when no room is being made any more. */
  async settle(): Promise<void> {
    await Promise.allSettled([...this.underWay]);
  }

  private async made(one: Applicant, decision: Allowed): Promise<LenderAnswer> {
    const { running, withCheckpoint } = this.desk;
    const why = "one that goes first needs the room";
    const isRoom = await running.end(decision.displaces, { type: "displaced", withCheckpoint, why });
    return this.desk.inTurn(async () => {
      one.isNext = false;
      if (!this.desk.isWaiting(one)) return { is: "refused", why: one.state.why };
      if (isRoom) return this.desk.give(one, decision);
      // It was let in beside those who may wait.
      if (!this.desk.mayWait()) return this.desk.refuse(one, NO_ROOM);
      one.why = NO_ROOM;
      return { is: "queued", why: NO_ROOM };
    });
  }
}

/** What one that is next will have: nobody displaces it before it is there. */
export function reserved({ request, source }: Applicant, nowMs: number): LiveLease {
  const { id, requester, durationS, resources } = request;
  const { cpus, memoryMiB, diskMiB } = resources;
  return {
    ...{ id, requester, cpus, memoryMiB, diskMiB, sourceAddress: source.address },
    ...{ priority: Number.POSITIVE_INFINITY, startedMs: nowMs, endsMs: nowMs + durationS * 1_000 },
  };
}
