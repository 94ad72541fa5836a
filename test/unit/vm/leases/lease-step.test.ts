import { describe, expect, test } from "bun:test";
import { newLease } from "../../../../src/vm/leases/lease-state.ts";
import { Course, LIMITS, OWNER, STRANGER, type What } from "./lease-events.ts";

const keptAlive: What = { type: "keptAlive", by: OWNER };

/** Lets time pass second by second, with the requester there or not. @returns what was done meanwhile */
function live(course: Course, ms: number, isHeard = true): string[] {
  const done: string[] = [];
  for (let passed = 0; passed < ms; passed += 1_000)
    done.push(...course.on(isHeard ? keptAlive : { type: "tick" }, 1_000));
  return done;
}

describe("a lease that goes well", () => {
  test("is prepared step by step, and runs only when it was kept, made and verified", () => {
    const course = new Course();
    expect(course.on({ type: "allowed" })).toEqual(["keep"]);
    expect(course.on({ type: "kept" })).toEqual(["prepareNetwork"]);
    expect(course.on({ type: "prepared", step: "network" })).toEqual(["startPaused"]);
    expect(course.on({ type: "prepared", step: "start" })).toEqual(["verify"]);
    // An answer that nobody asked for lets nothing go on.
    expect(course.on({ type: "prepared", step: "resume" })).toEqual([]);
    expect(course.on({ type: "prepared", step: "verify" })).toEqual(["resume"]);
    expect(course.on({ type: "prepared", step: "resume" })).toEqual(["prepareGuest"]);
    expect(course.on({ type: "prepared", step: "guest" })).toEqual([]);
    expect(course.state.phase).toBe("running");
    expect(course.news()).toEqual(["admitted", ...Array(5).fill("preparing"), "running"]);
  });

  test("ends when its time is over, counted from its first run", () => {
    const course = new Course().run();
    expect(live(course, LIMITS.durationMs - 1_000)).toEqual([]);
    expect(live(course, 1_000)).toEqual(["destroy", "tearDown"]);
    expect(course.on({ type: "tornDown" })).toEqual(["journalEnd"]);
    expect(course.state).toMatchObject({ phase: "ended", outcome: "expired" });
  });

  test("waits in the queue, and for an answer, only so long", () => {
    const course = new Course();
    expect(course.on({ type: "queued" })).toEqual([]);
    expect(live(course, LIMITS.waitMs)).toEqual(["journalEnd"]);
    expect(course.state).toMatchObject({ phase: "ended", outcome: "refused" });
    expect(course.on({ type: "allowed" })).toEqual([]);
  });
});

describe("a requester", () => {
  test("who misses three keep-alives has left", () => {
    const course = new Course().run();
    live(course, 10_000);
    expect(live(course, LIMITS.silentMs - 1_000, false)).toEqual([]);
    expect(live(course, 1_000, false)).toEqual(["destroy", "tearDown"]);
    expect(course.state).toMatchObject({ phase: "ending", outcome: "silent" });
  });

  test("is heard in time when the box was busy with something else", () => {
    const course = new Course().run();
    expect(course.on(keptAlive, 40_000)).toEqual([]);
    expect(course.state.phase).toBe("running");
  });

  test("releases it; a stranger cannot, keeps nothing alive, and is noted once", () => {
    const course = new Course().run();
    expect(course.on({ type: "released", by: STRANGER })).toEqual(["refuse"]);
    expect(course.on({ type: "released", by: STRANGER })).toEqual(["refuse"]);
    expect(course.actions.filter((action) => action.type === "note")).toHaveLength(1);
    const { silentMs } = course.state;
    course.on({ type: "keptAlive", by: STRANGER }, 5_000);
    expect(course.state.silentMs).toBe(silentMs + 5_000);
    expect(course.on({ type: "released", by: OWNER })).toEqual(["destroy", "tearDown"]);
    expect(course.on({ type: "released", by: OWNER })).toEqual([]);
    expect(course.state.outcome).toBe("released");
  });

  test("who shuts the machine down from within has released it", () => {
    const course = new Course().run();
    course.on({ type: "vmGone", isShutDown: true, why: "" });
    expect(course.state.outcome).toBe("released");
  });
});

