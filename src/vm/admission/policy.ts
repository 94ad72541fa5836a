/** What becomes of who no rule names: whoever asks, members of this box's networks only, after its operator said so, nobody. */
export type Acceptance = "all" | "members" | "ask" | "nobody";

/** What a box lends, to whom and when. Plain data: whoever holds it knows how the box will decide. */
export interface Policy {
  accept: Acceptance;
  /** The first that fits decides. The box's own operator needs none. */
  rules: readonly PolicyRule[];
  /** Public keys of requesters who get nothing, 64 hexadecimal digits each. */
  blocked: readonly string[];
  priorities: Priorities;
  /** The most that one lease gets. */
  limits: LeaseLimits;
  counts: LeaseCounts;
  /** Nothing is lent in them, and nothing beforehand that would last into them. */
  quietHours: QuietHours | undefined;
  activity: {
    /** How many characters a description has at least; 0: there may be none. */
    minChars: number;
    /** Words and parts of words that it must not have, in any case and width. */
    refused: readonly string[];
  };
  /** The operators of this box may look inside: who has not agreed to it gets nothing. */
  operatorsInspect: boolean;
  /** Only short, small leases, one for each source, so that there is one for the next visitor; undefined: off. */
  demo: DemoLimits | undefined;
}

/** Fits when everything fits that it names. */
export interface PolicyRule {
  /** Public key, 64 hexadecimal digits. */
  requester: string | undefined;
  /** A network of this box whose member the requester has proven to be. */
  network: string | undefined;
  /** Addresses that requests come from, as a prefix: `192.0.2.0/24`. */
  source: string | undefined;
  /** Reputations from the least to the most, both included; 0 to 100. */
  reputation: { least: number; most: number };
  verdict: "allow" | "ask" | "deny";
  /** Undefined: as the requester's standing has it. */
  priority: number | undefined;
}

/** The higher displaces the lower. */
export interface Priorities {
  local: number;
  member: number;
  stranger: number;
}

export interface LeaseLimits {
  cpus: number;
  memoryMiB: number;
  diskMiB: number;
  durationS: number;
  /** In kbit/s; undefined: as much as there is. */
  upKbit: number | undefined;
  downKbit: number | undefined;
  /** New connections in a second. */
  connectionsPerS: number;
}

export interface LeaseCounts {
  /** Leases at a time. */
  atOnce: number;
  /** Of one requester, those that wait among them. */
  perRequester: number;
  /** From one source (an IPv4 address, or a /64 of IPv6), by whatever key, those that wait among them. */
  perSource: number;
  /** Requests that may wait for room or for the operator's word; 0: none waits. */
  waiting: number;
}

/** Minutes since midnight by the box's local time; from after to: over midnight. */
export interface QuietHours {
  from: number;
  to: number;
}

export type DemoLimits = Pick<LeaseLimits, "cpus" | "memoryMiB" | "diskMiB" | "durationS">;

/** What holds in demo mode for who is not the box's operator. */
export function inForce(policy: Policy): Pick<Policy, "limits" | "counts"> {
  const { demo, limits, counts } = policy;
  if (demo === undefined) return { limits, counts };
  const least = (field: keyof DemoLimits) => Math.min(limits[field], demo[field]);
  return {
    limits: {
      ...limits,
      cpus: least("cpus"),
      memoryMiB: least("memoryMiB"),
      diskMiB: least("diskMiB"),
      durationS: least("durationS"),
    },
    counts: {
      ...counts,
      perRequester: Math.min(counts.perRequester, 1),
      perSource: Math.min(counts.perSource, 1),
    },
  };
}
