export type { LeaseStatistics } from "./lease-row.ts";
export {
  hasMachine,
  isWaiting,
  type LeaseAction,
  type LeaseEvent,
  type LeaseLimits,
  type LeaseNews,
  type LeaseOutcome,
  type LeasePhase,
  type LeaseState,
  newLease,
  PREPARATION,
  type PreparationStep,
  USUAL_LIMITS,
} from "./lease-state.ts";
export { leaseStep } from "./lease-step.ts";
export { type EndedLease, type KeptLease, LeaseStore, type LeaseStoreOptions } from "./lease-store.ts";