describe("the host", () => {
  test("takes the processor away and gives it back after a look at the network, while time goes on", () => {
    const course = new Course().run();
    expect(course.on({ type: "pressure" })).toEqual(["suspend"]);
    const usedMs = course.state.usedMs;
    live(course, 10_000);
    expect(course.state).toMatchObject({ phase: "suspended", usedMs: usedMs + 10_000 });
    expect(course.on({ type: "relief" })).toEqual(["verify"]);
    expect(course.on({ type: "prepared", step: "verify" })).toEqual(["resume"]);
    // The guest has its keys already.
    expect(course.on({ type: "prepared", step: "resume" })).toEqual([]);
    expect(course.state.phase).toBe("running");
  });

  test("lets one that is being prepared wait without a processor", () => {
    const course = new Course();
    course.on({ type: "allowed" });
    course.on({ type: "pressure" });
    for (const what of [
      { type: "kept" },
      ...["network", "start"].map((step) => ({ type: "prepared", step })),
    ])
      course.on(what as What);
    expect(course.on({ type: "prepared", step: "verify" })).toEqual([]);
    expect(course.state.phase).toBe("suspended");
    course.on({ type: "relief" });
    expect(course.on({ type: "prepared", step: "verify" })).toEqual(["resume"]);
    expect(course.on({ type: "prepared", step: "resume" })).toEqual(["prepareGuest"]);
  });

  test("gives no new time to one that it keeps from its first run again and again", () => {
    const course = new Course();
    course.on({ type: "allowed" });
    course.on({ type: "pressure" });
    for (const what of [
      { type: "kept" },
      ...["network", "start"].map((step) => ({ type: "prepared", step })),
    ])
      course.on(what as What);
    let passedMs = 0;
    for (; course.state.phase !== "ending" && passedMs < LIMITS.durationMs * 2; passedMs += 1_000) {
      course.on({ type: "prepared", step: "verify" });
      course.on(keptAlive, 1_000);
      course.on({ type: "relief" });
      course.on({ type: "pressure" });
    }
    expect(course.state.outcome).toBe("expired");
    expect(passedMs).toBe(LIMITS.durationMs);
  });

  test("takes it away from one that is just being resumed", () => {
    const course = new Course();
    course.on({ type: "allowed" });
    for (const what of [
      { type: "kept" },
      ...["network", "start", "verify"].map((step) => ({ type: "prepared", step })),
    ])
      course.on(what as What);
    expect(course.on({ type: "pressure" })).toEqual(["suspend"]);
    expect(course.on({ type: "prepared", step: "resume" })).toEqual([]);
    expect(course.state.phase).toBe("suspended");
  });

  test("ends one that it had to suspend for too long", () => {
    const course = new Course().run();
    course.on({ type: "pressure" });
    live(course, LIMITS.suspendMs);
    expect(course.state).toMatchObject({ phase: "ending", outcome: "host" });
  });

  test("saves who must make room, and ends them when that fails or takes too long", () => {
    const displaced: What = { type: "displaced", withCheckpoint: true, why: "a local one" };
    const saved = new Course().run();
    expect(saved.on(displaced)).toEqual(["checkpoint"]);
    expect(saved.on({ type: "checkpointed" })).toEqual(["destroy", "tearDown"]);
    saved.on({ type: "tornDown" });
    expect(saved.actions.at(-1)).toMatchObject({
      what: { is: "ended", outcome: "displaced", hasCheckpoint: true },
    });
    const late = new Course().run();
    late.on(displaced);
    live(late, LIMITS.checkpointMs);
    expect(late.state).toMatchObject({ phase: "ending", outcome: "displaced" });
    const full = new Course().run();
    full.on(displaced);
    full.on({ type: "notSaved", why: "the medium is full" });
    expect(full.state).toMatchObject({ phase: "ending", outcome: "displaced" });
    full.on({ type: "tornDown" });
    expect(full.actions.at(-1)).toMatchObject({ what: { is: "ended", hasCheckpoint: false } });
  });
});

describe("a punishment", () => {
  test("by suspension is ended by no relief, and no checkpoint gets away from it", () => {
    const course = new Course().run();
    expect(course.on({ type: "punished", by: "suspension", why: "rogue" })).toEqual(["suspend"]);
    expect(course.on({ type: "relief" })).toEqual([]);
    expect(course.on({ type: "checkpointAsked", by: OWNER })).toEqual([]);
    live(course, LIMITS.suspendMs);
    expect(course.state).toMatchObject({ phase: "ending", outcome: "punished", why: "rogue" });
  });

  test("by its end is its end", () => {
    const course = new Course().run();
    expect(course.on({ type: "punished", by: "end", why: "rogue" })).toEqual(["destroy", "tearDown"]);
    // What comes later does not change the reason.
    course.on({ type: "vmGone", isShutDown: true, why: "" });
    expect(course.state.outcome).toBe("punished");
  });
});

