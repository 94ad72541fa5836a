import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { LeaseAction, LeasePhase, LeaseState } from "../../../../src/vm/leases/lease-state.ts";
import { anyEvent, Course, LIMITS, OWNER, type What } from "./lease-events.ts";

const LONGEST_GAP_MS = 1_500;
/** Thousands of courses, on a machine that may be busy with something else. */
const TIMEOUT_MS = 60_000;
type Events = readonly (readonly [What | "answer", number])[];
const anyCourse = fc.array(fc.tuple(anyEvent, fc.nat(LONGEST_GAP_MS)), { maxLength: 100, size: "max" });
/** Half of them begin with one that runs, or is about to. */
const goodStart: Events = [[{ type: "allowed" }, 10], ...Array(6).fill(["answer", 10])];
const courses: fc.Arbitrary<Events> = fc
  .tuple(fc.boolean(), fc.nat(goodStart.length), anyCourse)
  .map(([isGood, length, events]) => [...(isGood ? goodStart.slice(0, length + 1) : []), ...events]);

/** Plays events, and looks on at each. Those that are "answer" are left out where nothing was asked. */
function play(
  events: Events,
  look: (before: LeaseState, what: What, actions: readonly LeaseAction[], after: LeaseState) => void,
): Course {
  const course = new Course();
  for (const [event, passedMs] of events) {
    const what = event === "answer" ? course.answer() : event;
    if (!what) continue;
    const { state } = course;
    const from = course.actions.length;
    course.on(what, passedMs);
    look(state, what, course.actions.slice(from), course.state);
  }
  return course;
}

describe("whatever happens to a lease", () => {
  test(
    "it ends within its time, also with a requester who keeps it alive for ever",
    () => {
      const reached = new Set<LeasePhase>();
      const outcomes = new Set<string>();
      fc.assert(
        fc.property(courses, (events) => {
          let elapsedMs = 0;
          let last = 0;
          const count = (before: LeaseState, what: What, _: readonly LeaseAction[], after: LeaseState) => {
            const passedMs = what.type === "restarted" ? what.awayMs : after.atMs - before.atMs;
            if (before.phase !== "ended") elapsedMs += passedMs;
            last = Math.max(last, passedMs);
            reached.add(after.phase);
          };
          const course = play(events, count);
          for (let seconds = 0; course.state.phase !== "ended" && seconds < 300; seconds += 1) {
            course.on({ type: "keptAlive", by: OWNER }, 1_000);
            elapsedMs += 1_000;
          }
          expect(course.state.phase).toBe("ended");
          if (course.state.outcome) outcomes.add(course.state.outcome);
          // Each limit is found to be over by the first event after it.
          const mostMs =
            LIMITS.waitMs + LIMITS.prepareMs + LIMITS.durationMs + LIMITS.endMs + 4 * Math.max(last, 1_000);
          expect(elapsedMs).toBeLessThanOrEqual(mostMs);
        }),
        // Always the same, for all phases are to be reached.
        { numRuns: 2_000, seed: 7 },
      );
      // It is of worth only where the events led everywhere.
      expect([...reached].sort()).toEqual(
        [
          "admitted",
          "asked",
          "checkpointed",
          "checkpointing",
          "ended",
          "ending",
          "preparing",
          "queued",
          "running",
          "suspended",
        ].sort() as LeasePhase[],
      );
      expect(outcomes.size).toBe(9);
    },
    TIMEOUT_MS,
  );

  test(
    "it ends once, for one reason, and nothing is done for it afterwards but tearing down",
    () => {
      fc.assert(
        fc.property(courses, (events) => {
          let outcome: string | undefined;
          const course = play(events, (before, _, actions, after) => {
            if (before.phase === "ended") {
              expect(after.phase).toBe("ended");
              for (const { type } of actions) expect(type).toBe("tearDown");
            }
            if (before.outcome !== undefined) expect(after.outcome).toBe(before.outcome);
            outcome ??= after.outcome;
            expect(after.phase === "ending" || after.phase === "ended").toBe(after.outcome !== undefined);
          });
          const ends = course.actions.filter((action) => action.type === "journalEnd");
          expect(ends.map((end) => end.outcome as string | undefined)).toEqual(
            course.state.phase === "ended" ? [outcome] : [],
          );
          expect(course.news().filter((news) => news === "ended")).toHaveLength(ends.length);
        }),
        { numRuns: 2_000 },
      );
    },
    TIMEOUT_MS,
  );

  test(
    "it gets a processor only after a look that found all as it must be, of what runs then",
    () => {
      let resumed = 0;
      fc.assert(
        fc.property(courses, (events) => {
          let isVerified = false;
          play(events, (before, what, actions) => {
            if (what.type === "prepared" && what.step === "verify" && before.awaited === "verify")
              isVerified = true;
            for (const { type } of actions) {
              if (
                [
                  "prepareNetwork",
                  "startPaused",
                  "suspend",
                  "verify",
                  "checkpoint",
                  "destroy",
                  "tearDown",
                ].includes(type)
              )
                isVerified = false;
              if (type !== "resume") continue;
              expect(isVerified).toBe(true);
              isVerified = false;
              resumed += 1;
            }
            // Nor while the host needs it, or it is held.
            if (actions.some(({ type }) => type === "resume"))
              expect(before.isPressed || before.isHeld).toBe(false);
          });
        }),
        { numRuns: 2_000 },
      );
      expect(resumed).toBeGreaterThan(200);
    },
    TIMEOUT_MS,
  );

  test(
    "its time never comes back, and goes on in every phase once it ran",
    () => {
      fc.assert(
        fc.property(courses, (events) => {
          play(events, (before, what, _, after) => {
            expect(after.usedMs).toBeGreaterThanOrEqual(before.usedMs);
            if (!before.isCounting || before.phase === "ending" || before.phase === "ended") return;
            const passedMs = what.type === "restarted" ? what.awayMs : after.atMs - before.atMs;
            expect(after.usedMs - before.usedMs).toBe(passedMs);
          });
        }),
        { numRuns: 1_000 },
      );
    },
    TIMEOUT_MS,
  );

  test(
    "what it was is not changed by what becomes of it",
    () => {
      fc.assert(
        fc.property(courses, (events) => {
          let kept: [LeaseState, string][] = [];
          play(events, (before) => {
            kept = [...kept, [before, JSON.stringify(before)]];
          });
          for (const [state, text] of kept) expect(JSON.stringify(state)).toBe(text);
        }),
        { numRuns: 100 },
      );
    },
    TIMEOUT_MS,
  );
});
