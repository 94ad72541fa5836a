import type { HostInterface } from "../../host/interfaces.ts";
import { type KnownUplink, MOST_UPLINKS } from "./known-uplinks.ts";
import type { LinkNotes } from "./link-resolvers.ts";
import { NewsRate } from "./news-rate.ts";
import type { TargetTurns } from "./target-turns.ts";
import { newHealth, type UplinkHealth, type UplinkState } from "./uplink-health.ts";

/** All that the watch has of one uplink. */
export interface UplinkEntry {
  known: KnownUplink;
  found: HostInterface | undefined;
  notes: LinkNotes;
  health: UplinkHealth;
  readonly turns: TargetTurns;
  /** The last state that was told of. */
  told: UplinkState;
  readonly news: NewsRate;
  isChecking: boolean;
  /** Calls the next check off. */
  callOff: () => void;
}

/** What is plugged in again within this time is the same as before. */
const GONE_MS = 60_000;

export const newEntry = (known: KnownUplink, turns: TargetTurns, atMs: number): UplinkEntry => ({
  ...{ known, turns, found: undefined, notes: { resolvers: [], isOwn: false } },
  ...{ health: newHealth(atMs), told: "absent", news: new NewsRate() },
  ...{ isChecking: false, callOff: () => {} },
});

/**
 * All with one more, as far as there is room. It takes the place of one that was found and has gone for good, as phones
 * that tether are named anew each time that they are plugged in; the others keep their places. Pure.
 * @param named those of the configuration, whose places stay theirs
 */
export function withEntry(
  entries: ReadonlyMap<string, UplinkEntry>,
  entry: UplinkEntry,
  named: readonly string[],
  atMs: number,
): ReadonlyMap<string, UplinkEntry> {
  const all = [...entries.values()];
  const gone = all.findIndex(
    ({ known, health }) =>
      !named.includes(known.interface) && health.state === "absent" && atMs - health.sinceMs >= GONE_MS,
  );
  const next = gone < 0 ? [...all, entry] : all.with(gone, entry);
  return new Map(next.slice(0, MOST_UPLINKS).map((one) => [one.known.interface, one]));
}
