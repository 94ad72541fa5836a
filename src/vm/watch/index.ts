export type { Amount, CountedEvidence, Evidence, LeaseTraffic } from "./counted.ts";
export { LeaseWatch, type LeaseWatchOptions, type WatchedLease } from "./lease-watch.ts";
export { punishmentOf } from "./policy-of-config.ts";
export {
  cutOn,
  DEFAULT_PUNISHMENT,
  isHarder,
  PUNISHMENTS,
  type Punishment,
  type PunishmentPolicy,
  punish,
} from "./punish.ts";
export type { RogueEvent } from "./rogue-events.ts";
