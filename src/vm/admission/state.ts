import type { LeaseRequest } from "../request/index.ts";

/** What this box can lend in all at the moment, what is lent already included; measured, so it may shrink below that. */
export interface Capability {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  /** Names of guest images. */
  images: readonly string[];
}

/** Where a request came from, as the box itself knows it: nothing of it is the request's own word. */
export interface Source {
  /** IPv4 or IPv6; undefined where a request has none, as on the box's own control socket. */
  address: string | undefined;
  /** From this box itself or its operator. */
  local: boolean;
  /** Ids of this box's networks whose member the requester has proven to be. */
  networks: readonly string[];
  /** 0 to 100, see {@link UNKNOWN_REPUTATION}. */
  reputation: number;
}

/** Of who has never been here. */
export const UNKNOWN_REPUTATION = 50;

type Asked = Pick<LeaseRequest, "id" | "requester"> & {
  priority: number;
  /** Of the request, undefined for the box's own. */
  sourceAddress: string | undefined;
};

/** A lease that holds resources, from the moment that it was allowed until everything of it is gone. */
export interface LiveLease extends Asked {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  /** ms since 1970 by the box's clock. */
  startedMs: number;
  endsMs: number;
}

/** What a request waits for: that something is given back, the operator's word, or that the box lends again what it lends. */
export type WaitsFor = "room" | "operator" | "host";

export interface WaitingRequest extends Asked {
  for: WaitsFor;
}

export interface AdmissionState {
  capability: Capability;
  /** What the box has too little of for its own work now, in words; undefined: it has enough. */
  needsItself?: string | undefined;
  live: readonly LiveLease[];
  /** Those that have waited longest come first. */
  waiting: readonly WaitingRequest[];
  /** Requests that were let in before, as `SeenRequests` keeps them. */
  seen: { has(request: Pick<LeaseRequest, "id" | "requester" | "createdAt">): boolean };
}
