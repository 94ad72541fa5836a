import { OFFENCES, type Offence } from "../egress/index.ts";
import type { RogueEvent } from "./rogue-events.ts";

/** From the mildest to the hardest. */
export const PUNISHMENTS = ["log", "cut", "suspend", "destroy"] as const;
export type Punishment = (typeof PUNISHMENTS)[number];

export interface PunishmentPolicy {
  /** For a single event. */
  usually: Punishment;
  /** For single events of these offences instead. */
  offences: Readonly<Partial<Record<Offence, Punishment>>>;
  /** So many packets within so long, whatever the offences, are worse than each. */
  escalation: readonly { packets: number; withinS: number; to: Punishment }[];
}

/** A machine of ours that is merely set up wrongly is not ended for one packet; one that goes on is. */
export const DEFAULT_PUNISHMENT: PunishmentPolicy = {
  usually: "log",
  offences: { mac: "cut", source: "cut" },
  escalation: [
    { packets: 20, withinS: 60, to: "cut" },
    { packets: 200, withinS: 600, to: "destroy" },
  ],
};

/** Offences of which the kernel itself is to cut a machine off with the first packet: all that are punished by more than a note. */
export const cutOn = (policy: PunishmentPolicy): Offence[] =>
  OFFENCES.filter((offence) => isHarder(policy.offences[offence] ?? policy.usually, "log"));

/**
 * What an event brings upon its machine.
 * @param history earlier events of the same lease, in any order
 */
export function punish(
  policy: PunishmentPolicy,
  history: readonly RogueEvent[],
  event: RogueEvent,
): Punishment {
  const own = policy.offences[event.offence] ?? policy.usually;
  return policy.escalation
    .filter(({ packets, withinS }) => {
      const sinceMs = event.atMs - withinS * 1_000;
      const recent = history.filter(({ atMs }) => atMs > sinceMs && atMs <= event.atMs);
      return recent.reduce((sum, one) => sum + one.packets, event.packets) >= packets;
    })
    .reduce((hardest, { to }) => (isHarder(to, hardest) ? to : hardest), own);
}

export const isHarder = (one: Punishment, other: Punishment): boolean =>
  PUNISHMENTS.indexOf(one) > PUNISHMENTS.indexOf(other);
