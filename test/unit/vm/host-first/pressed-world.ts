import fc from "fast-check";
import {
  CALM,
  decidePressure,
  type HostReading,
  type PressedLease,
  type PressureDecision,
  type PressureOrder,
  USUAL_POLICY,
} from "../../../../src/vm/host-first/decide-pressure.ts";

export const POLICY = { ...USUAL_POLICY, holdMs: 10_000, longestHoldMs: 80_000 };

export const WELL_OFF: Omit<HostReading, "atMs"> = {
  cpuStall: 0,
  cpuStallLately: 0,
  memoryStall: 0,
  ioStall: 0,
  availableMemoryMiB: 2_000,
  temperatureC: 50,
  throttled: false,
  power: "mains",
};
export const BUSY = { ...WELL_OFF, cpuStall: 0.9, cpuStallLately: 0.9 };
export const SHORT_OF_MEMORY = { ...WELL_OFF, availableMemoryMiB: 20 };

export const lease = (name: string, over: Partial<PressedLease> = {}): PressedLease => ({
  id: name.padStart(32, "0"),
  origin: "stranger",
  priority: 0,
  startedAtMs: 0,
  suspended: false,
  ...over,
});

export interface Happened {
  atMs: number;
  order: PressureOrder;
  decision: PressureDecision;
  /** As they were when it was ordered. */
  leases: readonly PressedLease[];
}

/** A box where every order is carried out at once, looked at once a second. */
export class PressedWorld {
  leases: PressedLease[];
  private state = CALM;
  private nowMs = 0;
  readonly happened: Happened[] = [];
  decision: PressureDecision | undefined;

  constructor(
    leases: readonly PressedLease[],
    private readonly policy = POLICY,
  ) {
    this.leases = [...leases];
  }

  second(reading: Omit<HostReading, "atMs">): PressureDecision {
    this.nowMs += 1_000;
    const decision = decidePressure(this.state, { ...reading, atMs: this.nowMs }, this.leases, this.policy);
    this.state = decision.state;
    this.decision = decision;
    for (const order of decision.orders) {
      this.happened.push({ atMs: this.nowMs, order, decision, leases: this.leases });
      this.leases =
        order.order === "displace"
          ? this.leases.filter(({ id }) => id !== order.id)
          : this.leases.map((lease) =>
              lease.id === order.id ? { ...lease, suspended: order.order === "suspend" } : lease,
            );
    }
    return decision;
  }

  seconds(count: number, reading: Omit<HostReading, "atMs">): string[] {
    const from = this.happened.length;
    for (let n = 0; n < count; n += 1) this.second(reading);
    return this.happened.slice(from).map(({ order }) => `${order.order} ${order.id.replace(/^0+/, "")}`);
  }
}

export const arbitraryReading: fc.Arbitrary<Omit<HostReading, "atMs">> = fc.record({
  cpuStall: fc.option(fc.constantFrom(0, 0.05, 0.2, 0.3, 1), { nil: undefined }),
  cpuStallLately: fc.option(fc.constantFrom(0, 0.1, 0.25, 0.6), { nil: undefined }),
  memoryStall: fc.option(fc.constantFrom(0, 0.01, 0.05, 0.2), { nil: undefined }),
  ioStall: fc.option(fc.constantFrom(0, 0.2, 0.8), { nil: undefined }),
  availableMemoryMiB: fc.constantFrom(10, 100, 500, undefined),
  temperatureC: fc.constantFrom(40, 75, 90, undefined),
  throttled: fc.constantFrom(true, false, undefined),
  power: fc.constantFrom("mains", "battery", "low", undefined),
});

export const arbitraryLeases: fc.Arbitrary<PressedLease[]> = fc.uniqueArray(
  fc.record({
    id: fc.integer({ min: 1, max: 9 }).map((n) => String(n).padStart(32, "0")),
    origin: fc.constantFrom("local", "network", "stranger"),
    priority: fc.integer({ min: 0, max: 2 }),
    startedAtMs: fc.integer({ min: 0, max: 3 }),
    suspended: fc.constant(false),
  }),
  { selector: ({ id }) => id, maxLength: 6 },
);

/** Long enough for marks to be passed both ways: the same reading for some seconds, then another. */
export const arbitraryWeather: fc.Arbitrary<Omit<HostReading, "atMs">[]> = fc
  .array(
    fc.tuple(
      fc.oneof(fc.constantFrom(WELL_OFF, BUSY, SHORT_OF_MEMORY), arbitraryReading),
      fc.integer({ min: 1, max: 60 }),
    ),
    {
      maxLength: 20,
    },
  )
  .map((spells) => spells.flatMap(([reading, seconds]) => Array<typeof reading>(seconds).fill(reading)));
