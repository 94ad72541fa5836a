import type { LeaseAnswer, ProviderNews, ProviderTunnel } from "./lease-transport.ts";
import type { KeptLease } from "./requester-state.ts";

export type CoursePhase = KeptLease["phase"] | "ended";
/** Ends that a requester can know of: the provider's, and its own. */
export type CourseOutcome = Extract<ProviderNews, { is: "ended" }>["outcome"] | "given up";

/** How a lease stands, as its requester sees it. */
export interface Course {
  phase: CoursePhase;
  tunnel: ProviderTunnel | undefined;
  /** The request was shown before: a refusal may be meant for the second time alone. */
  isAskedAgain: boolean;
  outcome: CourseOutcome | undefined;
  /** In words. */
  why: string;
}

export type CourseEvent =
  | { type: "answered"; answer: LeaseAnswer }
  | { type: "told"; news: ProviderNews }
  /** SSH has answered through the tunnel. */
  | { type: "banner" }
  /** The provider knows nothing of such a lease. */
  | { type: "unknown" }
  | { type: "releaseWished" }
  /** The provider has heard it. */
  | { type: "released" }
  /** The requester will wait no longer. */
  | { type: "gaveUp"; why: string };

export type CourseAction =
  /** Let the machine in, before it begins its handshake. */
  | { type: "letIn"; tunnel: ProviderTunnel }
  /** Its end of the tunnel is there now. */
  | { type: "knock"; tunnel: ProviderTunnel }
  | { type: "seekSsh" }
  | { type: "sayRelease" }
  /** Somebody waits to see it. */
  | { type: "show"; step: string }
  /** Nothing of it is needed any more. */
  | { type: "forget" };

/** Those phases in which a machine is there, or will be by itself. */
const HAS_TUNNEL: readonly CoursePhase[] = ["preparing", "ready", "suspended"];

export const newCourse = (): Course => ({
  phase: "asking",
  tunnel: undefined,
  isAskedAgain: false,
  outcome: undefined,
  why: "",
});

/**
 * What becomes of a lease at its requester's by an event: a pure function. `ended` is for good; once its release is wished a
 * lease can only end.
 */
export function courseStep(before: Course, event: CourseEvent): { course: Course; actions: CourseAction[] } {
  const course = { ...before };
  const actions: CourseAction[] = [];
  if (course.phase === "ended") return { course, actions };
  switch (event.type) {
    case "answered":
      if (course.phase === "asking" || course.phase === "queued") answered(course, event.answer, actions);
      break;
    case "told":
      told(course, event.news, actions);
      break;
    case "banner":
      if (course.phase !== "preparing") break;
      course.phase = "ready";
      actions.push({ type: "show", step: "ssh" });
      break;
    case "unknown":
      if (course.phase === "releasing") end(course, "released", "its provider has it no more", actions);
      else end(course, "swept", "its provider has it no more", actions);
      break;
    case "releaseWished":
      release(course, "by its requester", actions);
      break;
    case "released":
      if (course.phase === "releasing") end(course, course.outcome ?? "released", course.why, actions);
      break;
    case "gaveUp":
      if (course.phase === "releasing") end(course, "given up", event.why, actions);
      else {
        course.outcome = "given up";
        release(course, event.why, actions);
      }
      break;
  }
  return { course, actions };
}

function answered(course: Course, answer: LeaseAnswer, actions: CourseAction[]): void {
  if (answer.is === "admitted") admit(course, answer.tunnel, actions);
  else if (answer.is === "queued") {
    // What was told meanwhile says more.
    if (course.phase === "asking") course.why = answer.why;
    wait(course, actions);
  } else if (course.isAskedAgain) {
    // Perhaps it was taken the first time: then it is not to run for nobody.
    course.outcome = "refused";
    release(course, answer.why, actions);
  } else end(course, "refused", answer.why, actions);
}

function told(course: Course, news: ProviderNews, actions: CourseAction[]): void {
  if (news.is === "ended") {
    end(
      course,
      course.phase === "releasing" ? (course.outcome ?? news.outcome) : news.outcome,
      news.why,
      actions,
    );
    return;
  }
  if (course.phase === "releasing") return;
  switch (news.is) {
    case "queued":
      if (course.phase === "asking") wait(course, actions);
      break;
    case "waiting":
      if (course.phase !== "asking" && course.phase !== "queued") break;
      course.phase = "queued";
      course.why = `${news.why} Place ${news.place} of those who wait for it.`;
      actions.push({ type: "show", step: "queued" });
      break;
    case "admitted":
      if (course.phase === "asking" || course.phase === "queued") admit(course, news.tunnel, actions);
      break;
    case "preparing":
      actions.push({ type: "show", step: news.step });
      // The step after the one that makes its network.
      if (news.step === "start" && course.tunnel) actions.push({ type: "knock", tunnel: course.tunnel });
      break;
    case "running":
      actions.push({ type: "show", step: "running" });
      break;
    case "suspended":
      if (HAS_TUNNEL.includes(course.phase)) course.phase = "suspended";
      course.why = news.why;
      actions.push({ type: "show", step: "suspended" });
      break;
    case "resumed":
      actions.push({ type: "show", step: "resumed" });
      if (course.phase !== "suspended" && course.phase !== "checkpointed") break;
      // That it answers again is to be seen again.
      course.phase = "preparing";
      actions.push({ type: "seekSsh" });
      break;
    case "checkpointed":
      if (HAS_TUNNEL.includes(course.phase)) course.phase = "checkpointed";
      actions.push({ type: "show", step: "checkpointed" });
      break;
    case "notSaved":
      course.why = news.why;
      actions.push({ type: "show", step: "not saved" });
      break;
  }
}

function wait(course: Course, actions: CourseAction[]): void {
  if (course.phase !== "queued") actions.push({ type: "show", step: "queued" });
  course.phase = "queued";
}

function admit(course: Course, tunnel: ProviderTunnel, actions: CourseAction[]): void {
  course.phase = "preparing";
  course.tunnel = tunnel;
  course.why = "";
  actions.push({ type: "letIn", tunnel }, { type: "show", step: "admitted" }, { type: "seekSsh" });
}

function release(course: Course, why: string, actions: CourseAction[]): void {
  if (course.phase === "releasing") return;
  course.phase = "releasing";
  course.why = why;
  actions.push({ type: "show", step: "releasing" }, { type: "sayRelease" });
}

function end(course: Course, outcome: CourseOutcome, why: string, actions: CourseAction[]): void {
  course.phase = "ended";
  course.outcome = outcome;
  course.why = why;
  actions.push({ type: "show", step: "ended" }, { type: "forget" });
}
