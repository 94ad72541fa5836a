import { join } from "node:path";
import { systemClock } from "../../../../src/host/clock.ts";
import type { Policy } from "../../../../src/vm/admission/index.ts";
import { lendingOf } from "../../../../src/vm/capability/index.ts";
import type { OwnMachine } from "../../../../src/vm/held/index.ts";
import type { LenderOptions } from "../../../../src/vm/lending/index.ts";
import { BlockedRequesters, ComputeOperator, type Names } from "../../../../src/vm/operator/index.ts";
import type { LeaseTraffic } from "../../../../src/vm/watch/index.ts";
import { policy } from "../admission/fixed-case.ts";
import { lending } from "../lending/played-ground.ts";

const GIB = 1_024;
export const counted = (up: number, down: number, rogue = 0): LeaseTraffic => ({
  up: { packets: 1, bytes: up },
  down: { packets: 1, bytes: down },
  ...{ noise: 0, jailed: 0 },
  rogue: {
    ...{ mac: 0, arp: 0, ipv6: 0, ethertype: 0, malformed: 0, source: 0 },
    ...{ destination: rogue, box: 0, forward: 0, flood: 0 },
  },
});

/** A box that lends on a played machine, and its operator. */
export function operated(
  folder: string,
  more: { policy?: Policy; names?: Names; lender?: Partial<LenderOptions> } = {},
) {
  const blocked = BlockedRequesters.open(join(folder, "blocked.json"));
  const inForce = more.policy ?? policy({ accept: "all" });
  const stand = lending(folder, { policy: inForce, blocked: () => blocked.list(), ...more.lender });
  const { lender, store, journal } = stand;
  const traffic = new Map<string, LeaseTraffic>();
  const statistics = new Map<string, { cpuMs: number; energyMj?: number }>();
  const state = {
    lendsNothing: undefined as string | undefined,
    /** How far the operator's clock is ahead of the time at which leases were asked for. */
    laterMs: 0,
    /** Machines of the box that are no lease's. */
    others: [] as OwnMachine[],
  };
  const operator = new ComputeOperator({
    lending: () =>
      state.lendsNothing !== undefined
        ? undefined
        : {
            lender,
            capability: () =>
              lendingOf(
                {
                  ...{ architecture: "amd64", acceleration: "emulation", cpus: 4, load: 100 },
                  memory: { totalMiB: 4 * GIB, availableMiB: 3 * GIB, swapMiB: 0 },
                  ...{ freeMediumMiB: 0, overlaysInMemory: true, images: ["small"] },
                },
                { cpus: 1, memoryMiB: 256, diskMiB: 0, maxLeases: inForce.counts.atOnce, overheadMiB: 96 },
                lender.live().map((one) => ({
                  ...one,
                  ...{ diskInMemory: true, usedMemoryMiB: undefined, usedDiskMiB: undefined },
                })),
              ),
            traffic: (lease) => traffic.get(lease),
            statistics: (lease) => statistics.get(lease) ?? {},
            machines: () => [
              ...lender.leases().map(({ lease }) => {
                const { id } = lease.state;
                return { domain: lease.machine.names.domain, of: "lease" as const, id };
              }),
              ...state.others,
            ],
            ended: (most) => store.ended(most),
          },
    lendsNothing: () => state.lendsNothing,
    policy: inForce,
    blocked,
    journal,
    clock: { wallMs: () => systemClock.wallMs() + state.laterMs },
    ...(more.names ? { names: more.names } : {}),
  });
  return { ...stand, operator, blocked, traffic, statistics, state };
}
