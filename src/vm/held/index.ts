export type { HypervisorView } from "./hypervisor-view.ts";
export { lookThroughBinding } from "./libvirt-binding.ts";
export { lookAtHypervisor, lookThroughLibrary, type Through } from "./look-at-hypervisor.ts";
export { type OwnMachine, type Whose, whoseMachine } from "./whose-machine.ts";
