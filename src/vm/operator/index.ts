export { BlockedRequesters } from "./blocked-requesters.ts";
export {
  ComputeOperator,
  type ComputeOperatorOptions,
  lendsNothing,
  type OperatedCompute,
  type OperatedLending,
} from "./compute-operator.ts";
export type {
  ComputeView,
  Names,
  ShownEnd,
  ShownLease,
  ShownRequester,
  ShownWaiting,
} from "./compute-view.ts";
