import { OFFENCES, type Offence } from "../egress/index.ts";
import type { CountedEvidence, Evidence, LeaseTraffic } from "./counted.ts";

/** A machine tried what it is not to do. */
export interface RogueEvent {
  lease: string;
  kind: "rogue";
  offence: Offence;
  /** undefined: more was tried at once than is kept, or the offence leaves none. */
  evidence: Evidence | undefined;
  /** How often, since the last look. */
  packets: number;
  /** ms since 1970. */
  atMs: number;
}

/** Events of one look, for each offence. A scan is one event with how much there was of it, not a thousand. */
const MOST_EVENTS = 8;

/** Whether something was tried between two looks. */
export const hasRogue = (before: LeaseTraffic | undefined, after: LeaseTraffic): boolean =>
  OFFENCES.some((offence) => after.rogue[offence] > (before?.rogue[offence] ?? 0));

/**
 * What was tried between two looks. The packets of the events of an offence add up to what its counter has risen by.
 * @param evidence as it is now, and was at the look before
 */
export function rogueEvents(
  lease: string,
  before: { traffic: LeaseTraffic; evidence: readonly CountedEvidence[] } | undefined,
  after: { traffic: LeaseTraffic; evidence: readonly CountedEvidence[] },
  atMs: number,
): RogueEvent[] {
  const known = new Map((before?.evidence ?? []).map((one) => [keyOf(one), one.packets]));
  return OFFENCES.flatMap((offence) => {
    let rest = after.traffic.rogue[offence] - (before?.traffic.rogue[offence] ?? 0);
    const event = (evidence: Evidence | undefined, packets: number): RogueEvent => ({
      lease,
      kind: "rogue",
      offence,
      evidence,
      packets,
      atMs,
    });
    const events: RogueEvent[] = [];
    for (const one of after.evidence) {
      if (one.offence !== offence || rest <= 0 || events.length >= MOST_EVENTS) continue;
      // One that was forgotten and is there again counts anew.
      const earlier = known.get(keyOf(one)) ?? 0;
      const risen = one.packets >= earlier ? one.packets - earlier : one.packets;
      // Counters and sets are read one after the other: what came in between is the next look's.
      const packets = Math.min(risen, rest);
      if (packets <= 0) continue;
      rest -= packets;
      events.push(event(one.evidence, packets));
    }
    if (rest > 0) events.push(event(undefined, rest));
    return events;
  });
}

const keyOf = ({ offence, evidence: { proto, src, dst, port } }: CountedEvidence): string =>
  `${offence} ${proto} ${src} ${dst} ${port ?? ""}`;