describe("a checkpoint", () => {
  const stored = () => {
    const course = new Course().run();
    expect(course.on({ type: "checkpointAsked", by: OWNER })).toEqual(["checkpoint"]);
    // It goes by itself when it is saved.
    expect(course.on({ type: "vmGone", isShutDown: false, why: "saved" })).toEqual([]);
    expect(course.on({ type: "checkpointed" })).toEqual(["tearDown"]);
    return course;
  };

  test("keeps the file and nothing else, without a requester, until the time is over", () => {
    const course = stored();
    live(course, LIMITS.silentMs * 2, false);
    expect(course.state.phase).toBe("checkpointed");
    live(course, LIMITS.durationMs, false);
    expect(course.state).toMatchObject({ phase: "ended", outcome: "expired" });
    const told = course.actions.findLast(({ type }) => type === "tell");
    expect(told).toMatchObject({ what: { is: "ended", hasCheckpoint: true } });
  });

  test("goes on as another lease like a new machine: isolated and verified before it runs", () => {
    const course = new Course();
    course.state = newLease(course.state, course.state.atMs, true);
    expect(course.on({ type: "allowed" })).toEqual(["keep"]);
    expect(course.on({ type: "kept" })).toEqual(["prepareNetwork"]);
    course.on({ type: "prepared", step: "network" });
    expect(course.actions.at(-1)).toEqual({ type: "startPaused", from: "checkpoint" });
    expect(course.on({ type: "prepared", step: "start" })).toEqual(["verify"]);
    expect(course.on({ type: "prepared", step: "verify" })).toEqual(["resume"]);
    expect(course.on({ type: "prepared", step: "resume" })).toEqual(["prepareGuest"]);
  });

  test("that cannot be made leaves the machine running", () => {
    const course = new Course().run();
    course.on({ type: "checkpointAsked", by: OWNER });
    expect(course.on({ type: "notSaved", why: "the medium is full" })).toEqual(["verify"]);
    course.on({ type: "prepared", step: "verify" });
    course.on({ type: "prepared", step: "resume" });
    expect(course.state.phase).toBe("running");
  });
});

describe("an end", () => {
  test("that cannot be carried out is one all the same, and is tried again and again", () => {
    const course = new Course().run();
    course.on({ type: "released", by: OWNER });
    const done = live(course, 11_000, false);
    expect(course.state).toMatchObject({ phase: "ended", isTornDown: false });
    expect(done.filter((what) => what === "journalEnd")).toHaveLength(1);
    expect(done.filter((what) => what === "tearDown").length).toBeGreaterThan(3);
    course.on({ type: "tornDown" });
    expect(live(course, 11_000, false)).toEqual([]);
  });

  test("by any failure of a step is torn down, whatever there was of it", () => {
    for (const step of ["network", "start", "verify", "resume", "guest"]) {
      const course = new Course();
      course.on({ type: "allowed" });
      for (let tries = 0; course.state.awaited !== step && tries < 10; tries += 1) {
        const answer = course.answer();
        if (answer) course.on(answer);
      }
      expect(course.on({ type: "failed", why: `no ${step}` })).toEqual(["destroy", "tearDown"]);
      expect(course.state).toMatchObject({ outcome: "failed", why: `no ${step}` });
    }
  });
});

describe("a next daemon", () => {
  test("sweeps what it does not take up, and keeps the reason of an end that had begun", () => {
    const swept = new Course().run();
    expect(swept.on({ type: "restarted", awayMs: 2_000, isTakenUp: false })).toEqual(["destroy", "tearDown"]);
    expect(swept.state.outcome).toBe("swept");
    const punished = new Course().run();
    punished.on({ type: "punished", by: "end", why: "rogue" });
    expect(punished.on({ type: "restarted", awayMs: 2_000, isTakenUp: false })).toEqual(["tearDown"]);
    punished.on({ type: "tornDown" });
    expect(punished.state).toMatchObject({ phase: "ended", outcome: "punished" });
  });

  test("takes one up by looking at it first, and gives nothing of its time back", () => {
    const course = new Course().run();
    const { usedMs } = course.state;
    expect(course.on({ type: "restarted", awayMs: 30_000, isTakenUp: true })).toEqual(["suspend", "verify"]);
    expect(course.state.usedMs).toBe(usedMs + 30_000);
    expect(course.on({ type: "prepared", step: "verify" })).toEqual(["resume"]);
    const over = new Course().run();
    over.on({ type: "restarted", awayMs: LIMITS.durationMs, isTakenUp: true });
    expect(over.state.outcome).toBe("expired");
  });
});
