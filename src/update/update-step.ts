import {
  type Candidate,
  MAX_OUTCOMES,
  MAX_REFUSED,
  type Outcome,
  otherSlot,
  type Slot,
  type Trial,
  type UpdateState,
} from "./update-state.ts";

/** What runs, and how it came to be started. */
export interface Running {
  slot: Slot;
  version: string;
  /** `trial`: not confirmed yet; `fallback`: the confirmed one does not start. */
  start: "normal" | "trial" | "fallback";
  /** Another one after each start of the machine. */
  bootId: string;
}

export type UpdateEvent =
  /** The daemon has started. @property watchSaid what whoever watches over a trial from outside wrote down when it ended one */
  | { kind: "started"; watchSaid: string | undefined }
  /** A bundle is on the medium, whole, and was found to be for this box. */
  | { kind: "ready"; candidate: Candidate }
  /** The operator wants it now. */
  | { kind: "asked" }
  /** Nothing speaks against the next step. */
  | { kind: "may"; wellParts: readonly string[] }
  | { kind: "installed" }
  | { kind: "install-failed"; reason: string }
  /** The boot loader cannot be told to try it. */
  | { kind: "try-failed"; reason: string }
  | { kind: "well" }
  | { kind: "unwell"; reason: string }
  /** What was found well is what starts from now on. */
  | { kind: "confirmed" }
  | { kind: "hold" }
  | { kind: "release" }
  /** The operator wants the system in the other slot back. */
  | { kind: "rollback"; wellParts: readonly string[] };

/** What is to be done once the state is on the medium, in this order. */
export type UpdateAction =
  | { kind: "install"; file: string }
  /** Restarts the machine into a slot, for once. */
  | { kind: "try"; slot: Slot }
  /** Restarts the machine into what was confirmed. */
  | { kind: "go-back" }
  | { kind: "confirm" }
  | { kind: "tell"; outcome: Outcome };

export interface UpdateStep {
  state: UpdateState;
  actions: readonly UpdateAction[];
}

/** A trial of which nobody knows why it ended may have been ended by a power cut. */
const MAX_TRIES = 3;
/** Nor is it the bundle's fault when the power is cut while it is being installed; but a medium that dies of it is to be left alone. */
const MAX_INSTALLS = 10;
/** A daemon that has to be started more often within a trial has crashed. */
const MAX_STARTS = 3;

/**
 * What comes next. Whatever was written down last, a power cut leads back here by `started`, and nothing that was begun is
 * taken for done: an installation begins anew, a trial is judged by which slot runs.
 */
export function updateStep(state: UpdateState, running: Running, event: UpdateEvent): UpdateStep {
  switch (event.kind) {
    case "started":
      return started(withVersion(state, running.slot, running.version), running, event.watchSaid);
    case "ready":
      return ready(state, event.candidate);
    case "asked":
      if (!state.candidate) return still(state);
      return still({ ...state, candidate: { ...state.candidate, isAsked: true } });
    case "may":
      return may(state, running, event.wellParts);
    case "installed": {
      if (state.stage !== "installing" || !state.candidate) return still(state);
      const next = withVersion(state, otherSlot(running.slot), state.candidate.version);
      return still({ ...next, stage: "installed" });
    }
    case "install-failed":
      return installFailed(state, running, event.reason);
    case "try-failed":
      if (state.trial?.bootId !== running.bootId || state.stage !== "trying") return still(state);
      return over(state, {
        ...{ kind: "failed", version: state.trial.version, before: running.version, slot: running.slot },
        reason: event.reason,
      });
    case "well":
      return well(state, running);
    case "unwell":
      return unwell(state, running, event.reason);
    case "confirmed":
      return confirmed(state, running);
    case "hold":
      return still({ ...state, isHeld: true });
    case "release":
      return still({ ...state, isHeld: false });
    case "rollback":
      return rollback(state, running, event.wellParts);
  }
}

const still = (state: UpdateState): UpdateStep => ({ state, actions: [] });

function withVersion(state: UpdateState, slot: Slot, version: string | undefined): UpdateState {
  return { ...state, versions: { ...state.versions, [slot]: version } };
}

function started(state: UpdateState, running: Running, watchSaid: string | undefined): UpdateStep {
  const { stage, trial } = state;
  if (stage === "installing") return still({ ...state, stage: "waiting" });
  if (stage === "trying" && trial) return startedInTrial(state, trial, running, watchSaid);
  if (running.start !== "fallback" || state.confirmedBootId === running.bootId) return still(state);
  const before = state.versions[otherSlot(running.slot)] ?? "";
  const reason = `the system in slot ${otherSlot(running.slot)} did not start five times in a row`;
  const { version, slot } = running;
  return over(state, { kind: "fell-back", version, before, slot, reason });
}

function startedInTrial(
  state: UpdateState,
  trial: Trial,
  running: Running,
  watchSaid: string | undefined,
): UpdateStep {
  // The machine has not been restarted yet: the daemon has.
  if (running.bootId === trial.bootId) return { state, actions: [{ kind: "try", slot: trial.slot }] };
  if (running.slot === trial.slot) {
    if (running.start !== "trial") return succeeded(state, trial, running);
    const next = { ...trial, starts: trial.starts + 1 };
    if (next.starts <= MAX_STARTS) return still({ ...state, trial: next });
    return end(state, next, `the box's program ended ${MAX_STARTS} times`);
  }
  const reason = trial.verdict || watchSaid || "";
  if (reason === "" && trial.tries < MAX_TRIES) return still({ ...state, stage: "installed" });
  return wentBack(
    state,
    trial,
    running,
    reason || "it did not come up, or the power was cut while it was being tried",
  );
}

