export { AirtimeLedger, type LedgerOptions, type Recorded, type Reservation } from "./airtime-ledger.ts";
export { type BootClock, systemBootClock } from "./boot-clock.ts";
export { type KeptLedgerOptions, openKeptLedger } from "./kept-ledger.ts";
export { LedgerStore } from "./ledger-store.ts";
export { PacedCarrier, type PacedCarrierOptions } from "./paced-carrier.ts";
export { ChannelError, REGIONS, type RegionName, type SubBand, subBandOf } from "./regions.ts";
export { bitRate, symbolMs, timeOnAirMs } from "./time-on-air.ts";
