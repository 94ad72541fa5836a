import type { EnergyReading, EnergySource } from "./energy-sources.ts";

/** What the box drew between two readings; undefined where that cannot be told. */
export function joulesBetween(
  before: EnergyReading | undefined,
  after: EnergyReading | undefined,
  elapsedMs: number,
): number | undefined {
  if (!before || !after || before.kind !== after.kind || !(elapsedMs > 0)) return undefined;
  const byName = new Map(before.sources.map((source) => [source.name, source]));
  if (byName.size !== after.sources.length) return undefined;
  let microjoules = 0;
  for (const source of after.sources) {
    const drawn = drawnBetween(byName.get(source.name), source, elapsedMs);
    if (drawn === undefined) return undefined;
    microjoules += drawn;
  }
  return microjoules / 1_000_000;
}

function drawnBetween(
  before: EnergySource | undefined,
  after: EnergySource,
  elapsedMs: number,
): number | undefined {
  if (after.kind === "power")
    return before?.kind === "power"
      ? ((before.microwatts + after.microwatts) / 2) * (elapsedMs / 1_000)
      : undefined;
  if (before?.kind !== "counter") return undefined;
  const difference = after.microjoules - before.microjoules;
  if (difference >= 0) return difference;
  // It began anew. How often cannot be told, so readings must be closer than its range lasts: about a minute at 1 kW.
  const { rangeMicrojoules } = after;
  return rangeMicrojoules !== undefined && rangeMicrojoules >= before.microjoules
    ? difference + rangeMicrojoules
    : undefined;
}

/** What a lease has cost in energy: its share, by the time it had of all processors. */
export interface LeaseEnergy {
  joules: number;
  /** How much of its life could be measured; less than all: the figure is of that time alone. */
  measuredMs: number;
}

/** One instant of what {@link EnergyLedger} divides. */
export interface EnergyInstant {
  atMs: number;
  energy: EnergyReading | undefined;
  /** Processor time since its start that each lease has had, in microseconds. */
  leases: ReadonlyMap<string, number>;
}

/**
 * Divides what the box draws between its leases: each has the share that it had of all the time that all processors
 * had, be they busy or not. What the box would draw in any case is so borne by the box, for the most part.
 */
export class EnergyLedger {
  private before: EnergyInstant | undefined;
  private readonly shares = new Map<string, LeaseEnergy>();

  constructor(private readonly cpus: number) {}

  /** To be called more often than the shortest counter needs to begin anew, and when a lease ends. */
  note(instant: EnergyInstant): void {
    const { before } = this;
    this.before = instant;
    if (!before) return;
    const elapsedMs = instant.atMs - before.atMs;
    const joules = joulesBetween(before.energy, instant.energy, elapsedMs);
    if (joules === undefined) return;
    for (const [id, cpuUs] of instant.leases) {
      // One that was not there before began in between, at nothing.
      const hadUs = cpuUs - (before.leases.get(id) ?? 0);
      if (hadUs < 0) continue;
      const share = Math.min(1, hadUs / (elapsedMs * 1_000 * this.cpus));
      const known = this.shares.get(id) ?? { joules: 0, measuredMs: 0 };
      this.shares.set(id, {
        joules: known.joules + joules * share,
        measuredMs: known.measuredMs + elapsedMs,
      });
    }
  }

  /** @returns undefined where nothing could be measured: that is not the same as none */
  of(lease: string): LeaseEnergy | undefined {
    return this.shares.get(lease);
  }

  /** Once it has ended and its end is written down. */
  forget(lease: string): void {
    this.shares.delete(lease);
  }
}
