export { AirtimeLedger, type Reservation } from "./airtime-ledger.ts";
export { LedgerStore } from "./ledger-store.ts";
export { PacedCarrier, type PacedCarrierOptions } from "./paced-carrier.ts";
export { ChannelError, REGIONS, type RegionName, type SubBand, subBandOf } from "./regions.ts";
export { bitRate, timeOnAirMs } from "./time-on-air.ts";
