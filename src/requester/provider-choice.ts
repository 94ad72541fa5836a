import type { Capability } from "../mesh/index.ts";
import type { LeaseResources } from "../vm/request/index.ts";

/** A box that could be asked. */
export interface Provider {
  /** By which it is told apart, and asked. */
  name: string;
  /** What people call it. */
  title: string;
  /** This machine's own box, a member of a network of this requester's, or anybody. */
  standing: "local" | "network" | "stranger";
  isConnected: boolean;
  /** There and back, where it is known. */
  rttMs: number | undefined;
  /** As it says of itself; undefined: it lends nothing, or a stranger has not said. */
  capability: Capability | undefined;
  /** Thousandths of a core that are in use there. */
  load: number;
}

export type ProviderNeed = Pick<LeaseResources, "cpus" | "memoryMiB">;

export interface ProviderChoice<P extends Provider = Provider> {
  /** The first to be asked comes first. @property why it stands there, in words */
  inTurn: readonly { provider: P; why: string }[];
  /** Who need not be asked. */
  leftOut: readonly { provider: P; why: string }[];
}

const STANDINGS: readonly Provider["standing"][] = ["local", "network", "stranger"];
/** Of load and of leases a tenth more or less is no reason: what boxes say is some seconds old. */
const STEPS = 10;

/**
 * Which boxes to ask for a machine, in which order: those that have room before those that would have to make it, what is
 * nearest to the requester before members of a network and those before strangers, the idle before the busy. What boxes say
 * of themselves may be a lie or have changed since; so it is an order to try, and each decides for itself. The same facts
 * have always the same order.
 */
export function chooseProviders<P extends Provider>(
  need: ProviderNeed,
  providers: readonly P[],
): ProviderChoice<P> {
  const leftOut: { provider: P; why: string }[] = [];
  const fitting: P[] = [];
  for (const provider of providers) {
    const why = whyNot(need, provider);
    if (why === undefined) fitting.push(provider);
    else leftOut.push({ provider, why });
  }
  const inTurn = fitting
    .sort((a, b) => compare(ranksOf(need, a), ranksOf(need, b)) || (a.name < b.name ? -1 : 1))
    .map((provider) => ({ provider, why: wordsOf(need, provider) }));
  return { inTurn, leftOut };
}

function whyNot(need: ProviderNeed, { capability, standing }: Provider): string | undefined {
  if (capability === undefined) return standing === "stranger" ? undefined : "it lends nothing";
  const { cpus, memoryMiB, maxLeases } = capability;
  if (maxLeases === 0) return "it lends nothing";
  if (cpus < need.cpus) return `it has ${cpus} ${cpus === 1 ? "processor" : "processors"} to lend in all`;
  if (memoryMiB < need.memoryMiB) return `it has ${memoryMiB} MiB to lend in all`;
  return undefined;
}

/** Lower is better, the first that differs decides. */
function ranksOf(need: ProviderNeed, provider: Provider): number[] {
  const { standing, isConnected, rttMs, capability } = provider;
  return [
    hasRoom(need, provider) ? 0 : 1,
    STANDINGS.indexOf(standing),
    isConnected ? 0 : 1,
    Math.floor(busyness(provider) * STEPS),
    capability === undefined ? 0 : Math.floor((capability.leases / capability.maxLeases) * STEPS),
    -(capability?.freeMemoryMiB ?? 0),
    rttMs ?? Number.MAX_VALUE,
  ];
}

/** Of a stranger who has said nothing it is hoped. */
const hasRoom = (need: ProviderNeed, { capability }: Provider): boolean =>
  capability === undefined ||
  (capability.freeMemoryMiB >= need.memoryMiB && capability.leases < capability.maxLeases);

/** The share of its processors that is in use; more than all of them is all. */
const busyness = ({ load, capability }: Provider): number =>
  capability === undefined ? 0 : Math.min(1, load / 1_000 / capability.cpus);

function wordsOf(need: ProviderNeed, provider: Provider): string {
  const { standing, capability, isConnected } = provider;
  const who = { local: "this machine's own", network: "a member's", stranger: "a stranger's" }[standing];
  if (capability === undefined) return `${who}; what it has is not known`;
  const { freeMemoryMiB, leases, maxLeases } = capability;
  const room = hasRoom(need, provider) ? "has room" : "would have to make room";
  const facts = [
    `${freeMemoryMiB} MiB free`,
    `${leases} of ${maxLeases} leases`,
    `${Math.round(busyness(provider) * 100)} % busy`,
    ...(isConnected ? [] : ["not connected"]),
  ];
  return `${who}; ${room}: ${facts.join(", ")}`;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((rank, index) => rank !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
