export { canCarry } from "./combinations.ts";
export { networkName } from "./network-name.ts";
export { planRadios } from "./plan-radios.ts";
export { planText } from "./plan-text.ts";
export type {
  PlanNote,
  PlannedChannel,
  PlannedInterface,
  PlannedRadio,
  RadioPlan,
  Role,
} from "./radio-plan.ts";
