export {
  type Accelerator,
  AGENT_PORT,
  type Architecture,
  type DomainPlan,
  DomainPlanError,
  EMULATORS,
  MACHINES,
} from "./domain-plan.ts";
export { domainXml } from "./domain-xml.ts";
export { type MachineBoot, type MachineHouse, machinePlan } from "./machine-plan.ts";
export { type DomainIdentity, identityOf, renamedDomain } from "./renamed-domain.ts";
