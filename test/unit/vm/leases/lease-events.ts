import fc from "fast-check";
import {
  type LeaseAction,
  type LeaseEvent,
  type LeaseLimits,
  type LeaseState,
  newLease,
  PREPARATION,
  type PreparationStep,
} from "../../../../src/vm/leases/lease-state.ts";
import { leaseStep } from "../../../../src/vm/leases/lease-step.ts";

export const OWNER = "0a".repeat(32);
export const STRANGER = "0b".repeat(32);
export const ID = "0123456789abcdef0123456789abcdef";
export const LIMITS: LeaseLimits = {
  durationMs: 60_000,
  waitMs: 20_000,
  prepareMs: 30_000,
  silentMs: 15_000,
  suspendMs: 25_000,
  checkpointMs: 10_000,
  endMs: 5_000,
};

type Untimed<T> = T extends { atMs: number } ? Omit<T, "atMs"> : never;
/** An event without its time. */
export type What = Untimed<LeaseEvent>;

const STEPS: Partial<Record<LeaseAction["type"], PreparationStep>> = {
  prepareNetwork: "network",
  startPaused: "start",
  verify: "verify",
  resume: "resume",
  prepareGuest: "guest",
};

/** A lease, and all that it did. */
export class Course {
  state: LeaseState;
  readonly actions: LeaseAction[] = [];
  private nowMs: number;

  constructor(limits: Partial<LeaseLimits> = {}, startMs = 1_000) {
    this.nowMs = startMs;
    this.state = newLease({ id: ID, requester: OWNER, limits: { ...LIMITS, ...limits } }, startMs);
  }

  /** @returns what it does by it, in words for tests */
  on(what: What, passedMs = 0): string[] {
    // A restart brings another clock.
    this.nowMs = what.type === "restarted" ? 50 : this.nowMs + passedMs;
    // Whatever it is, with its time it is an event again.
    const { state, actions } = leaseStep(this.state, { ...what, atMs: this.nowMs } as LeaseEvent);
    this.state = state;
    this.actions.push(...actions);
    return actions.flatMap((action) =>
      action.type === "tell" || action.type === "note" ? [] : [action.type],
    );
  }

  /** What the machine answers when all that was last asked of it succeeds; undefined where nothing was. */
  answer(): What | undefined {
    const asked = this.actions.findLast(
      ({ type }) => type in STEPS || ["keep", "checkpoint", "tearDown"].includes(type),
    );
    if (!asked) return undefined;
    if (asked.type === "keep") return { type: "kept" };
    if (asked.type === "checkpoint") return { type: "checkpointed" };
    if (asked.type === "tearDown") return { type: "tornDown" };
    const step = STEPS[asked.type];
    return step && { type: "prepared", step };
  }

  /** Lets all go well until it runs. */
  run(): this {
    this.on({ type: "allowed" });
    for (let tries = 0; this.state.phase !== "running" && tries < 10; tries += 1) {
      const answer = this.answer();
      if (answer) this.on(answer, 100);
    }
    return this;
  }

  news(): string[] {
    return this.actions.flatMap((action) => (action.type === "tell" ? [action.what.is] : []));
  }
}

const by = fc.constantFrom(OWNER, OWNER, STRANGER);
const why = fc.constantFrom("a reason", "another");

/** Any event; "answer" is whatever the machine would answer now. */
export const anyEvent: fc.Arbitrary<What | "answer"> = fc.oneof(
  { weight: 20, arbitrary: fc.constant("answer" as const) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom("allowed" as const, "queued" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("refused" as const), why }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("failed" as const), why }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant("keptAlive" as const), by }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant("checkpointAsked" as const), by }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("released" as const), by }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant("tick" as const) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("pressure" as const, "relief" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constantFrom("checkpointed" as const, "tornDown" as const, "kept" as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant("prepared" as const), step: fc.constantFrom(...PREPARATION) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("notSaved" as const), why }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("punished" as const),
      by: fc.constantFrom("suspension" as const, "end" as const),
      why,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("displaced" as const), withCheckpoint: fc.boolean(), why }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant("vmGone" as const), isShutDown: fc.boolean(), why }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("hostEnds" as const), why }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant("restarted" as const),
      awayMs: fc.nat(20_000),
      isTakenUp: fc.boolean(),
    }),
  },
);
