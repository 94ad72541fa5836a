export { EnergyLedger, type LeaseEnergy } from "./energy.ts";
export { type EnergyReading, readEnergy } from "./energy-sources.ts";
export { type LeaseFolders, type LeaseUsage, readLeaseUsage } from "./lease-statistics.ts";
export {
  debianArchitecture,
  forRecord,
  type LendingCapability,
  type LendingInventory,
  type LendingReserve,
  type LentResources,
  lendingOf,
  loadOf,
} from "./lending.ts";
export { type MemoryInfo, parseMemoryInfo } from "./memory-info.ts";
export { parseProcessorTime, processorBetween } from "./processor-time.ts";
