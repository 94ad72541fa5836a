import { fingerprint } from "../../identity/index.ts";
import { type Policy, type Source, UNKNOWN_REPUTATION, type WaitsFor } from "../admission/index.ts";
import { clockText } from "../admission/quiet-hours.ts";
import type { LendingCapability } from "../capability/index.ts";
import type { OwnMachine } from "../held/index.ts";
import type { EndedLease, LeaseOutcome, LeasePhase, LeaseStatistics } from "../leases/index.ts";
import type { Applicant, Lent } from "../lending/index.ts";
import type { LeaseRequest } from "../request/index.ts";
import type { LeaseTraffic } from "../watch/index.ts";

/** Who asks, as an operator reads it. */
export interface ShownRequester {
  /** 64 hexadecimal digits. */
  key: string;
  /** Four words of it. */
  words: string;
  /** Where this box knows one. */
  name?: string;
}

/** What both a lease and a request that waits have. */
interface Shown {
  id: string;
  who: ShownRequester;
  /** The network whose member they have proven to be, by its name where it has one; "": none. */
  network: string;
  /** "this box" for its own. */
  from: string;
  /** 0 to 100. */
  reputation: number;
  activity: string;
  image: string;
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  priority: number;
  /** They have agreed that operators look inside. */
  acceptsInspection: boolean;
}

export interface ShownLease extends Shown {
  phase: LeasePhase;
  /** Why it stands, where it does. */
  why: string;
  secondsLeft: number;
  /** Undefined: not known yet. */
  upBytes?: number;
  downBytes?: number;
  /** Packets that were tried past the tunnel. */
  rogueAttempts: number;
  cpuSeconds?: number;
  /** Undefined: it cannot be measured here. */
  energyJoules?: number;
}

export interface ShownWaiting extends Shown {
  waitsFor: WaitsFor;
  why: string;
  place: number;
  /** What was asked for. */
  seconds: number;
  waitedSeconds: number;
}

export interface ShownEnd {
  id: string;
  who: ShownRequester;
  activity: string;
  outcome: LeaseOutcome;
  why: string;
  usedSeconds: number;
}

/** What an operator sees of what their box lends. */
export interface ComputeView {
  /** In words; absent: it lends. */
  lendsNothing?: string;
  /** Absent while nothing is lent. */
  room?: Pick<LendingCapability, "acceleration" | "total" | "lent" | "free" | "leases" | "maxLeases">;
  leases: ShownLease[];
  /** Whose turn it is first. */
  waiting: ShownWaiting[];
  /** The last that ended. */
  ended: ShownEnd[];
  blocked: (ShownRequester & { byConfiguration: boolean })[];
  /** All that this box has made, those that wait and visitors' among them. */
  machines: OwnMachine[];
  terms: {
    accept: Policy["accept"];
    operatorsInspect: boolean;
    /** "22:00-06:00"; "": none. */
    quietHours: string;
  };
}

/** What a name is looked up by. */
export interface Names {
  /** @param network that they have proven to be in; undefined: none */
  requester(key: string, network: string | undefined): string | undefined;
  network(id: string): string | undefined;
}

export const NO_NAMES: Names = { requester: () => undefined, network: () => undefined };

export function shownRequester(key: string, network: string | undefined, names: Names): ShownRequester {
  const name = names.requester(key, network);
  const words = fingerprint(Uint8Array.from(Buffer.from(key, "hex")));
  return { key, words, ...(name === undefined ? {} : { name }) };
}

function shown(request: LeaseRequest, source: Source, priority: number, names: Names): Shown {
  const { id, requester, network: said, activity, image, resources, acceptsInspection } = request;
  const { cpus, memoryMiB, diskMiB } = resources;
  const network = said !== undefined && source.networks.includes(said) ? said : undefined;
  return {
    ...{ id, activity, image, cpus, memoryMiB, diskMiB, priority, acceptsInspection },
    who: shownRequester(requester, network, names),
    network: network === undefined ? "" : (names.network(network) ?? network),
    from: source.local ? "this box" : (source.address ?? ""),
    reputation: source.local ? UNKNOWN_REPUTATION : source.reputation,
  };
}

export function shownLease(
  { lease, source, priority, rogue }: Readonly<Lent>,
  traffic: LeaseTraffic | undefined,
  statistics: LeaseStatistics,
  names: Names,
): ShownLease {
  const { phase, why, limits, usedMs } = lease.state;
  const counted = Object.values(traffic?.rogue ?? {}).reduce((sum, packets) => sum + packets, 0);
  const told = rogue.reduce((sum, { packets }) => sum + packets, 0);
  const { cpuMs, energyMj } = statistics;
  return {
    ...shown(lease.order.request, source, priority, names),
    ...{ phase, why },
    secondsLeft: Math.max(0, Math.ceil((limits.durationMs - usedMs) / 1_000)),
    ...(traffic === undefined ? {} : { upBytes: traffic.up.bytes, downBytes: traffic.down.bytes }),
    rogueAttempts: Math.max(counted, told),
    ...(cpuMs === undefined ? {} : { cpuSeconds: cpuMs / 1_000 }),
    ...(energyMj === undefined ? {} : { energyJoules: energyMj / 1_000 }),
  };
}

/** @param waiting whose turn it is first */
export function shownWaiting(
  waiting: readonly Readonly<Applicant>[],
  nowMs: number,
  names: Names,
): ShownWaiting[] {
  const counts = { room: 0, operator: 0, host: 0 };
  return waiting.map(({ request, source, priority, waitsFor, why, askedMs }) => {
    counts[waitsFor] += 1;
    return {
      ...shown(request, source, priority, names),
      ...{ waitsFor, why, place: counts[waitsFor] },
      seconds: request.durationS,
      // The wall clock may have been put back.
      waitedSeconds: Math.max(0, Math.round((nowMs - askedMs) / 1_000)),
    };
  });
}

export const shownEnd = (
  { id, requester, activity, outcome, why, usedMs }: EndedLease,
  names: Names,
): ShownEnd => ({
  ...{ id, activity, outcome, why },
  who: shownRequester(requester, undefined, names),
  usedSeconds: Math.round(usedMs / 1_000),
});

export const shownTerms = ({ accept, operatorsInspect, quietHours }: Policy): ComputeView["terms"] => ({
  ...{ accept, operatorsInspect },
  quietHours: quietHours ? `${clockText(quietHours.from)}-${clockText(quietHours.to)}` : "",
});
