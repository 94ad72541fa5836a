import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  type Course,
  type CourseAction,
  type CourseEvent,
  courseStep,
  newCourse,
} from "../../../src/requester/lease-course.ts";
import type { ProviderNews } from "../../../src/requester/lease-transport.ts";

const TUNNEL = { publicKey: `${"A".repeat(43)}=`, endpoint: undefined };
const ADMITTED: CourseEvent = { type: "answered", answer: { is: "admitted", tunnel: TUNNEL } };
const ENDED: CourseEvent = {
  type: "told",
  news: { is: "ended", outcome: "expired", why: "its time is over", hasCheckpoint: false },
};

function go(events: readonly CourseEvent[], from: Course = newCourse()) {
  const actions: CourseAction[] = [];
  let course = from;
  for (const event of events) {
    const step = courseStep(course, event);
    course = step.course;
    actions.push(...step.actions);
  }
  return { course, actions, kinds: actions.map(({ type }) => type) };
}

const news: fc.Arbitrary<ProviderNews> = fc.oneof(
  fc.constantFrom<ProviderNews>(
    { is: "queued" },
    { is: "waiting", why: "All is lent.", place: 2 },
    { is: "running" },
    { is: "resumed" },
    { is: "checkpointed" },
    { is: "admitted", tunnel: TUNNEL },
    { is: "suspended", why: "busy" },
    { is: "notSaved", why: "full" },
    { is: "ended", outcome: "silent", why: "", hasCheckpoint: false },
  ),
  fc.string().map((step): ProviderNews => ({ is: "preparing", step })),
);
const anyEvent: fc.Arbitrary<CourseEvent> = fc.oneof(
  news.map((told): CourseEvent => ({ type: "told", news: told })),
  fc.constantFrom<CourseEvent>(
    ADMITTED,
    { type: "answered", answer: { is: "queued", why: "no room" } },
    { type: "answered", answer: { is: "refused", why: "no" } },
    { type: "banner" },
    { type: "unknown" },
    { type: "releaseWished" },
    { type: "released" },
    { type: "gaveUp", why: "too long" },
  ),
);

describe("The course of a lease at its requester's", () => {
  test("lets the machine in before anything else when it is admitted", () => {
    const { course, actions } = go([ADMITTED]);
    expect(course.phase).toBe("preparing");
    expect(actions[0]).toEqual({ type: "letIn", tunnel: TUNNEL });
  });

  test("is ready with the first line of SSH, whatever the provider says of it", () => {
    const { course } = go([ADMITTED, { type: "told", news: { is: "running" } }]);
    expect(course.phase).toBe("preparing");
    expect(go([{ type: "banner" }], course).course.phase).toBe("ready");
  });

  test("waits in a queue, and is admitted from there", () => {
    const { course } = go([{ type: "answered", answer: { is: "queued", why: "no room" } }]);
    expect(course).toMatchObject({ phase: "queued", why: "no room" });
    const admitted = go([{ type: "told", news: { is: "admitted", tunnel: TUNNEL } }], course);
    expect(admitted.course.phase).toBe("preparing");
    expect(admitted.kinds).toContain("letIn");
  });

  test("shows where it stands among those who wait, and each time that this is another place", () => {
    const told = (place: number): CourseEvent => ({
      type: "told",
      news: { is: "waiting", why: "All is lent.", place },
    });
    // The news may be there before the answer.
    const first = go([told(2), { type: "answered", answer: { is: "queued", why: "All is lent." } }]);
    expect(first.course).toMatchObject({
      ...{ phase: "queued", why: "All is lent. Place 2 of those who wait for it." },
    });
    expect(first.actions).toEqual([{ type: "show", step: "queued" }]);
    const second = go([told(1)], first.course);
    expect(second.course.why).toContain("Place 1 ");
    expect(go([told(1)], go([ADMITTED], second.course).course).kinds).toEqual([]);
  });

  test("that waited is over where its provider knows it no more, as after a restart", () => {
    const waits: CourseEvent = { type: "answered", answer: { is: "queued", why: "no room" } };
    expect(go([waits, { type: "unknown" }]).course).toMatchObject({ phase: "ended", outcome: "swept" });
  });

  test("seeks SSH again after the host needed its processor for itself", () => {
    const { course } = go([
      ADMITTED,
      { type: "banner" },
      { type: "told", news: { is: "suspended", why: "busy" } },
    ]);
    expect(course.phase).toBe("suspended");
    const resumed = go([{ type: "told", news: { is: "resumed" } }], course);
    expect(resumed.kinds).toContain("seekSsh");
    expect(go([{ type: "banner" }], resumed.course).course.phase).toBe("ready");
  });

  test("ends at once by a refusal, and releases what a second request may have been refused for", () => {
    const refused: CourseEvent = { type: "answered", answer: { is: "refused", why: "replay" } };
    expect(go([refused]).course).toMatchObject({ phase: "ended", outcome: "refused", why: "replay" });
    const again = go([refused], { ...newCourse(), isAskedAgain: true });
    expect(again.course.phase).toBe("releasing");
    expect(again.kinds).toContain("sayRelease");
    expect(go([{ type: "unknown" }], again.course).course.phase).toBe("ended");
  });

  test("a release that the provider knows nothing of any more has been one", () => {
    const { course } = go([ADMITTED, { type: "releaseWished" }, { type: "unknown" }]);
    expect(course).toMatchObject({ phase: "ended", outcome: "released" });
  });

  test("an admission that comes after its release was wished changes nothing", () => {
    const { course, kinds } = go([{ type: "releaseWished" }, ADMITTED]);
    expect(course.phase).toBe("releasing");
    expect(kinds).not.toContain("letIn");
  });

  test("what ends by itself says why", () => {
    expect(go([ADMITTED, ENDED]).course).toMatchObject({ outcome: "expired", why: "its time is over" });
    expect(go([ADMITTED, { type: "unknown" }]).course).toMatchObject({ outcome: "swept" });
    const gaveUp = go([ADMITTED, { type: "gaveUp", why: "no SSH" }, { type: "released" }]);
    expect(gaveUp.course).toMatchObject({ phase: "ended", outcome: "given up", why: "no SSH" });
  });

  test("whatever happens, it is forgotten once, released once, and its end is for good", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        let course = newCourse();
        let [forgotten, released] = [0, 0];
        for (const event of events) {
          const before = course;
          const step = courseStep(course, event);
          course = step.course;
          for (const { type } of step.actions) {
            if (type === "forget") forgotten += 1;
            if (type === "sayRelease") released += 1;
            if (type === "letIn") expect(["asking", "queued"]).toContain(before.phase);
          }
          if (before.phase === "ended") expect(course).toEqual(before);
          if (before.phase === "releasing") expect(["releasing", "ended"]).toContain(course.phase);
          expect(forgotten).toBe(course.phase === "ended" ? 1 : 0);
          expect(course.outcome !== undefined || course.phase !== "ended").toBe(true);
        }
        expect(released).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("it can always be brought to its end", () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 40 }), (events) => {
        const { course } = go([...events, { type: "releaseWished" }, { type: "released" }]);
        expect(course.phase).toBe("ended");
      }),
    );
  });
});