function ready(state: UpdateState, candidate: Candidate): UpdateStep {
  const { stage, candidate: known } = state;
  if (stage === "installing" || stage === "trying") return still(state);
  // It was found again, at a start, or somebody says now what only waited before.
  if (stage !== "idle" && known?.id === candidate.id) {
    if (known.isAsked || !candidate.isAsked) return still(state);
    return still({ ...state, candidate: { ...known, isAsked: true } });
  }
  const isRefused = state.refused.some(({ id }) => id === candidate.id);
  if (isRefused && !candidate.isAsked) return still(state);
  const { trial: _, ...rest } = state;
  const refused = state.refused.filter(({ id }) => id !== candidate.id);
  return still({ ...rest, refused, stage: "waiting", candidate: { ...candidate, installs: 0 } });
}

function may(state: UpdateState, running: Running, wellParts: readonly string[]): UpdateStep {
  const { stage, candidate, isHeld } = state;
  if (isHeld || !candidate) return still(state);
  if (stage === "waiting") {
    const next = withVersion(state, otherSlot(running.slot), undefined);
    const begun = { ...candidate, installs: candidate.installs + 1 };
    if (begun.installs > MAX_INSTALLS)
      return given(state, running, "failed", `installing it was cut off ${MAX_INSTALLS} times`);
    return {
      state: { ...next, stage: "installing", candidate: begun },
      actions: [{ kind: "install", file: candidate.file }],
    };
  }
  if (stage !== "installed") return still(state);
  const { id, version } = candidate;
  return tried(state, running, { id, version, tries: (state.trial?.tries ?? 0) + 1 }, wellParts);
}

function tried(
  state: UpdateState,
  { slot: current, version: before, bootId }: Running,
  what: Pick<Trial, "id" | "version" | "tries">,
  wellParts: readonly string[],
): UpdateStep {
  const slot = otherSlot(current);
  const trial = { ...what, slot, before, bootId, starts: 0, verdict: "", partsBefore: [...wellParts] };
  return { state: { ...state, stage: "trying", trial }, actions: [{ kind: "try", slot }] };
}

function rollback(state: UpdateState, running: Running, wellParts: readonly string[]): UpdateStep {
  if (isProving(state, running)) return unwell(state, running, "the operator wanted the earlier system back");
  if (state.stage !== "idle" && state.stage !== "waiting") return still(state);
  const version = state.versions[otherSlot(running.slot)] ?? "";
  // What is asked for expressly is tried once, and installs nothing.
  const { candidate: _, ...rest } = state;
  return tried(rest, running, { id: "", version, tries: MAX_TRIES }, wellParts);
}

/** Whether what runs is what is being tried. */
export const isProving = ({ stage, trial }: UpdateState, { slot, bootId }: Running): boolean =>
  stage === "trying" && trial?.slot === slot && trial.bootId !== bootId;

function well(state: UpdateState, running: Running): UpdateStep {
  const isNew = isProving(state, running) || state.confirmedBootId !== running.bootId;
  // On its way into a trial nothing is confirmed any more: that would call the trial off.
  if (!isNew || (state.stage === "trying" && !isProving(state, running))) return still(state);
  // Already on its way back.
  if (isProving(state, running) && state.trial?.verdict) return still(state);
  return { state, actions: [{ kind: "confirm" }] };
}

function unwell(state: UpdateState, running: Running, reason: string): UpdateStep {
  if (!isProving(state, running) || !state.trial) return still(state);
  return end(state, state.trial, reason);
}

/** The reason first: it has to be there when the old system comes up. */
function end(state: UpdateState, trial: Trial, reason: string): UpdateStep {
  const verdict = trial.verdict || reason.slice(0, 500);
  return { state: { ...state, trial: { ...trial, verdict } }, actions: [{ kind: "go-back" }] };
}

function confirmed(state: UpdateState, running: Running): UpdateStep {
  const next = { ...state, confirmedBootId: running.bootId };
  if (!isProving(state, running) || !state.trial) return still(next);
  return succeeded(next, state.trial, running);
}

function succeeded(state: UpdateState, { before }: Trial, { version, slot }: Running): UpdateStep {
  return over(state, { kind: "updated", version, before, slot, reason: "" });
}

function wentBack(state: UpdateState, trial: Trial, { version, slot }: Running, reason: string): UpdateStep {
  const outcome: Outcome = { kind: "went-back", version: trial.version, before: version, slot, reason };
  return over(trial.id === "" ? state : withRefused(state, trial.id, reason), outcome);
}

function installFailed(state: UpdateState, running: Running, reason: string): UpdateStep {
  if (state.stage !== "installing" || !state.candidate) return still(state);
  return given(state, running, "failed", reason);
}

function given(state: UpdateState, running: Running, kind: "failed", reason: string): UpdateStep {
  const { id = "", version = "" } = state.candidate ?? {};
  const outcome: Outcome = { kind, version, before: running.version, slot: running.slot, reason };
  return over(withRefused(state, id, reason), outcome);
}

const withRefused = (state: UpdateState, id: string, reason: string): UpdateState => ({
  ...state,
  refused: [{ id, reason }, ...state.refused.filter((one) => one.id !== id)].slice(0, MAX_REFUSED),
});

/** Nothing is under way any more. */
function over(state: UpdateState, outcome: Outcome): UpdateStep {
  const { candidate: _, trial: __, ...rest } = state;
  const outcomes = [outcome, ...state.outcomes].slice(0, MAX_OUTCOMES);
  return { state: { ...rest, stage: "idle", outcomes }, actions: [{ kind: "tell", outcome }] };
}
