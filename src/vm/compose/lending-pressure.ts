import type { Logger } from "../../host/log.ts";
import type { Timers } from "../../host/timers.ts";
import type { Source } from "../admission/index.ts";
import type { Demos } from "../demo/index.ts";
import {
  HostFirst,
  HostReadings,
  type Origin,
  type PressedLease,
  readControllerPlaces,
  readPressure,
  USUAL_POLICY,
  VMS_GROUP,
} from "../host-first/index.ts";
import type { Lender } from "../lending/index.ts";

export interface LendingPressureOptions {
  lender: Pick<Lender, "leases">;
  demos: Pick<Demos, "running" | "suspend" | "resume" | "displace">;
  /** What has to stay available for the box itself. */
  keptMemoryMiB: number;
  /** A machine that makes room can be saved. */
  canSave: boolean;
  timers: Timers;
  log: Logger;
}

/** Below this share of what is kept for the box, leases give way. */
const TOO_LITTLE = 0.5;

/** Has leases, and visitors' machines before all others, give way when the box needs itself. */
export function lendingPressure(options: LendingPressureOptions): HostFirst {
  const { lender, demos, keptMemoryMiB, canSave, timers, log } = options;
  const mount = readControllerPlaces().get("unified")?.mount;
  const readings = new HostReadings({ pressure: () => readPressure(mount, VMS_GROUP) });
  const leaseOf = (id: string) => lender.leases().find(({ lease }) => lease.state.id === id)?.lease;
  const isVisitor = (id: string) => demos.running().some((demo) => demo.id === id);
  const { leastMemoryMiB } = USUAL_POLICY;
  return new HostFirst({
    reading: (atMs) => readings.next(atMs),
    leases: () => [...pressedLeases(options), ...pressedVisitors(options)],
    async suspend(id, cause) {
      if (isVisitor(id)) return demos.suspend(id);
      log.info(`lease ${id.slice(0, 10)} rests: ${cause}`);
      void leaseOf(id)?.on({ type: "pressure" });
    },
    async resume(id) {
      if (isVisitor(id)) return demos.resume(id);
      void leaseOf(id)?.on({ type: "relief" });
    },
    async displace(id, cause) {
      if (isVisitor(id)) return demos.displace(id);
      const why = `the box needs its ${cause} for its own work`;
      void leaseOf(id)?.on({ type: "displaced", withCheckpoint: canSave, why });
    },
    policy: {
      ...USUAL_POLICY,
      leastMemoryMiB: {
        ...leastMemoryMiB,
        enough: Math.max(leastMemoryMiB.enough, Math.floor(keptMemoryMiB * TOO_LITTLE)),
        tooLittle: Math.max(leastMemoryMiB.tooLittle, Math.floor((keptMemoryMiB * TOO_LITTLE) / 2)),
      },
    },
    ...{ timers, log },
  });
}

function pressedLeases({ lender }: LendingPressureOptions): PressedLease[] {
  return lender.leases().flatMap(({ lease: { state }, source, priority, startedMs }) => {
    const isThere = state.phase === "running" || state.phase === "suspended";
    const suspended = state.phase === "suspended";
    const origin = originOf(source);
    return isThere ? [{ id: state.id, origin, priority, startedAtMs: startedMs, suspended }] : [];
  });
}

/** Below everybody who has asked by name. */
const pressedVisitors = ({ demos }: LendingPressureOptions): PressedLease[] =>
  demos.running().map((demo) => ({ ...demo, origin: "stranger", priority: 0 }));

export function originOf({ local, networks }: Pick<Source, "local" | "networks">): Origin {
  if (local) return "local";
  return networks.length > 0 ? "network" : "stranger";
}
