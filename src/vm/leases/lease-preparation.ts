import { type LeaseAction, type LeaseState, PREPARATION, type PreparationStep } from "./lease-state.ts";
import { enter } from "./lease-time.ts";

export const WHY_PRESSED = "the host needs the processor";

/** Begins a step, and waits for it. */
export function awaitStep(state: LeaseState, step: PreparationStep, actions: LeaseAction[]): void {
  enter(state, "preparing");
  state.awaited = step;
  actions.push({ type: "tell", what: { is: "preparing", step } }, actionOf(step, state.isRestored));
}

function actionOf(step: PreparationStep, isRestored: boolean): LeaseAction {
  switch (step) {
    case "network":
      return { type: "prepareNetwork" };
    case "start":
      return { type: "startPaused", from: isRestored ? "checkpoint" : "image" };
    case "verify":
      return { type: "verify" };
    case "resume":
      return { type: "resume" };
    case "guest":
      return { type: "prepareGuest" };
  }
}

/** After the step that was awaited: the next one, or it is there. */
export function goOn(state: LeaseState, actions: LeaseAction[]): void {
  const { awaited } = state;
  if (awaited === undefined) return;
  const next = PREPARATION[PREPARATION.indexOf(awaited) + 1];
  // Its time goes on from here, also where the host lets it wait.
  if (next === "resume") state.isCounting = true;
  const isToRun = !state.isPressed && !state.isHeld;
  if (!isToRun && awaited === "verify") rest(state, actions);
  else if (!isToRun && awaited === "resume") suspend(state, WHY_PRESSED, actions);
  else if (next !== undefined && !(next === "guest" && state.isGuestReady)) awaitStep(state, next, actions);
  else run(state, actions);
}

function run(state: LeaseState, actions: LeaseAction[]): void {
  const isFirst = !state.isGuestReady;
  state.isGuestReady = true;
  enter(state, "running");
  actions.push({ type: "tell", what: { is: isFirst ? "running" : "resumed" } });
}

/** Takes its processor away, if it has one; if it would get one, it will not. */
export function suspend(state: LeaseState, why: string, actions: LeaseAction[]): void {
  const { phase, awaited } = state;
  // One that is just being resumed has it already, or will before this is carried out.
  const runs =
    phase === "running" || (phase === "preparing" && (awaited === "resume" || awaited === "guest"));
  if (!runs) return;
  actions.push({ type: "suspend" });
  rest(state, actions, why);
}

function rest(state: LeaseState, actions: LeaseAction[], why = state.isHeld ? state.why : WHY_PRESSED): void {
  enter(state, "suspended");
  actions.push(
    { type: "tell", what: { is: "suspended", why } },
    { type: "note", kind: "lease-suspended", why },
  );
}

/** The host has time again. */
export function relieve(state: LeaseState, actions: LeaseAction[]): void {
  state.isPressed = false;
  if (state.isHeld || state.phase !== "suspended") return;
  // Its namespace may have changed while it slept.
  awaitStep(state, "verify", actions);
  actions.push({ type: "note", kind: "lease-resumed", why: "the host has time again" });
}
