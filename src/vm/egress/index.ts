export { Egress } from "./egress.ts";
export { EgressError } from "./egress-error.ts";
export {
  type EgressGround,
  type EgressPlan,
  type EgressRequest,
  type EgressTunnel,
  planEgress,
  planGround,
} from "./egress-plan.ts";
export { EGRESS_TABLE } from "./egress-table.ts";
export { EVIDENCE_SETS } from "./link-guard.ts";
export { inside } from "./namespace.ts";
export { isOffence, OFFENCES, type Offence, offenceOf } from "./offence.ts";
export { makeTap } from "./tap.ts";
