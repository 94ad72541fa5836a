import { byRank, compareStanding, type Ranked } from "./rank.ts";

/** What a lease takes of a box. */
export interface Room {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
}

export interface RoomyLease extends Ranked {
  room: Room;
}

const KINDS = ["cpus", "memoryMiB", "diskMiB"] as const;
const lacks = (free: Room, wanted: Room) => KINDS.some((kind) => free[kind] < wanted[kind]);

/**
 * Who has to be checkpointed and displaced so that a new lease has its room: only leases of a lower origin or priority
 * than it, the lowest first, and none whose room is not needed.
 * @returns in the order in which they go, none when there is room already; undefined when it is not to be had
 */
export function whoGivesWay(
  asking: Pick<Ranked, "origin" | "priority"> & { room: Room },
  free: Room,
  leases: readonly RoomyLease[],
): RoomyLease[] | undefined {
  const left = { ...free };
  const chosen: RoomyLease[] = [];
  for (const lease of leases.filter((lease) => compareStanding(lease, asking) < 0).sort(byRank)) {
    if (!lacks(left, asking.room)) break;
    // One that has nothing of what is missing would go in vain.
    if (!KINDS.some((kind) => left[kind] < asking.room[kind] && lease.room[kind] > 0)) continue;
    chosen.push(lease);
    for (const kind of KINDS) left[kind] += lease.room[kind];
  }
  if (lacks(left, asking.room)) return undefined;
  // Those after them may have brought enough alone: whoever is spared is the highest that can be.
  for (const lease of [...chosen].reverse()) {
    const without = { ...left };
    for (const kind of KINDS) without[kind] -= lease.room[kind];
    if (lacks(without, asking.room)) continue;
    chosen.splice(chosen.indexOf(lease), 1);
    Object.assign(left, without);
  }
  return chosen;
}
