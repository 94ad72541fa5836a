export { BatmanPart, type BatmanPartOptions, type MeshGateway } from "./batman-part.ts";
export { BATMAN_DEVICE, type BatmanPlan, type HardInterface, planBatman } from "./plan-batman.ts";
